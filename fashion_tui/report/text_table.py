"""Tables made of lines, whose least important columns leave where room is scarce."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from .style import MUTED

GAP = 2


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
    at_most: int = 1000
    """Where room is scarce it is cut down to this before any column leaves, but for those that are optional."""
    optional: bool = False
    """It leaves before any other is cut down."""
    width: int = 0
    cut: str = "…"
    """Stands where a text was cut off."""

    @property
    def natural_width(self) -> int:
        return max(map(cell_len, (self.title, self.total.text, *(cell.text for cell in self.cells))))

    def header(self) -> Text:
        return self._put(Cell(self.title, MUTED))

    def line(self, number: int) -> Text:
        return self._put(self.cells[number])

    def footer(self) -> Text:
        return self._put(self.total)

    def _put(self, cell: Cell) -> Text:
        text = cell.text
        if cell_len(text) > self.width:
            text = set_cell_size(set_cell_size(text, self.width - cell_len(self.cut)) + self.cut, self.width)
        padding = " " * (self.width - cell_len(text))
        return Text(padding + text if self.right else text + padding, style=cell.style)


def fitted(columns: Sequence[Column], width: int, leaving: Sequence[str]) -> list[Column]:
    """The columns that fit into `width`, with their widths; those named in `leaving` go first, in that order."""
    left = list(columns)
    if width_of([_sized(column, limited=False) for column in left]) > width:
        left = [column for column in left if not column.optional]
    for title in ("", *leaving):
        left = [column for column in left if column.title != title]
        for limited in (False, True):
            sized = [_sized(column, limited=limited) for column in left]
            if width_of(sized) <= width:
                return sized
    widest = max(sized, key=lambda column: column.width)
    narrower = max(widest.width - (width_of(sized) - width), 4)
    return [replace(column, width=narrower) if column is widest else column for column in sized]


def width_of(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _sized(column: Column, *, limited: bool) -> Column:
    return replace(column, width=min(column.natural_width, column.at_most) if limited else column.natural_width)


def joined(cells: Sequence[Text]) -> Text:
    """A line of the table."""
    line = Text(" " * GAP).join(cells)
    line.rstrip()
    return line
