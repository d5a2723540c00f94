"""A tensor before and after a change of its shape: each element keeps its number and its colour.

The number is the element's place in memory before the change, and the colour goes with it.
"""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from rich.text import Text

from fashion_tui.schema.reshaping import ReshapeResult

from .element_grid import LEAST, GridPicture
from .formatting import printable
from .glyphs import Glyphs
from .style import ATTENTION, BAD, GOOD

GAP = 3
"""Columns between the two grids."""
PADDINGS = (2, 1)
"""Columns of a cell beside its digits: the more where that hides nothing."""


def verdict_lines(reshaping: ReshapeResult, width: int, glyphs: Glyphs) -> list[Text]:
    """View, copy, or why it can't be done."""
    if reshaping.after is None:
        return [Text(line, BAD) for line in textwrap.wrap(printable(reshaping.problem, glyphs), width)]
    if not reshaping.is_copy:
        return [Text("view: the same memory", GOOD)]
    count = math.prod(reshaping.after.shape)
    return [Text(f"copy: {count:,} element{'s' * (count != 1)} moved to memory of their own", ATTENTION)]


def grid_lines(reshaping: ReshapeResult, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Both grids: beside each other, or one below the other where that shows more, or breaks vectors less."""
    grids = [("before", reshaping.before)]
    if reshaping.after is not None:
        grids.append(("after", reshaping.after))
    highest = max((place for _, grid in grids for place in grid.offsets), default=0)
    arrangements = []
    for padding in PADDINGS:
        cell = len(str(highest)) + padding
        pictures = [GridPicture(name, grid, cell, width, height, glyphs) for name, grid in grids]
        if len(pictures) == 1:
            arrangements.append(_Arrangement(pictures, is_beside=False))
        else:
            arrangements += [*_beside(pictures, width), _below(pictures, height)]
    best = max(arrangements, key=lambda arrangement: arrangement.worth)
    return best.lines(highest)[:height]


def _joined(parts: Sequence[Text], pictures: Sequence[GridPicture]) -> Text:
    """A line of each, in a line."""
    line = Text(no_wrap=True)
    for part, picture in zip(parts, pictures, strict=True):
        line.append(part).append(" " * (picture.width - part.cell_len + GAP))
    line.right_crop(GAP)
    return line


@dataclass(frozen=True, slots=True)
class _Arrangement:
    pictures: Sequence[GridPicture]
    is_beside: bool

    @property
    def worth(self) -> tuple[int, int]:
        """How much it shows; then, how whole."""
        return sum(one.elements for one in self.pictures), -sum(one.breaks for one in self.pictures)

    def lines(self, highest: int) -> list[Text]:
        drawn = [picture.lines(highest) for picture in self.pictures]
        if not self.is_beside:
            return [line for number, lines in enumerate(drawn) for line in ([Text()] * (number > 0) + lines)]
        return [_joined(parts, self.pictures) for parts in zip_longest(*drawn, fillvalue=Text())]


def _beside(pictures: Sequence[GridPicture], width: int) -> list[_Arrangement]:
    """In halves; and so that one of both gets just the width that it can use."""
    room = width - GAP
    before, after = pictures
    lefts = [room // 2, *before.useful_widths, *(room - useful for useful in after.useful_widths)]
    return [_sized(before, left, after, room - left) for left in lefts if LEAST <= left <= room - LEAST]


def _sized(before: GridPicture, left: int, after: GridPicture, right: int) -> _Arrangement:
    pictures = [replace(before, width=left), replace(after, width=right)]
    facts_height = max(len(one.facts) for one in pictures)
    return _Arrangement([replace(one, facts_height=facts_height) for one in pictures], is_beside=True)


def _below(pictures: Sequence[GridPicture], height: int) -> _Arrangement:
    """Each gets half of the lines, and what the other doesn't need."""
    before, after = (picture.natural_height for picture in pictures)
    above = min(before, max((height - 1) // 2, height - 1 - after))
    rooms = (above, height - 1 - above)
    return _Arrangement([replace(one, height=room) for one, room in zip(pictures, rooms, strict=True)], is_beside=False)
