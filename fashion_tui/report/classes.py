"""Precision, recall and F1 of each class."""

from collections.abc import Sequence

from rich.text import Text

from fashion_tui.schema.evaluation import ClassReport

from .glyphs import Glyphs
from .style import ATTENTION, BAD, FOREGROUND, GOOD, MUTED

FIGURES = ("prec", "recall", "F1")
FIGURE_WIDTH = 7
SUPPORT_WIDTH = 8
BAR_WIDTHS = (6, 24)
"""Narrowest and widest bar, in columns."""


def class_lines(reports: Sequence[ClassReport], width: int, glyphs: Glyphs) -> list[Text]:
    """A header and a line a class, in per cent, with a bar for F1; the number of images only where there is room."""
    name_width = max((len(report.name) for report in reports), default=0)
    room = width - name_width - FIGURE_WIDTH * len(FIGURES) - 2
    with_support = room >= BAR_WIDTHS[0] + SUPPORT_WIDTH
    bar_width = min(max(room - SUPPORT_WIDTH * with_support, BAR_WIDTHS[0]), BAR_WIDTHS[1])
    header = Text("class".ljust(name_width), style=MUTED, no_wrap=True)
    for name in FIGURES:
        header.append(name.rjust(FIGURE_WIDTH))
    if with_support:
        header.append(" " * (2 + bar_width)).append("images".rjust(SUPPORT_WIDTH))
    lines = [header]
    for report in reports:
        line = Text(report.name.ljust(name_width), style=FOREGROUND, no_wrap=True)
        for share in (report.precision, report.recall, report.f1):
            line.append(f"{share * 100:{FIGURE_WIDTH}.1f}")
        line.append(f"  {glyphs.slim_bar(report.f1, bar_width):<{bar_width}}", style=_shade(report.f1))
        if with_support:
            line.append(f"{report.support:>{SUPPORT_WIDTH},}", style=MUTED)
        lines.append(line)
    return lines


def _shade(share: float) -> str:
    return GOOD if share >= 0.9 else ATTENTION if share >= 0.7 else BAD
