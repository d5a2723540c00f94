"""Helpers for all plots: the style, the maximum height, and captions."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.pixels import Shading
from fashion_tui.report.style import MUTED

Row = list[Segment]
"""A line of a plot, never wider than the plot."""

QUIET = Style.parse(MUTED)


@dataclass(frozen=True, slots=True)
class PlotStyle:
    """The style of plots, which depends on the capabilities of the terminal."""

    shading: Shading
    glyphs: Glyphs


def max_lines(width: int) -> int:
    """Return the maximum height of a plot in lines: 20 for a width of 80 columns, 30 for 120, and never below 14."""
    return max(14, width // 4)


def caption_rows(caption: str, width: int, style: PlotStyle) -> list[Row]:
    """Return a plot's caption, wrapped between words."""
    return [[Segment(line, QUIET)] for line in wrap(printable(caption, style.glyphs), width)]


def wrap(text: str, width: int) -> list[str]:
    """Wrap text into lines of at most `width` cells. Words that are too long are split. Empty text yields no lines."""
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += chop_cells(word, width)
    return lines


def merge_segments(parts: Sequence[tuple[str, Style]]) -> Row:
    """Return a row of segments. Adjacent strings with the same style are merged into one segment."""
    row: Row = []
    for text, style in parts:
        if row and row[-1].style == style:
            row[-1] = Segment(row[-1].text + text, style)
        else:
            row.append(Segment(text, style))
    return row
