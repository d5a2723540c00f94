"""The table of a person's tensors: a line each, and a line of titles above them."""

from collections.abc import Sequence

from rich.text import Text

from fashion_tui.schema.tensors import TensorRow

from .columns import EMPTY, Cell, Column, fitted, joined
from .glyphs import Glyphs
from .numbers import approximately, number, short_dtype, short_operation, trouble
from .style import ACCENT, ATTENTION, FOREGROUND, GOOD, MUTED
from .words import ellipsis, memory, nothing, said, shape_words

LEAVING = ("memory", "min", "max", "dtype", "device", "≡", "=", "grad")
"""Columns that go first where room is scarce."""


def tensor_lines(rows: Sequence[TensorRow], width: int, glyphs: Glyphs) -> tuple[Text, list[Text]]:
    """The titles, and a line for each tensor, none wider than `width`."""
    columns = fitted(_columns(rows, glyphs), width, LEAVING)
    titles = joined([column.header() for column in columns])
    lines = [joined([column.line(place) for column in columns]) for place in range(len(rows))]
    for line in (titles, *lines):
        line.truncate(width, overflow="crop")
    return titles, lines


def _columns(rows: Sequence[TensorRow], glyphs: Glyphs) -> list[Column]:
    def column(title: str, cells: list[Cell], *, right: bool = False, at_most: int = 1000) -> Column:
        return Column(title, cells, right=right, at_most=at_most, cut=ellipsis(glyphs))

    columns = [
        column("tensor", [Cell(said(row.name, glyphs), FOREGROUND) for row in rows], at_most=16),
        column(
            "shape",
            [Cell(_shape(row, glyphs), FOREGROUND) for row in rows],
            at_most=12,
        ),
        column("dtype", [Cell(short_dtype(said(row.dtype, glyphs)), MUTED) for row in rows], at_most=8),
        column("device", [Cell(said(row.device, glyphs), MUTED) for row in rows], at_most=8),
        column("grad", [_grad(row, glyphs) for row in rows], at_most=9),
        column("min", [_figure(row, "low", glyphs) for row in rows], right=True),
        column("mean", [_figure(row, "mean", glyphs) for row in rows], right=True),
        column("max", [_figure(row, "high", glyphs) for row in rows], right=True),
        column("memory", [Cell(memory(row.size), MUTED) for row in rows], right=True),
        column("≡" if glyphs.unicode else "=", [_shares(row, glyphs) for row in rows]),
    ]
    told = {row.device for row in rows} - {"cpu"}
    absent = {"device"} if not told else set()
    return [one for one in columns if one.title not in absent and (one.title == "tensor" or _says_something(one))]


def _says_something(column: Column) -> bool:
    return any(cell.text.strip() for cell in column.cells)


def _grad(row: TensorRow, glyphs: Glyphs) -> Cell:
    """`leaf`, or the operation that made it; in the accent colour once it has a gradient."""
    if not row.requires_grad:
        return Cell(nothing(glyphs), MUTED)
    return Cell(short_operation(said(row.origin, glyphs)), ACCENT if row.has_grad else MUTED)


def _figure(row: TensorRow, which: str, glyphs: Glyphs) -> Cell:
    """Of a single number only its value, in the middle column; there also how many are no numbers."""
    numbers = row.numbers
    if which == "mean" and (words := trouble(numbers)):
        return Cell(words, ATTENTION)
    value: float | None = None if numbers is None else getattr(numbers, which)
    if numbers is None or value is None or (row.shape == () and which != "mean"):
        return EMPTY
    return Cell(approximately(numbers, glyphs) + number(value, glyphs), FOREGROUND if which == "mean" else MUTED)


def _shares(row: TensorRow, glyphs: Glyphs) -> Cell:
    """The same sign for those that lie in the same memory."""
    return Cell(f"{'≡' if glyphs.unicode else '='}{row.shares}", GOOD) if row.shares else EMPTY


def _shape(row: TensorRow, glyphs: Glyphs) -> str:
    return shape_words(row.shape, glyphs) if row.has_shape else "nested"
