"""Draw lines, bands and markers on a grid of cells: with braille dots, or with one character per cell in ASCII."""

from collections.abc import Iterable, Sequence

from rich.style import Style
from rich.text import Text

from fashion_tui.report.glyphs import Glyphs

_DOT_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of each dot in a braille character, by row and column. The code point is U+2800 plus the bits of all dots."""

_BAND_BITS = [
    [sum(_DOT_BITS[row][row % 2] for row in range(first, last + 1)) for last in range(4)] for first in range(4)
]
"""Bits of a band from row `first` to row `last` of a character: `_BAND_BITS[first][last]`."""

_BRAILLE = 0x2800
_ASCII_BAND = ":"


class Canvas:
    """A grid of cells. A cell shows the last line or marker that was drawn in it, or else the band, or else a guide.

    Heights are fractions, from 0 at the bottom to 1 at the top. A height outside this range is drawn at the border.
    """

    def __init__(self, width: int, height: int, glyphs: Glyphs) -> None:
        """`width` and `height` are in cells and at least 1."""
        self.width, self.height = width, height
        self._braille = glyphs.unicode
        self._columns_per_cell, self._rows_per_cell = (2, 4) if self._braille else (1, 1)
        self.columns = width * self._columns_per_cell
        """Number of horizontal positions of a line: two per cell in braille, one in ASCII."""
        self._rows = height * self._rows_per_cell
        self._bits = [[0] * width for _ in range(height)]
        self._characters = [[" "] * width for _ in range(height)]
        """Character of each cell that has no dots."""
        self._styles: list[list[Style | None]] = [[None] * width for _ in range(height)]
        self._has_line = [[False] * width for _ in range(height)]

    def guide(self, column: int, row: int, character: str, style: Style) -> None:
        """Show a character in an empty cell. `column` and `row` are in cells, counted from the top left."""
        if self._styles[row][column] is None:
            self._characters[row][column] = character
            self._styles[row][column] = style

    def band(self, column: int, low: float, high: float, style: Style) -> None:
        """Fill a column of cells between two heights, with every second dot. Draw bands before lines."""
        top, bottom = self._row(high), self._row(low)
        for row in range(top // self._rows_per_cell, bottom // self._rows_per_cell + 1):
            self._styles[row][column] = style
            if not self._braille:
                self._characters[row][column] = _ASCII_BAND
                continue
            self._bits[row][column] |= _BAND_BITS[max(top - row * 4, 0)][min(bottom - row * 4, 3)]

    def line(self, points: Iterable[tuple[int, float]], style: Style, character: str) -> None:
        """Connect points, each a column in [0, `columns`) and a height. The columns must be strictly ascending.

        `character` draws the line in ASCII.
        """
        previous: tuple[int, int] | None = None
        for column, height in points:
            row = self._row(height)
            if previous is None:
                self._vertical(column, row, row, style, character)
            elif previous[0] == column - 1:  # true for most points
                self._vertical(column, _next_to(previous[1], row), row, style, character)
            else:
                self._connect(previous, (column, row), style, character)
            previous = column, row

    def marker(self, column: int, height: float, character: str, style: Style) -> None:
        """Show a character at a point instead of the cell's dots. `column` is in [0, `columns`)."""
        row = self._row(height) // self._rows_per_cell
        cell = column // self._columns_per_cell
        self._bits[row][cell] = 0
        self._characters[row][cell] = character
        self._styles[row][cell] = style
        self._has_line[row][cell] = False

    def rows(self) -> list[Text]:
        """Return the cells as `height` lines of `width` characters."""
        return [
            _join(
                [chr(_BRAILLE + dots) if dots else character for dots, character in zip(bits, characters, strict=True)],
                styles,
            )
            for bits, characters, styles in zip(self._bits, self._characters, self._styles, strict=True)
        ]

    def _row(self, height: float) -> int:
        """Return the row of dots at a height, counted from the top."""
        return round((1 - min(max(height, 0.0), 1.0)) * (self._rows - 1))

    def _connect(self, start: tuple[int, int], end: tuple[int, int], style: Style, character: str) -> None:
        """Draw a connected line up to `end`. Don't draw `start`."""
        (column, row), (last_column, last_row) = start, end
        slope = (last_row - row) / (last_column - column)
        before = row
        for step in range(1, last_column - column + 1):
            after = round(row + slope * step)
            self._vertical(column + step, _next_to(before, after), after, style, character)
            before = after

    def _vertical(self, column: int, start: int, end: int, style: Style, character: str) -> None:
        """Draw a vertical line from one row of dots to another, in either order."""
        cell, side = divmod(column, self._columns_per_cell)
        has_line, bits, rows_per_cell = self._has_line, self._bits, self._rows_per_cell
        for dot in range(start, end + 1) if start <= end else range(end, start + 1):
            row, part = divmod(dot, rows_per_cell)
            if not has_line[row][cell]:
                has_line[row][cell] = True
                bits[row][cell] = 0
            self._styles[row][cell] = style
            if self._braille:
                bits[row][cell] |= _DOT_BITS[part][side]
            else:
                self._characters[row][cell] = character


def _next_to(before: int, after: int) -> int:
    """Return the row at which a vertical line to row `after` starts: next to `before`, so that the line stays thin."""
    return after if after == before else before + 1 if after > before else before - 1


def _join(characters: Sequence[str], styles: Sequence[Style | None]) -> Text:
    """Return the characters as a text with one span for each sequence of equal styles."""
    text = Text("".join(characters), no_wrap=True, end="")
    start = 0
    for index in range(1, len(styles) + 1):
        style = styles[start]
        if index == len(styles) or styles[index] is not style:
            if style is not None:
                text.stylize(style, start, index)
            start = index
    return text
