"""What the drawings of figures share: what the terminal can show, how high a figure may be, and captions."""

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
"""What stands in a line of the terminal, never wider than there is room."""

QUIET = Style.parse(MUTED)


@dataclass(frozen=True, slots=True)
class PlotStyle:
    """What a terminal can show."""

    shading: Shading
    glyphs: Glyphs


def max_lines(width: int) -> int:
    """How high a figure may be, which a terminal of that width has room for: 20 lines of 80 columns, 30 of 120."""
    return max(14, width // 4)


def caption_rows(words: str, width: int, look: PlotStyle) -> list[Row]:
    """Our words below a figure, cut between words."""
    return [[Segment(line, QUIET)] for line in wrapped(printable(words, look.glyphs), width)]


def wrapped(words: str, width: int) -> list[str]:
    """Lines of at most `width` cells; a word that is longer goes on in the next. None of an empty text."""
    lines: list[str] = []
    for word in words.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += chop_cells(word, width)
    return lines


def joined(segments: Sequence[tuple[str, Style]]) -> Row:
    """Neighbours of one style as one segment."""
    row: Row = []
    for text, style in segments:
        if row and row[-1].style == style:
            row[-1] = Segment(row[-1].text + text, style)
        else:
            row.append(Segment(text, style))
    return row
