"""Labels, captions and details of predictions."""

import math
from collections.abc import Sequence

from rich.text import Text

from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import ACCENT, BAD, FOREGROUND, GOOD, MUTED
from fashion_tui.schema.evaluation import Prediction
from fashion_tui.schema.picture import Picture
from fashion_tui.tui.widgets.grid_cursor import GridCursor
from fashion_tui.tui.widgets.image_tiles import NARROW_TILE, Tile, short_class_name

LABEL_LINES = 2
BAR_WIDTH = 16
MIN_PROBABILITY = 0.0005
"""Smallest probability that rounds to 0.1 %. Smaller probabilities have no bar."""


def prediction_tile(prediction: Prediction, names: Sequence[str], width: int, glyphs: Glyphs) -> Tile:
    """Return a tile labelled `✓ Shirt` and `97 %`, or `✕ Shirt` and `→ T-shirt 97 %` for a wrong prediction."""
    truth = short_class_name(names[prediction.truth], width - 2)
    confidence = format_confidence(prediction.confidence)
    if prediction.predicted == prediction.truth:
        first = Text.assemble((f"{glyphs.good} ", GOOD), (truth, FOREGROUND))
        second = Text(f"  {confidence}", MUTED)
    elif prediction.predicted is None:
        first = Text.assemble((f"{glyphs.bad} ", f"bold {BAD}"), (truth, f"bold {FOREGROUND}"))
        second = Text("  NaN", BAD)
    else:
        arrow = ("→" if glyphs.unicode else ">") + " " * (width > NARROW_TILE)
        predicted = short_class_name(names[prediction.predicted], width - len(arrow) - len(confidence) - 1)
        first = Text.assemble((f"{glyphs.bad} ", f"bold {BAD}"), (truth, f"bold {FOREGROUND}"))
        second = Text.assemble((arrow, MUTED), (predicted, BAD), (f" {confidence}", MUTED))
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


def prediction_details(prediction: Prediction, names: Sequence[str], glyphs: Glyphs) -> Text:
    """Return the true class, the predicted class, and the probability of every class."""
    correct = prediction.predicted == prediction.truth
    text = Text(no_wrap=True)
    text.append(*((f"{glyphs.good} ", f"bold {GOOD}") if correct else ("true: ", MUTED)))
    text.append(f"{names[prediction.truth]}\n", style=f"bold {FOREGROUND}")
    if prediction.predicted is None:
        text.append("the network's outputs aren't numbers\n", style=BAD)
    elif not correct:
        text.append("predicted: ", style=MUTED).append(names[prediction.predicted], style=BAD)
        text.append(f", {format_confidence(prediction.confidence)}\n", style=MUTED)
    text.append(f"image {prediction.index:,} of the test set\n\n", style=MUTED)
    width = max(len(name) for name in names)
    for index, (name, probability) in enumerate(zip(names, prediction.probabilities, strict=True)):
        is_truth, visible = index == prediction.truth, probability >= MIN_PROBABILITY
        colour = GOOD if is_truth else BAD if index == prediction.predicted else ACCENT
        glyph = glyphs.good if is_truth else glyphs.bad if index == prediction.predicted else " "
        text.append(f"{glyph} ", style=f"bold {colour}")
        text.append(name.ljust(width + 1), style=MUTED if glyph == " " else FOREGROUND)
        bar = glyphs.slim_bar(probability, BAR_WIDTH) if visible else ""
        text.append(f"{bar:<{BAR_WIDTH}}", style=colour)
        percent = "   NaN" if math.isnan(probability) else f"{probability * 100:6.1f}"
        text.append(f"{percent}\n", style=FOREGROUND if visible else MUTED)
    return text


def predictions_title(cursor: GridCursor, name: str | None, *, wrong_only: bool) -> Text:
    """Return `wrong predictions, highest loss first · Shirt · 1–14 of 587 · page 1/42`."""
    title = "wrong predictions, highest loss first" if wrong_only else "all predictions, in the order of the test set"
    line = Text(title, style=FOREGROUND, no_wrap=True)
    if name is not None:
        line.append(" · ", style=MUTED).append(name, style=ACCENT)
    if cursor.total:
        last = min(cursor.offset + cursor.page_size, cursor.total)
        line.append(f" · {cursor.offset + 1:,}–{last:,} of {cursor.total:,}", style=MUTED)
        line.append(f" · page {cursor.page:,}/{cursor.pages:,}", style=MUTED)
    else:
        line.append(" · none", style=MUTED)
    return line
