"""Draw a tensor's elements as blocks of rows and columns, with one block for each index of the leading axes."""

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
"""Number of spaces between blocks, and between the items of the heading."""
MIN_WIDTH = 20
"""Minimum width of a grid, chosen so that the heading fits."""
MAX_BLOCKS_IN_LINE = 6
"""Maximum number of side-by-side blocks that `useful_widths` considers."""
MORE_WIDTH = 2
"""Columns reserved for the glyph at the end of a truncated row."""


@dataclass(frozen=True)
class GridDrawing:
    """A drawing of as many elements as fit into a given width and height. Long vectors are wrapped."""

    name: str
    grid: ElementGrid
    cell_width: int
    """Width of an element, in columns."""
    width: int
    height: int
    glyphs: Glyphs
    heading_height: int = 0
    """Minimum number of lines of the heading."""

    def lines(self, max_offset: int) -> list[Text]:
        """Return at most `height` lines of at most `width` columns.

        The colour of an element shows its offset, on a scale from 0 to `max_offset`.
        """
        if not self.grid.offsets:
            return [*self.heading, Text("no elements", MUTED)]
        if not self.count:
            return self.heading
        lines = list(self.heading)
        blocks, _, columns = self.shown
        per_line = self._blocks_per_line(columns)
        for first in range(0, blocks, per_line):
            drawn = [self._block(index, max_offset) for index in range(first, min(first + per_line, blocks))]
            lines += [Text(" " * GAP).join(parts) for parts in zip(*drawn, strict=True)]
        if self.shown != self._full:
            lines.append(Text(self._omission_note(), MUTED))
        return lines

    @property
    def count(self) -> int:
        """Number of elements shown."""
        return math.prod(self.shown)

    @property
    def breaks(self) -> int:
        """Number of line breaks in the grid. Only vectors are wrapped, so this is 0 for all other tensors."""
        return self._line_count(self.shown) - 1 if self._is_vector else 0

    @property
    def useful_widths(self) -> list[int]:
        """Widths of one complete block, of two complete blocks side by side, and so on."""
        blocks, _, columns = self._full
        return [
            max(count * (self._block_width(columns) + GAP) - GAP, MIN_WIDTH)
            for count in range(1, min(blocks, MAX_BLOCKS_IN_LINE) + 1)
        ]

    @property
    def natural_height(self) -> int:
        """Number of lines needed to show all elements of `grid` at the given width."""
        shown = replace(self, height=10_000).shown
        return len(self.heading) + self._line_count(shown) + (shown != self._full)

    @cached_property
    def shown(self) -> Size:
        """Number of blocks, rows and columns shown."""
        height = self.height - len(self.heading)
        shown = self._fit(height)
        return shown if shown == self._full else self._fit(height - 1)  # reserve one line for the note

    def _fit(self, height: int) -> Size:
        blocks, rows, columns = _as_blocks(self.grid.shown)
        if self._is_vector:
            return 1, 1, min(columns, self._columns_per_line * max(height, 0))
        rows = min(rows, max(height - self._label_height, 0))
        columns = min(columns, self._columns_per_line)
        block_lines = max(height, 1) // max(rows + self._label_height, 1)
        return min(blocks, max(block_lines, 1) * self._blocks_per_line(columns)), rows, columns

    def _line_count(self, shown: Size) -> int:
        blocks, rows, columns = shown
        if self._is_vector:
            return -(-columns // self._columns_per_line)
        return -(-blocks // self._blocks_per_line(columns)) * (rows + self._label_height)

    @property
    def _columns_per_line(self) -> int:
        """Maximum number of columns to show on a line.

        If a block has more columns, space is reserved for the glyph that marks the omitted ones.
        """
        columns = self._full[2]
        if columns * self.cell_width <= self.width and self._known_columns == columns:
            return max(columns, 1)
        return max((self.width - MORE_WIDTH) // self.cell_width, 1)

    def _blocks_per_line(self, columns: int) -> int:
        return max((self.width + GAP) // (self._block_width(columns) + GAP), 1)

    def _block_width(self, columns: int) -> int:
        """Return the width of a block, which is at least the width of its label."""
        elements = columns * self.cell_width + (MORE_WIDTH if columns < self._full[2] else 0)
        last_index = tuple(size - 1 for size in self.grid.shown[:-2])
        return max(elements, len(_format_index(last_index))) if self._label_height else elements

    @property
    def _full(self) -> Size:
        """Number of blocks, rows and columns of the whole tensor."""
        return _as_blocks(self.grid.shape)

    @property
    def _known_columns(self) -> int:
        return _as_blocks(self.grid.shown)[2]

    @property
    def _is_vector(self) -> bool:
        return len(self.grid.shape) == 1

    @property
    def _label_height(self) -> int:
        """Number of lines for the index above each block: 1 if the tensor has more than two axes, else 0."""
        return int(len(self.grid.shape) > 2)

    def _block(self, index: int, max_offset: int) -> list[Text]:
        _, rows, columns = self.shown
        known_rows = _as_blocks(self.grid.shown)[1]
        lines = []
        if self._label_height:
            label = list(product(*map(range, self.grid.shown[:-2])))[index]
            lines.append(Text(_format_index(label), MUTED))
        for row in range(rows):
            start = (index * known_rows + row) * self._known_columns
            lines += self._row(self.grid.offsets[start : start + columns], max_offset)
        if self._label_height:
            for line in lines:
                line.align("left", self._block_width(columns))
        return lines

    def _row(self, offsets: Sequence[int], max_offset: int) -> list[Text]:
        """Return one line, or several lines for a vector that is wrapped."""
        lines = []
        for start in range(0, len(offsets), self._columns_per_line):
            line = Text(no_wrap=True)
            end = start + self._columns_per_line
            for offset in offsets[start:end]:
                line.append(f"{offset:>{self.cell_width - 1}} ", heat_style(offset, 0, max_offset))
            if end < len(offsets):
                line.append(" ↵" if self.glyphs.unicode else " +", MUTED)
            elif len(offsets) < self._full[2]:
                line.append(" …" if self.glyphs.unicode else " ~", MUTED)
            lines.append(line)
        return lines

    @cached_property
    def heading(self) -> list[Text]:
        """The name, shape and strides, on one line if they fit."""
        parts = [
            Text.assemble((f"{self.name} ", MUTED), (format_shape(self.grid.shape, self.glyphs), f"bold {FOREGROUND}")),
            Text(f"strides {self.grid.strides}", MUTED),
        ]
        if not _is_contiguous(self.grid):
            parts.append(Text("not contiguous", MUTED))
        lines = [parts[0]]
        for part in parts[1:]:
            if lines[-1].cell_len + GAP + part.cell_len <= self.width:
                lines[-1] = Text.assemble(lines[-1], " " * GAP, part)
            else:
                lines += [Text(line, MUTED) for line in textwrap.wrap(part.plain, self.width)]
        return lines + [Text()] * (self.heading_height - len(lines))

    def _omission_note(self) -> str:
        """Return a note such as `the first 12×6 of 40×50, 2 of 3 blocks`."""
        (blocks, *shown), (all_blocks, *full) = self.shown, self._full
        parts = []
        if shown != full:
            axes = len(self.grid.shape[-2:])
            sizes = (format_shape(tuple(sides[-axes:]), self.glyphs) for sides in (shown, full))
            parts.append(f"the first {' of '.join(sizes)}")
        if blocks != all_blocks:
            parts.append(f"{blocks:,} of {all_blocks:,} blocks")
        return textwrap.shorten(", ".join(parts), self.width, placeholder="")


def _format_index(index: Sequence[int]) -> str:
    return f"[{', '.join(map(str, index))}]"


def _as_blocks(shape: Size) -> Size:
    """Return the number of blocks, rows and columns. A vector has one row; a scalar has one cell."""
    *leading, rows, columns = (1, 1, *shape)
    return math.prod(leading), rows, columns


def _is_contiguous(grid: ElementGrid) -> bool:
    expected = 1
    for size, stride in reversed(list(zip(grid.shape, grid.strides, strict=True))):
        if size != 1 and stride != expected:
            return 0 in grid.shape
        expected *= size
    return True
