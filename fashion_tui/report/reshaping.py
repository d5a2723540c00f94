"""Draw a tensor before and after an operation that changes its shape.

An element's number is its offset in the original memory. Each element keeps its number and its colour.
"""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from rich.text import Text

from fashion_tui.schema.reshaping import ReshapeResult

from .element_grid import MIN_WIDTH, GridDrawing
from .formatting import printable
from .glyphs import Glyphs
from .style import ATTENTION, BAD, GOOD

GAP = 3
"""Number of spaces between the two grids."""
CELL_PADDINGS = (2, 1)
"""Numbers of spaces to try between elements. The smaller number is used only if more elements fit that way."""


def verdict_lines(result: ReshapeResult, width: int, glyphs: Glyphs) -> list[Text]:
    """Return lines that say whether the result is a view or a copy, or why the operation fails."""
    if result.after is None:
        return [Text(line, BAD) for line in textwrap.wrap(printable(result.problem, glyphs), width)]
    if not result.is_copy:
        return [Text("view: the same memory", GOOD)]
    count = math.prod(result.after.shape)
    return [Text(f"copy: {count:,} element{'s' * (count != 1)} in new memory", ATTENTION)]


def grid_lines(result: ReshapeResult, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return the lines of both grids, side by side or stacked.

    The layout that shows the most elements is used. Of equally good layouts, the one with the fewest line breaks
    is used.
    """
    grids = [("before", result.before)]
    if result.after is not None:
        grids.append(("after", result.after))
    max_offset = max((offset for _, grid in grids for offset in grid.offsets), default=0)
    layouts = []
    for padding in CELL_PADDINGS:
        cell_width = len(str(max_offset)) + padding
        drawings = [GridDrawing(name, grid, cell_width, width, height, glyphs) for name, grid in grids]
        if len(drawings) == 1:
            layouts.append(_Layout(drawings, is_side_by_side=False))
        else:
            layouts += [*_side_by_side(drawings, width), _stacked(drawings, height)]
    best = max(layouts, key=lambda layout: layout.rank)
    return best.lines(max_offset)[:height]


@dataclass(frozen=True, slots=True)
class _Layout:
    drawings: Sequence[GridDrawing]
    is_side_by_side: bool

    @property
    def rank(self) -> tuple[int, int]:
        """Sort key that prefers more elements, then fewer line breaks."""
        return sum(drawing.count for drawing in self.drawings), -sum(drawing.breaks for drawing in self.drawings)

    def lines(self, max_offset: int) -> list[Text]:
        drawn = [drawing.lines(max_offset) for drawing in self.drawings]
        if not self.is_side_by_side:
            return [line for index, lines in enumerate(drawn) for line in ([Text()] * (index > 0) + lines)]
        return [_join_parts(parts, self.drawings) for parts in zip_longest(*drawn, fillvalue=Text())]


def _join_parts(parts: Sequence[Text], drawings: Sequence[GridDrawing]) -> Text:
    line = Text(no_wrap=True)
    for part, drawing in zip(parts, drawings, strict=True):
        line.append(part).append(" " * (drawing.width - part.cell_len + GAP))
    line.right_crop(GAP)
    return line


def _side_by_side(drawings: Sequence[GridDrawing], width: int) -> list[_Layout]:
    """Return layouts in which the grids are side by side.

    In one layout, both grids have the same width. In each of the others, one grid is exactly as wide as one or more
    complete blocks.
    """
    available = width - GAP
    before, after = drawings
    widths = [available // 2, *before.useful_widths, *(available - useful for useful in after.useful_widths)]
    return [
        _with_widths(before, left, after, available - left)
        for left in widths
        if MIN_WIDTH <= left <= available - MIN_WIDTH
    ]


def _with_widths(before: GridDrawing, left: int, after: GridDrawing, right: int) -> _Layout:
    drawings = [replace(before, width=left), replace(after, width=right)]
    heading_height = max(len(drawing.heading) for drawing in drawings)
    return _Layout([replace(drawing, heading_height=heading_height) for drawing in drawings], is_side_by_side=True)


def _stacked(drawings: Sequence[GridDrawing], height: int) -> _Layout:
    """Return a layout with one grid above the other.

    Each grid gets half of the lines, plus the lines that the other grid doesn't need.
    """
    before, after = (drawing.natural_height for drawing in drawings)
    above = min(before, max((height - 1) // 2, height - 1 - after))
    heights = (above, height - 1 - above)
    resized = [replace(drawing, height=lines) for drawing, lines in zip(drawings, heights, strict=True)]
    return _Layout(resized, is_side_by_side=False)
