"""Labels, captions and details of predictions."""

import math
from collections.abc import Mapping, Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from fashion_tui.report.class_names import short_class_name, short_class_names
from fashion_tui.report.formatting import shorten
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, BAD, FOREGROUND, GOOD, MUTED
from fashion_tui.schema.audit import ImageKey
from fashion_tui.schema.dataset import Split
from fashion_tui.schema.evaluation import Prediction, PredictionOrder
from fashion_tui.schema.picture import Picture
from fashion_tui.tui.widgets.grid_cursor import GridCursor
from fashion_tui.tui.widgets.image_tiles import NARROW_TILE, Tile

from .selection import Selection

LABEL_LINES = 2
LINE_WIDTH = 40
"""Width of the details of a prediction, in columns."""
MAX_NAME_WIDTH = 20
MIN_BAR_WIDTH = 8
OTHER_LINES = 10
"""Number of lines of the terminal that aren't available for the probabilities of the classes."""
MIN_CLASSES = 5
MIN_PROBABILITY = 0.0005
"""Smallest probability that rounds to 0.1 %. Smaller probabilities have no bar."""


def prediction_tile(
    prediction: Prediction, names: Sequence[str], width: int, glyphs: Glyphs, *, mislabelled: bool = False
) -> Tile:
    """Return a tile labelled `✓ Shirt` and `97 %`, or `✕ Shirt` and `→ T-shirt 97 %` for a wrong prediction.

    If the image is marked as mislabelled, `!` follows the name of its class.
    """
    truth = short_class_name(names, prediction.truth, width - 2 - 2 * mislabelled, glyphs)
    confidence = format_confidence(prediction.confidence)
    if prediction.predicted == prediction.truth:
        first = Text.assemble((f"{glyphs.good} ", GOOD), (truth, FOREGROUND))
        second = Text(f"  {confidence}", MUTED)
    elif prediction.predicted is None:
        first = Text.assemble((f"{glyphs.bad} ", f"bold {BAD}"), (truth, f"bold {FOREGROUND}"))
        second = Text("  NaN", BAD)
    else:
        arrow = ("→" if glyphs.unicode else ">") + " " * (width > NARROW_TILE)
        predicted = short_class_name(names, prediction.predicted, width - len(arrow) - len(confidence) - 1, glyphs)
        first = Text.assemble((f"{glyphs.bad} ", f"bold {BAD}"), (truth, f"bold {FOREGROUND}"))
        second = Text.assemble((arrow, MUTED), (predicted, BAD), (f" {confidence}", MUTED))
    if mislabelled:
        first.append(" !", style=f"bold {ATTENTION}")
    return Tile(prediction_picture(prediction), (first, second))


def prediction_picture(prediction: Prediction) -> Picture:
    return Picture(prediction.pixels, prediction.image_shape)


def format_confidence(probability: float) -> str:
    """Format a probability as a percentage, such as `97 %`.

    A probability below 99.95 % is never rounded to `100 %`.
    """
    if math.isnan(probability):
        return "NaN"
    percent = round(probability * 100)
    return f"{99 if percent == 100 and probability < 0.9995 else percent} %"


def prediction_details(  # noqa: PLR0913
    prediction: Prediction,
    names: Sequence[str],
    glyphs: Glyphs,
    *,
    split: Split,
    lines: int,
    mislabelled: bool = False,
    path: str | None = None,
) -> Text:
    """Return the true class, the predicted class, the image's index and path, and the probability of every class.

    If the classes don't fit into a terminal with this number of lines, the most probable ones are listed.
    """
    correct = prediction.predicted == prediction.truth
    shown = short_class_names(names, MAX_NAME_WIDTH, glyphs)
    text = Text(no_wrap=True)
    text.append(*((f"{glyphs.good} ", f"bold {GOOD}") if correct else ("true: ", MUTED)))
    text.append(f"{shown[prediction.truth]}\n", style=f"bold {FOREGROUND}")
    if prediction.predicted is None:
        text.append("the network's outputs aren't numbers\n", style=BAD)
    elif not correct:
        text.append("predicted: ", style=MUTED).append(shown[prediction.predicted], style=BAD)
        text.append(f", {format_confidence(prediction.confidence)}\n", style=MUTED)
    text.append_text(image_lines((split, prediction.index), path, glyphs, mislabelled=mislabelled)).append("\n")
    classes = _listed_classes(prediction, max(lines - OTHER_LINES - (path is not None) - mislabelled, MIN_CLASSES))
    width = max(cell_len(shown[index]) for index in classes)
    for index in classes:
        text.append_text(_probability_line(prediction, index, shown[index], width, glyphs))
    if len(classes) < len(names):
        rest = sum(prediction.probabilities) - sum(prediction.probabilities[index] for index in classes)
        text.append(f"  {len(names) - len(classes)} other classes: {rest * 100:.1f} %\n", style=MUTED)
    return text


