"""Single predictions: what was said of a picture, with which confidence, and what was right."""

from collections.abc import Sequence

from rich.text import Text

from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import ACCENT, BAD, FOREGROUND, GOOD, MUTED
from fashion_tui.schema.evaluation import Prediction
from fashion_tui.tui.widgets.grid_cursor import GridCursor
from fashion_tui.tui.widgets.image_tiles import SMALL, Tile
from fashion_tui.tui.widgets.names import short_class

LABEL_LINES = 2
BAR_WIDTH = 16


def tile(prediction: Prediction, names: Sequence[str], width: int, glyphs: Glyphs) -> Tile:
    """`✓ Shirt` and `97 %`; of a wrong one `✕ Shirt` and `said T-shirt 97 %`."""
    truth = short_class(names[prediction.truth], width - 2)
    confidence = percent(prediction.confidence)
    if prediction.predicted == prediction.truth:
        first = Text.assemble((f"{glyphs.good} ", GOOD), (truth, FOREGROUND))
        second = Text(f"  {confidence}", MUTED)
    else:
        said = "said " if width > SMALL else "→" if glyphs.unicode else ">"
        name = short_class(names[prediction.predicted], width - len(said) - len(confidence) - 1)
        first = Text.assemble((f"{glyphs.bad} ", f"bold {BAD}"), (truth, f"bold {FOREGROUND}"))
        second = Text.assemble((said, MUTED), (name, BAD), (f" {confidence}", MUTED))
    return Tile(prediction.pixels, (first, second))


def percent(share: float) -> str:
    """`97 %`; 100 % only where it is."""
    whole = round(share * 100)
    return f"{99 if whole == 100 and share < 0.9995 else whole} %"


def prediction_facts(prediction: Prediction, names: Sequence[str], glyphs: Glyphs) -> Text:
    """What the network thought of every class."""
    right = prediction.predicted == prediction.truth
    text = Text(no_wrap=True)
    text.append(f"{glyphs.good if right else glyphs.bad} ", style=f"bold {GOOD if right else BAD}")
    text.append(f"{names[prediction.truth]}\n", style=f"bold {FOREGROUND}")
    if not right:
        text.append("said ", style=MUTED).append(f"{names[prediction.predicted]}", style=BAD)
        text.append(f", {percent(prediction.confidence)}\n", style=MUTED)
    text.append(f"picture {prediction.index:,} of the test set\n\n", style=MUTED)
    width = max(len(name) for name in names)
    for index, (name, share) in enumerate(zip(names, prediction.probabilities, strict=True)):
        is_truth = index == prediction.truth
        colour = GOOD if is_truth else BAD if index == prediction.predicted else ACCENT
        mark = glyphs.good if is_truth else glyphs.bad if index == prediction.predicted else " "
        text.append(f"{mark} ", style=f"bold {colour}")
        text.append(name.ljust(width + 1), style=FOREGROUND if is_truth or mark != " " else MUTED)
        bar = glyphs.slim_bar(share, BAR_WIDTH) if share >= 0.0005 else ""
        text.append(f"{bar:<{BAR_WIDTH}}", style=colour)
        text.append(f"{share * 100:6.1f}\n", style=FOREGROUND if share >= 0.0005 else MUTED)
    text.append("\n←→", style=ACCENT).append(" next    ", style=MUTED)
    text.append("esc", style=ACCENT).append(" close", style=MUTED)
    return text


def predictions_line(place: GridCursor, name: str | None, *, wrong_only: bool) -> Text:
    """`wrong predictions, worst first · Shirt · 1–14 of 587 · page 1/42`."""
    what = "wrong predictions, worst first" if wrong_only else "all predictions, as in the test set"
    line = Text(what, style=FOREGROUND, no_wrap=True)
    if name is not None:
        line.append(" · ", style=MUTED).append(name, style=ACCENT)
    if place.total:
        last = min(place.offset + place.capacity, place.total)
        line.append(f" · {place.offset + 1:,}–{last:,} of {place.total:,}", style=MUTED)
        line.append(f" · page {place.page:,}/{place.pages:,}", style=MUTED)
    else:
        line.append(" · none", style=MUTED)
    return line
