"""Lay out tables as lines of text. The least important columns are dropped if the width is too small."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from .style import MUTED

GAP = 2
"""Spaces between columns."""
MIN_WIDTH = 4
"""As a last resort, the widest column is narrowed, but never below this width."""


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    style: str = ""


EMPTY = Cell("")


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    cells: Sequence[Cell]
    total: Cell = EMPTY
    right: bool = False
    max_width: int = 1000
    """Width to which the column is truncated if the table is too wide. If this isn't enough, columns are dropped."""
    optional: bool = False
    """If True and the table is too wide, this column is dropped before any column is truncated."""
    width: int = 0
    ellipsis: str = "…"
    """Appended to truncated text."""

    @property
    def natural_width(self) -> int:
        return max(map(cell_len, (self.title, self.total.text, *(cell.text for cell in self.cells))))

    def header(self) -> Text:
        return self._aligned(Cell(self.title, MUTED))

    def line(self, index: int) -> Text:
        return self._aligned(self.cells[index])

    def footer(self) -> Text:
        return self._aligned(self.total)

    def _aligned(self, cell: Cell) -> Text:
        text = cell.text
        if cell_len(text) > self.width:
            text = set_cell_size(set_cell_size(text, self.width - cell_len(self.ellipsis)) + self.ellipsis, self.width)
        padding = " " * (self.width - cell_len(text))
        return Text(padding + text if self.right else text + padding, style=cell.style)


def fit_columns(columns: Sequence[Column], width: int, drop_order: Sequence[str]) -> list[Column]:
    """Return the columns that fit into `width`, with their widths set.

    `drop_order` contains the titles of the columns that may be dropped, in the order in which they are dropped.
    """
    kept = list(columns)
    if table_width([_with_width(column, cut=False) for column in kept]) > width:
        kept = [column for column in kept if not column.optional]
    for title in ("", *drop_order):
        kept = [column for column in kept if column.title != title]
        for cut in (False, True):
            sized = [_with_width(column, cut=cut) for column in kept]
            if table_width(sized) <= width:
                return _widen(sized, width)
    widest = max(sized, key=lambda column: column.width)
    narrowed = max(widest.width - (table_width(sized) - width), MIN_WIDTH)
    return [replace(column, width=narrowed) if column is widest else column for column in sized]


def can_fit(columns: Sequence[Column], width: int) -> bool:
    """Return whether all columns fit into `width`, each at least as wide as its `max_width` or its longest cell."""
    return table_width([_with_width(column, cut=True) for column in columns]) <= width


def _widen(columns: Sequence[Column], width: int) -> list[Column]:
    """Return the columns, with truncated ones as wide as the table's width allows.

    Columns that lack the fewest characters are widened first.
    """
    spare, widths = width - table_width(columns), {column.title: column.width for column in columns}
    for column in sorted(columns, key=lambda column: column.natural_width - column.width):
        added = min(column.natural_width - column.width, spare)
        widths[column.title] += added
        spare -= added
    return [replace(column, width=widths[column.title]) for column in columns]


def table_width(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _with_width(column: Column, *, cut: bool) -> Column:
    return replace(column, width=min(column.natural_width, column.max_width) if cut else column.natural_width)


def join_cells(cells: Sequence[Text]) -> Text:
    """Join the cells of a row into a line."""
    line = Text(" " * GAP).join(cells)
    line.rstrip()
    return line
