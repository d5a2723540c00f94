"""Tensors and arrays: the table of all of them, and the values of one."""

import math
from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from fashion_tui.schema.tensors import TensorRow, TensorValues, TensorWindow

from .colormap import heat_style
from .formatting import (
    format_bytes,
    format_nonfinite,
    format_number,
    format_shape,
    printable,
    sample_mark,
    short_dtype,
    short_operation,
)
from .glyphs import Glyphs
from .histogram import histogram_block, histogram_line
from .style import ACCENT, ATTENTION, FOREGROUND, GOOD, MUTED
from .text_table import EMPTY, Cell, Column, fitted, joined

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
        return Column(title, cells, right=right, at_most=at_most, cut=glyphs.ellipsis)

    columns = [
        column("tensor", [Cell(printable(row.name, glyphs), FOREGROUND) for row in rows], at_most=16),
        column(
            "shape",
            [Cell(_shape(row, glyphs), FOREGROUND) for row in rows],
            at_most=12,
        ),
        column("dtype", [Cell(short_dtype(printable(row.dtype, glyphs)), MUTED) for row in rows], at_most=8),
        column("device", [Cell(printable(row.device, glyphs), MUTED) for row in rows], at_most=8),
        column("grad", [_grad(row, glyphs) for row in rows], at_most=9),
        column("min", [_figure(row, "low", glyphs) for row in rows], right=True),
        column("mean", [_figure(row, "mean", glyphs) for row in rows], right=True),
        column("max", [_figure(row, "high", glyphs) for row in rows], right=True),
        column("memory", [Cell(format_bytes(row.nbytes), MUTED) for row in rows], right=True),
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
        return Cell(glyphs.dot, MUTED)
    return Cell(short_operation(printable(row.origin, glyphs)), ACCENT if row.has_grad else MUTED)


def _figure(row: TensorRow, which: str, glyphs: Glyphs) -> Cell:
    """Of a single number only its value, in the middle column; there also how many are no numbers."""
    numbers = row.statistics
    if which == "mean" and (words := format_nonfinite(numbers)):
        return Cell(words, ATTENTION)
    value: float | None = None if numbers is None else getattr(numbers, which)
    if numbers is None or value is None or (row.shape == () and which != "mean"):
        return EMPTY
    return Cell(sample_mark(numbers, glyphs) + format_number(value, glyphs), FOREGROUND if which == "mean" else MUTED)


def _shares(row: TensorRow, glyphs: Glyphs) -> Cell:
    """The same sign for those that lie in the same memory."""
    return Cell(f"{'≡' if glyphs.unicode else '='}{row.memory_group}", GOOD) if row.memory_group else EMPTY


def _shape(row: TensorRow, glyphs: Glyphs) -> str:
    return format_shape(row.shape, glyphs) if row.has_shape else "nested"


# One tensor

CELL = 9
"""Columns of a value in the window, with the gap before it."""
TALL = 16
"""Lines from which on the histogram has more than one."""
BARS = 3
"""Lines of the histogram's bars."""


def value_lines(inside: TensorValues, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """What it is, and the histogram: lines of at most `width` columns. `height` is that of all that is shown."""
    lines = [*_facts(inside, glyphs)]
    if inside.histogram is not None and sum(inside.histogram.counts) > 1:
        if height < TALL:
            lines.append(histogram_line(inside.histogram, width=width, glyphs=glyphs))
        else:
            lines += histogram_block(inside.histogram, width=width, height=BARS, glyphs=glyphs)[1:]
    for line in lines:
        line.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return lines


def window_size(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of values for which there is room in so many columns and lines."""
    return max(height - 1, 1), max((width - 6) // CELL, 1)


def window_lines(window: TensorWindow, row: TensorRow, glyphs: Glyphs) -> list[Text]:
    """The values over the colours of a heat map, the indices of the last two axes beside and above them."""
    *_, first_row, first_column = (0, 0, *window.start)
    axes = len(row.shape)
    above = "".join(f"{first_column + place:>{CELL}}" for place in range(window.columns)) if axes else ""
    lines = [Text(" " * 6 + above, style=MUTED)]
    finite = [value for value in window.values if isinstance(value, float)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    for place in range(window.rows):
        values = window.values[place * window.columns : (place + 1) * window.columns]
        line = Text(f"{first_row + place:>5} " if axes > 1 else " " * 6, style=MUTED, no_wrap=True)
        for value in values:
            line.append(f"{format_number(value, glyphs):>{CELL}}", _style(value, low, high))
        lines.append(line)
    return lines


def window_slice(window: TensorWindow, row: TensorRow) -> str:
    """`[1, 0, 0:8, 0:5]` of a tensor of four axes: which values the window holds."""
    if not row.shape:
        return ""
    ends = (1,) * (len(row.shape) - 2) + (window.rows, window.columns)[-len(row.shape) :]
    parts = [str(at) if end == 1 else f"{at}:{at + end}" for at, end in zip(window.start, ends, strict=True)]
    return f"[{', '.join(parts)}]"


def _style(value: float | str, low: float, high: float) -> Style | str:
    return ATTENTION if isinstance(value, str) else heat_style(value, low, high)


def _facts(inside: TensorValues, glyphs: Glyphs) -> Sequence[Text]:
    row = inside.row
    title = Text.assemble(
        (printable(row.name, glyphs), f"bold {FOREGROUND}"),
        (f"  {format_shape(row.shape, glyphs)}", FOREGROUND),
        (f"  {printable(row.dtype, glyphs)}  {printable(row.device, glyphs)}", MUTED),
    )
    if row.requires_grad:
        title.append(f"  {short_operation(printable(row.origin, glyphs))}", MUTED)
    lies = f"strides ({', '.join(map(str, row.strides))}), {inside.layout}, {format_bytes(row.nbytes)}"
    if inside.storage_nbytes > row.nbytes:
        lies += f" of {format_bytes(inside.storage_nbytes)} from element {inside.storage_offset:,}"
    lines = [title, Text(lies, style=MUTED)]
    if (numbers := row.statistics) is not None and numbers.mean is not None and row.shape:
        about = sample_mark(numbers, glyphs)
        figures = [("min", numbers.low), ("mean", numbers.mean), ("max", numbers.high)]
        words = "  ".join(
            f"{name} {about}{format_number(value, glyphs)}" for name, value in figures if value is not None
        )
        lines.append(Text(words, style=FOREGROUND))
        if numbers.sample_size:
            words = f"{about} from {numbers.sample_size:,} values drawn of {math.prod(row.shape):,}"
            lines.append(Text(words, style=MUTED))
    if inside.grad_statistics is not None and inside.grad_statistics.mean is not None:
        low, high = inside.grad_statistics.low, inside.grad_statistics.high
        words = (
            format_number(inside.grad_statistics.mean, glyphs)
            if low == high
            else f"mean {format_number(inside.grad_statistics.mean, glyphs)}"
        )
        lines.append(Text.assemble(("grad ", MUTED), (words, GOOD)))
    if words := printable(row.problem, glyphs) or format_nonfinite(row.statistics):
        lines.append(Text(words, style=ATTENTION))
    return lines
