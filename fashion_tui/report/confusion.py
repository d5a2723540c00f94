"""The confusion matrix: which class was taken for which."""

from collections.abc import Sequence

from rich.text import Text

from .glyphs import Glyphs
from .style import FOREGROUND, MUTED

LARGE = 0.05
"""Share of a class from which a confusion stands in brackets."""

CELL_WIDTH = 5
SHORT_NAME = 3

RIGHT_SHADE = "#1f3320"
WRONG_SHADES = ((0.10, "#702c2c"), (LARGE, "#4f2525"), (0.01, "#2b1d1d"))
"""Grounds of the cells, from these shares of the class on."""


def confusion_lines(
    names: Sequence[str], confusion: Sequence[Sequence[int]], glyphs: Glyphs, width: int | None = None
) -> list[Text]:
    """A header and a line a class: rows truth, columns prediction; 62 columns wide for Fashion-MNIST.

    What was right is bold, a large confusion bold and in brackets, both on a ground of their own; none is a dot. Where
    there are fewer columns than that, names are cut.
    """
    name_width = max((len(name) for name in names), default=0) + 1
    if width is not None:
        name_width = max(min(name_width, width - CELL_WIDTH * len(names)), SHORT_NAME + 1)
    header = Text(" " * name_width, no_wrap=True)
    for name in names:
        header.append(f"{name[:SHORT_NAME]:>{CELL_WIDTH - 1}} ", style=MUTED)
    lines = [header]
    for truth, counts in enumerate(confusion):
        line = Text(names[truth][: name_width - 1].ljust(name_width), style=FOREGROUND, no_wrap=True)
        for column, count in enumerate(counts):
            line.append(*_cell(count, sum(counts), glyphs, right=column == truth))
        lines.append(line)
    return lines


def _cell(count: int, total: int, glyphs: Glyphs, *, right: bool) -> tuple[str, str]:
    number = f"{count:>{CELL_WIDTH - 1}} "
    if right:
        return number, f"bold {FOREGROUND} on {RIGHT_SHADE}"
    if count == 0:
        return f"{'·' if glyphs.unicode else '.':>{CELL_WIDTH - 1}} ", MUTED
    share = count / total
    shade = next((shade for least, shade in WRONG_SHADES if share >= least), None)
    ground = f" on {shade}" if shade else ""
    if share >= LARGE:
        marked = f"[{count}]".rjust(CELL_WIDTH)
        return marked if len(marked) == CELL_WIDTH else number, f"bold {FOREGROUND}{ground}"
    return number, FOREGROUND + ground


def largest_confusions(
    names: Sequence[str], confusion: Sequence[Sequence[int]], most: int, glyphs: Glyphs
) -> list[Text]:
    """`Shirt → T-shirt/top   197   20 % of its class`, a line each, the most frequent first."""
    cells = sorted(
        (-count, truth, prediction)
        for truth, counts in enumerate(confusion)
        for prediction, count in enumerate(counts)
        if truth != prediction and count
    )[:most]
    width = max((len(names[truth]) + len(names[prediction]) for _, truth, prediction in cells), default=0) + 3
    lines = []
    for count, truth, prediction in cells:
        line = Text(no_wrap=True)
        line.append(names[truth], style=FOREGROUND)
        line.append(" → " if glyphs.unicode else " > ", style=MUTED)
        line.append(names[prediction].ljust(width - 3 - len(names[truth])), style=FOREGROUND)
        line.append(f"{-count:>6,}", style=f"bold {FOREGROUND}")
        line.append(f"   {-count / sum(confusion[truth]) * 100:3.0f} % of its class", style=MUTED)
        lines.append(line)
    return lines