def image_lines(image: ImageKey, path: str | None, glyphs: Glyphs, *, mislabelled: bool) -> Text:
    """Return the index of an image and, each on its own line, the path of its file and whether it is marked."""
    split, index = image
    text = Text(f"image {index:,} of the {'test set' if split == 'test' else 'training set'}\n", MUTED)
    if path is not None:
        text.append(f"{shorten(path, LINE_WIDTH - 2, glyphs)}\n", MUTED)
    if mislabelled:
        text.append("! marked as mislabelled\n", f"bold {ATTENTION}")
    return text


def _listed_classes(prediction: Prediction, limit: int) -> Sequence[int]:
    """Return the labels of all classes or, if there are too many, of the most probable ones and the true class."""
    classes = range(len(prediction.probabilities))
    if len(classes) <= limit or prediction.predicted is None:
        return classes[:limit]
    likely = sorted(classes, key=lambda index: -prediction.probabilities[index])[: limit - 1]
    return likely if prediction.truth in likely else [*likely[:-1], prediction.truth]


def _probability_line(prediction: Prediction, index: int, name: str, width: int, glyphs: Glyphs) -> Text:
    probability = prediction.probabilities[index]
    is_truth, visible = index == prediction.truth, probability >= MIN_PROBABILITY
    colour = GOOD if is_truth else BAD if index == prediction.predicted else ACCENT
    glyph = glyphs.good if is_truth else glyphs.bad if index == prediction.predicted else " "
    bar_width = max(LINE_WIDTH - width - 9, MIN_BAR_WIDTH)
    bar = glyphs.slim_bar(probability, bar_width) if visible else ""
    percent = "   NaN" if math.isnan(probability) else f"{probability * 100:6.1f}"
    return Text.assemble(
        (f"{glyph} ", f"bold {colour}"),
        (set_cell_size(name, width + 1), MUTED if glyph == " " else FOREGROUND),
        (f"{bar:<{bar_width}}", colour),
        (f"{percent}\n", FOREGROUND if visible else MUTED),
    )


ORDER_TITLES: Mapping[PredictionOrder, str] = {
    "loss": "highest loss first",
    "confidence": "most confident first",
    "margin": "closest decisions first",
    "index": "by index",
}


def predictions_title(cursor: GridCursor, selection: Selection, names: Sequence[str], glyphs: Glyphs) -> Text:
    """Return `wrong predictions, highest loss first · Shirt · 1–14 of 587 · page 1/42`.

    Images of one cell of the confusion matrix are titled `Shirt → T-shirt/top, highest loss first`.
    """
    arrow = "→" if glyphs.unicode else ">"
    truth, predicted = (
        None if label is None else short_class_name(names, label, MAX_NAME_WIDTH, glyphs)
        for label in (selection.truth, selection.predicted)
    )
    subject = Text("wrong predictions" if selection.wrong_only else "all predictions", FOREGROUND)
    if selection.is_pair:
        subject = Text.assemble((f"{truth} ", FOREGROUND), (arrow, MUTED), (f" {predicted}", FOREGROUND))
    line = Text.assemble(subject, (f", {ORDER_TITLES[selection.order]}", FOREGROUND), no_wrap=True)
    if selection.has_classes and not selection.is_pair:
        line.append(" · ", style=MUTED).append(truth or f"{arrow} {predicted}", style=ACCENT)
    if cursor.total:
        last = min(cursor.offset + cursor.page_size, cursor.total)
        line.append(f" · {cursor.offset + 1:,}–{last:,} of {cursor.total:,}", style=MUTED)
        line.append(f" · page {cursor.page:,}/{cursor.pages:,}", style=MUTED)
    else:
        line.append(" · none", style=MUTED)
    return line
