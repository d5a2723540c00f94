"""Draw a reliability diagram: the accuracy of predictions beside their confidence."""

from collections.abc import Sequence

from rich.text import Text

from fashion_tui.schema.evaluation import ReliabilityBin

from .glyphs import Glyphs
from .style import ACCENT, ATTENTION, FOREGROUND, MUTED

BAR_WIDTH = 30
"""Maximum width of a bar, in columns."""

NUMBERS_WIDTH = 30
"""Width of the other columns."""


def reliability_lines(
    bins: Sequence[ReliabilityBin], glyphs: Glyphs, width: int = NUMBERS_WIDTH + BAR_WIDTH
) -> list[Text]:
    """Return a header and a line for each bin that contains predictions. The lines are at most `width` columns wide.

    The bar is the accuracy. The mark in or behind it is the confidence: a bar that ends before the mark means
    overconfident predictions.
    """
    mark, bar_width = glyphs.axis, min(max(width - NUMBERS_WIDTH, 1), BAR_WIDTH)
    header = Text("confidence  accuracy  ".ljust(22), style=MUTED, no_wrap=True)
    caption = f"bar: accuracy, {mark}: confidence"[:bar_width]
    header.append(f"{caption:<{bar_width}}").append("images".rjust(8))
    lines = [header]
    for part in bins:
        if part.confidence is None or part.accuracy is None:
            continue
        bar = glyphs.slim_bar(part.accuracy, bar_width).ljust(bar_width)
        position = min(int(part.confidence * bar_width), bar_width - 1)
        line = Text(f"{part.confidence * 100:8.1f} %{part.accuracy * 100:8.1f} %  ", style=FOREGROUND, no_wrap=True)
        line.append(bar[:position], style=ACCENT).append(mark, style=f"bold {ATTENTION}")
        line.append(bar[position + 1 :], style=ACCENT).append(f"{part.count:8,}", style=MUTED)
        lines.append(line)
    return lines
