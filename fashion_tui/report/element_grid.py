"""A tensor's elements as a grid: rows and columns, and a block for each index of the axes before these."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from rich.text import Text

from fashion_tui.schema.reshaping import ElementGrid
from fashion_tui.schema.tensors import Size

from .colormap import heat_style
from .formatting import format_shape
from .glyphs import Glyphs
from .style import FOREGROUND, MUTED

GAP = 2
"""Columns between blocks, and between the facts above them."""
LEAST = 20
"""Columns that it has for its facts, however small."""
MOST_BESIDE = 6
"""Blocks for which room beside each other is sought."""
CUT = 2
"""Columns of the sign that a row goes on."""


@dataclass(frozen=True)
class GridPicture:
    """As many elements as there is room for, from the first one on. A long vector goes on in further lines."""

    name: str
    grid: ElementGrid
    cell: int
    """Columns of an element."""
    width: int
    height: int
    glyphs: Glyphs
    facts_height: int = 0
    """Lines that are kept for the facts at least."""

    def lines(self, highest: int) -> list[Text]:
        """At most `height` lines of at most `width` columns. The colours go from place 0 in memory to `highest`."""
        if not self.grid.offsets:
            return [*self.facts, Text("no elements", MUTED)]
        if not self.elements:
            return self.facts
        lines = list(self.facts)
        blocks, _, columns = self.shown
        beside = self._beside(columns)
        for first in range(0, blocks, beside):
            drawn = [self._block(number, highest) for number in range(first, min(first + beside, blocks))]
            lines += [Text(" " * GAP).join(parts) for parts in zip(*drawn, strict=True)]
        if self.shown != self._whole:
            lines.append(Text(self._shown_words(), MUTED))
        return lines

    @property
    def elements(self) -> int:
        """How many are shown."""
        return math.prod(self.shown)

    @property
    def breaks(self) -> int:
        """How often a vector goes on in another line."""
        return self._lines_of(self.shown) - 1 if self._is_vector else 0

    @property
    def useful_widths(self) -> list[int]:
        """For one block with all its columns, for two beside each other, and so on."""
        blocks, _, columns = self._whole
        return [
            max(count * (self._block_width(columns) + GAP) - GAP, LEAST)
            for count in range(1, min(blocks, MOST_BESIDE) + 1)
        ]

    @property
    def natural_height(self) -> int:
        """With all that is known of it, in this width."""
        shown = replace(self, height=10_000).shown
        return len(self.facts) + self._lines_of(shown) + (shown != self._whole)

    @cached_property
    def shown(self) -> Size:
        """How many blocks, rows and columns."""
        height = self.height - len(self.facts)
        shown = self._fitting(height)
        return shown if shown == self._whole else self._fitting(height - 1)

    def _fitting(self, height: int) -> Size:
        blocks, rows, columns = _sides(self.grid.shown)
        if self._is_vector:
            return 1, 1, min(columns, self._in_a_line * max(height, 0))
        rows = min(rows, max(height - self._labels, 0))
        columns = min(columns, self._in_a_line)
        below = max(height, 1) // max(rows + self._labels, 1)
        return min(blocks, max(below, 1) * self._beside(columns)), rows, columns

    def _lines_of(self, shown: Size) -> int:
        blocks, rows, columns = shown
        if self._is_vector:
            return -(-columns // self._in_a_line)
        return -(-blocks // self._beside(columns)) * (rows + self._labels)

    @property
    def _in_a_line(self) -> int:
        """Columns of a block for which there is room, beside the sign that there are more."""
        columns = self._whole[2]
        if columns * self.cell <= self.width and self._known_columns == columns:
            return max(columns, 1)
        return max((self.width - CUT) // self.cell, 1)

    def _beside(self, columns: int) -> int:
        """How many blocks of so many columns stand beside each other."""
        return max((self.width + GAP) // (self._block_width(columns) + GAP), 1)

    def _block_width(self, columns: int) -> int:
        """Of its elements, and of the index above them where that is wider."""
        elements = columns * self.cell + (CUT if columns < self._whole[2] else 0)
        last = tuple(size - 1 for size in self.grid.shown[:-2])
        return max(elements, len(_index_words(last))) if self._labels else elements

    @property
    def _whole(self) -> Size:
        return _sides(self.grid.shape)

    @property
    def _known_columns(self) -> int:
        return _sides(self.grid.shown)[2]

    @property
    def _is_vector(self) -> bool:
        return len(self.grid.shape) == 1

    @property
    def _labels(self) -> int:
        """Lines of a block for its index."""
        return int(len(self.grid.shape) > 2)

    def _block(self, number: int, highest: int) -> list[Text]:
        _, rows, columns = self.shown
        known_rows = _sides(self.grid.shown)[1]
        lines = []
        if self._labels:
            index = list(product(*map(range, self.grid.shown[:-2])))[number]
            lines.append(Text(_index_words(index), MUTED))
        for row in range(rows):
            start = (number * known_rows + row) * self._known_columns
            lines += self._row(self.grid.offsets[start : start + columns], highest)
        if self._labels:
            for line in lines:
                line.align("left", self._block_width(columns))
        return lines

    def _row(self, places: Sequence[int], highest: int) -> list[Text]:
        """A line; of a vector as many as it takes."""
        lines = []
        for start in range(0, len(places), self._in_a_line):
            line = Text(no_wrap=True)
            end = start + self._in_a_line
            for place in places[start:end]:
                line.append(f"{place:>{self.cell - 1}} ", heat_style(place, 0, highest))
            if end < len(places):
                line.append(" ↵" if self.glyphs.unicode else " +", MUTED)
            elif len(places) < self._whole[2]:
                line.append(" …" if self.glyphs.unicode else " ~", MUTED)
            lines.append(line)
        return lines

    @cached_property
    def facts(self) -> list[Text]:
        """Name, shape, strides: in a line where there is room, else in several."""
        facts = [
            Text.assemble((f"{self.name} ", MUTED), (format_shape(self.grid.shape, self.glyphs), f"bold {FOREGROUND}")),
            Text(f"strides {self.grid.strides}", MUTED),
        ]
        if not _is_contiguous(self.grid):
            facts.append(Text("not contiguous", MUTED))
        lines = [facts[0]]
        for fact in facts[1:]:
            if lines[-1].cell_len + GAP + fact.cell_len <= self.width:
                lines[-1] = Text.assemble(lines[-1], " " * GAP, fact)
            else:
                lines += [Text(part, MUTED) for part in textwrap.wrap(fact.plain, self.width)]
        return lines + [Text()] * (self.facts_height - len(lines))

    def _shown_words(self) -> str:
        """`the first 12×6 of 40×50, 2 of 3 blocks`."""
        (blocks, *shown), (all_blocks, *whole) = self.shown, self._whole
        words = []
        if shown != whole:
            axes = len(self.grid.shape[-2:])
            sizes = (format_shape(tuple(sides[-axes:]), self.glyphs) for sides in (shown, whole))
            words.append(f"the first {' of '.join(sizes)}")
        if blocks != all_blocks:
            words.append(f"{blocks:,} of {all_blocks:,} blocks")
        return textwrap.shorten(", ".join(words), self.width, placeholder="")


def _index_words(index: Sequence[int]) -> str:
    return f"[{', '.join(map(str, index))}]"


def _sides(shape: Size) -> Size:
    """Blocks, rows and columns: a vector has one row, a single number is one cell."""
    *leading, rows, columns = (1, 1, *shape)
    return math.prod(leading), rows, columns


def _is_contiguous(grid: ElementGrid) -> bool:
    """Whether it lies in memory row by row."""
    expected = 1
    for size, stride in reversed(list(zip(grid.shape, grid.strides, strict=True))):
        if size != 1 and stride != expected:
            return 0 in grid.shape
        expected *= size
    return True
