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


def tensor_lines(rows: Sequence[TensorRow], width: int, signs: Glyphs) -> tuple[Text, list[Text]]:
    """The titles, and a line for each tensor, none wider than `width`."""
    columns = fitted(_columns(rows, signs), width, LEAVING)
    titles = joined([column.header() for column in columns])
    lines = [joined([column.line(place) for column in columns]) for place in range(len(rows))]
    for line in (titles, *lines):
        line.truncate(width, overflow="crop")
    return titles, lines


def _columns(rows: Sequence[TensorRow], signs: Glyphs) -> list[Column]:
    def column(title: str, cells: list[Cell], *, right: bool = False, at_most: int = 1000) -> Column:
        return Column(title, cells, right=right, at_most=at_most, cut=ellipsis(signs))

    columns = [
        column("tensor", [Cell(said(row.name, signs), FOREGROUND) for row in rows], at_most=16),
        column(
            "shape",
            [Cell(_shape(row, signs), FOREGROUND) for row in rows],
            at_most=12,
        ),
        column("dtype", [Cell(short_dtype(said(row.dtype, signs)), MUTED) for row in rows], at_most=8),
        column("device", [Cell(said(row.device, signs), MUTED) for row in rows], at_most=8),
        column("grad", [_grad(row, signs) for row in rows], at_most=9),
        column("min", [_figure(row, "low", signs) for row in rows], right=True),
        column("mean", [_figure(row, "mean", signs) for row in rows], right=True),
        column("max", [_figure(row, "high", signs) for row in rows], right=True),
        column("memory", [Cell(memory(row.size), MUTED) for row in rows], right=True),
        column("≡" if signs.unicode else "=", [_shares(row, signs) for row in rows]),
    ]
    told = {row.device for row in rows} - {"cpu"}
    absent = {"device"} if not told else set()
    return [one for one in columns if one.title not in absent and (one.title == "tensor" or _says_something(one))]


def _says_something(column: Column) -> bool:
    return any(cell.text.strip() for cell in column.cells)


def _grad(row: TensorRow, signs: Glyphs) -> Cell:
    """`leaf`, or the operation that made it; in the accent colour once it has a gradient."""
    if not row.requires_grad:
        return Cell(nothing(signs), MUTED)
    return Cell(short_operation(said(row.origin, signs)), ACCENT if row.has_grad else MUTED)


def _figure(row: TensorRow, which: str, signs: Glyphs) -> Cell:
    """Of a single number only its value, in the middle column; there also how many are no numbers."""
    numbers = row.numbers
    if which == "mean" and (words := trouble(numbers)):
        return Cell(words, ATTENTION)
    value: float | None = None if numbers is None else getattr(numbers, which)
    if numbers is None or value is None or (row.shape == () and which != "mean"):
        return EMPTY
    return Cell(approximately(numbers, signs) + number(value, signs), FOREGROUND if which == "mean" else MUTED)


def _shares(row: TensorRow, signs: Glyphs) -> Cell:
    """The same sign for those that lie in the same memory."""
    return Cell(f"{'≡' if signs.unicode else '='}{row.shares}", GOOD) if row.shares else EMPTY


def _shape(row: TensorRow, signs: Glyphs) -> str:
    return shape_words(row.shape, signs) if row.has_shape else "nested"
