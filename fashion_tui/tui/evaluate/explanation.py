"""The text of the explanation of a prediction: the methods, the probabilities, and the labels of similar images."""

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from rich.cells import cell_len
from rich.text import Text

from fashion_tui.report.class_names import short_class_name
from fashion_tui.report.formatting import printable, shorten
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import ACCENT, BAD, FOREGROUND, GOOD, MUTED
from fashion_tui.schema.evaluation import Prediction
from fashion_tui.schema.explanation import HeatMap, Method, Neighbours
from fashion_tui.schema.picture import Picture
from fashion_tui.tui.actions import key_hints, key_of
from fashion_tui.tui.widgets.image_tiles import Tile

from .predictions import format_confidence

METHODS: tuple[Method, ...] = get_args(Method)
TITLES: dict[Method, str] = {
    "gradient": "gradient × input",
    "smoothgrad": "SmoothGrad",
    "grad-cam": "Grad-CAM",
    "occlusion": "occlusion",
}
BAR_WIDTH = 10


def method_title(method: Method, glyphs: Glyphs) -> str:
    return printable(TITLES[method], glyphs)


def prediction_lines(prediction: Prediction, names: Sequence[str], width: int, glyphs: Glyphs) -> list[Text]:
    """Return the true class and, for a wrong prediction, the predicted class with its probability."""
    truth = short_class_name(names, prediction.truth, width - 7, glyphs)
    confidence = format_confidence(prediction.confidence)
    true_class = Text.assemble(("  true ", MUTED), (truth, f"bold {FOREGROUND}"))
    if prediction.predicted is None:
        return [true_class, Text(f"{glyphs.bad} the outputs aren't numbers", BAD)]
    if prediction.predicted == prediction.truth:
        return [
            Text.assemble((f"{glyphs.good} ", GOOD), (truth, f"bold {FOREGROUND}")),
            Text(f"  predicted, {confidence}", MUTED),
        ]
    available = width - len("  predicted ") - len(confidence) - 2
    predicted = short_class_name(names, prediction.predicted, available, glyphs)
    return [
        true_class,
        Text.assemble(
            (f"{glyphs.bad} ", f"bold {BAD}"), ("predicted ", MUTED), (predicted, BAD), (f", {confidence}", MUTED)
        ),
    ]


def method_lines(chosen: Method, layer: str | None, width: int, glyphs: Glyphs) -> list[Text]:
    """Return the list of methods with a cursor on the chosen one. `layer` is the layer that Grad-CAM uses."""
    lines = []
    for method in METHODS:
        is_chosen = method == chosen
        mark = (f"{glyphs.cursor} ", ACCENT) if is_chosen else ("  ", "")
        title = method_title(method, glyphs)
        line = Text.assemble(mark, (title, f"bold {FOREGROUND}" if is_chosen else MUTED), no_wrap=True)
        if is_chosen and method == "grad-cam" and layer is not None:
            line.append(f" of {shorten(layer, max(width - line.cell_len - 4, 1), glyphs)}", MUTED)
        lines.append(line)
    return lines


def advice_lines(heat: HeatMap) -> list[Text]:
    """Return the keys for another layer and for occlusion if Grad-CAM is 0 everywhere, else no lines."""
    if heat.method != "grad-cam" or heat.scale:
        return []
    other_layer = [(key_of("explanation", "choose_layer"), "another layer")] if len(heat.layers) > 1 else []
    return [key_hints(*other_layer, (key_of("explanation", "next_method"), "occlusion"))]


def probability_lines(
    prediction: Prediction, names: Sequence[str], limit: int, width: int, glyphs: Glyphs
) -> list[Text]:
    """Return a bar for each of the `limit` most probable classes. The true class is always among them."""
    probabilities = prediction.probabilities
    order = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])
    if order.index(prediction.truth) >= limit > 0:
        order[limit - 1] = prediction.truth
    available = width - BAR_WIDTH - 9
    lines = []
    for index in order[: max(limit, 0)]:
        colour = GOOD if index == prediction.truth else BAD if index == prediction.predicted else ACCENT
        glyph = glyphs.good if index == prediction.truth else glyphs.bad if index == prediction.predicted else " "
        name = short_class_name(names, index, available, glyphs)
        bar = glyphs.slim_bar(probabilities[index], BAR_WIDTH) if probabilities[index] >= 0.0005 else ""
        lines.append(
            Text.assemble(
                (f"{glyph} ", f"bold {colour}"),
                (name + " " * (available - cell_len(name) + 1), FOREGROUND if glyph != " " else MUTED),
                (f"{bar:<{BAR_WIDTH}}", colour),
                (f"{probabilities[index] * 100:6.1f}", FOREGROUND),
                no_wrap=True,
            )
        )
    return lines


def neighbour_tiles(
    prediction: Prediction, neighbours: Neighbours, names: Sequence[str], width: int, glyphs: Glyphs
) -> list[Tile]:
    """Return a tile for the image, and one for each similar training image with its label and distance.

    Labels that are the true class of the image have a tick.
    """

    def label(index: int) -> str:
        return short_class_name(names, index, width - 2, glyphs)

    this = Tile(
        Picture(prediction.pixels, prediction.image_shape),
        (Text.assemble("  ", (label(prediction.truth), f"bold {FOREGROUND}")), Text("  this image", ACCENT)),
    )
    tiles = [this]
    for neighbour in neighbours.neighbours:
        same = neighbour.label == prediction.truth
        mark = glyphs.good if same else " "
        tiles.append(
            Tile(
                Picture(neighbour.image, neighbours.image_shape),
                (
                    Text.assemble((f"{mark} ", GOOD), (label(neighbour.label), FOREGROUND)),
                    Text(f"  {neighbour.distance:#.3g}", MUTED),
                ),
            )
        )
    return tiles


def neighbours_title(neighbours: Neighbours, shown: int, names: Sequence[str], width: int, glyphs: Glyphs) -> Text:
    """Return `5 Shirt, 2 Coat · nearest of 55,000 training images, with distances`.

    If it fits, ` at the 200 inputs of the last linear layer` is appended.
    """
    labels = Counter(neighbour.label for neighbour in neighbours.neighbours[:shown])
    counts = ", ".join(f"{count} {printable(names[label], glyphs)}" for label, count in labels.most_common())
    title = Text.assemble(
        (counts, FOREGROUND),
        (f" {glyphs.dot} nearest of {neighbours.training_images:,} training images, with distances", MUTED),
        no_wrap=True,
        overflow="ellipsis",
    )
    where = f" at the {neighbours.dimensions:,} inputs of the last linear layer"
    return title.append(where, MUTED) if title.cell_len + len(where) <= width else title
