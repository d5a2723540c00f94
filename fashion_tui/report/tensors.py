"""Show a table of tensors and arrays, and the values of a single tensor."""

import math
from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from fashion_tui.schema.floats import JsonFloat
from fashion_tui.schema.tensors import Statistics, TensorRow, TensorValues, TensorWindow

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
from .text_table import EMPTY, Cell, Column, fit_columns, join_cells

DROP_ORDER: tuple[str, ...] = ("memory", "min", "max", "device", "≡", "=", "dtype", "grad")
"""Titles of columns, in the order in which the columns are dropped if the width is too small."""
MAX_WIDTHS = ((16, 12), (10, 9), (8, 8))
"""Pairs of maximum widths of the columns `tensor` and `shape`.

The first pair that leaves space for the columns `dtype` and `grad` is used. If there is none, the last pair is used.
"""

MEMORY_GROUP_TITLES = ("≡", "=")
"""Titles of the column that marks shared memory, in Unicode and in ASCII."""


def tensor_lines(
    rows: Sequence[TensorRow], width: int, glyphs: Glyphs, *, keep_memory_groups: bool = False
) -> tuple[Text, list[Text]]:
    """Return the header and a line for each tensor. No line is wider than `width`.

    If `keep_memory_groups` is true, the column that marks shared memory is dropped last.
    """
    drop_order = DROP_ORDER
    if keep_memory_groups:
        drop_order = (
            *(title for title in DROP_ORDER if title not in MEMORY_GROUP_TITLES),
            "mean",
            *MEMORY_GROUP_TITLES,
        )
    for max_widths in MAX_WIDTHS:
        all_columns = _columns(rows, glyphs, *max_widths)
        columns = fit_columns(all_columns, width, drop_order)
        dropped = {column.title for column in all_columns} - {column.title for column in columns}
        if dropped.isdisjoint({"dtype", "grad"}):
            break
    header = join_cells([column.header() for column in columns])
    lines = [join_cells([column.line(index) for column in columns]) for index in range(len(rows))]
    for line in (header, *lines):
        line.truncate(width, overflow="crop")
    return header, lines


def _columns(rows: Sequence[TensorRow], glyphs: Glyphs, name_width: int, shape_width: int) -> list[Column]:
    def column(title: str, cells: list[Cell], *, right: bool = False, max_width: int = 1000) -> Column:
        return Column(title, cells, right=right, max_width=max_width, ellipsis=glyphs.ellipsis)

    columns = [
        column("tensor", [Cell(printable(row.name, glyphs), FOREGROUND) for row in rows], max_width=name_width),
        column("shape", [Cell(_format_row_shape(row, glyphs), FOREGROUND) for row in rows], max_width=shape_width),
        column("dtype", [Cell(short_dtype(printable(row.dtype, glyphs)), MUTED) for row in rows], max_width=8),
        column("device", [Cell(printable(row.device, glyphs), MUTED) for row in rows], max_width=8),
        column("grad", [_origin_cell(row, glyphs) for row in rows], max_width=9),
        column("min", [_statistic_cell(row, "low", glyphs) for row in rows], right=True),
        column("mean", [_statistic_cell(row, "mean", glyphs) for row in rows], right=True),
        column("max", [_statistic_cell(row, "high", glyphs) for row in rows], right=True),
        column("memory", [Cell(format_bytes(row.nbytes), MUTED) for row in rows], right=True),
        column("≡" if glyphs.unicode else "=", [_memory_group_cell(row, glyphs) for row in rows]),
    ]
    if all(row.device == "cpu" for row in rows):
        columns = [shown for shown in columns if shown.title != "device"]
    return [shown for shown in columns if shown.title == "tensor" or not _is_blank(shown)]


def _is_blank(column: Column) -> bool:
    return not any(cell.text.strip() for cell in column.cells)


def _origin_cell(row: TensorRow, glyphs: Glyphs) -> Cell:
    """Return a cell with `leaf` or the operation that created the tensor.

    The text is in the accent colour if the tensor has a gradient.
    """
    if not row.requires_grad:
        return Cell(glyphs.dot, MUTED)
    return Cell(short_operation(printable(row.origin, glyphs)), ACCENT if row.has_grad else MUTED)


def _statistic_cell(row: TensorRow, name: str, glyphs: Glyphs) -> Cell:
    """Return the cell of a statistic.

    The column `mean` also shows the value of a scalar, or the counts of non-finite values.
    """
    statistics = row.statistics
    if name == "mean" and (counts := format_nonfinite(statistics)):
        return Cell(counts, ATTENTION)
    value: float | None = None if statistics is None else getattr(statistics, name)
    if statistics is None or value is None or (row.shape == () and name != "mean"):
        return EMPTY
    text = sample_mark(statistics, glyphs) + format_number(value, glyphs)
    return Cell(text, FOREGROUND if name == "mean" else MUTED)


def _memory_group_cell(row: TensorRow, glyphs: Glyphs) -> Cell:
    """Return a cell such as `≡1`. Tensors that share memory have the same number."""
    return Cell(f"{'≡' if glyphs.unicode else '='}{row.memory_group}", GOOD) if row.memory_group else EMPTY


def _format_row_shape(row: TensorRow, glyphs: Glyphs) -> str:
    return format_shape(row.shape, glyphs) if row.has_shape else "nested"


# One tensor

CELL_WIDTH = 9
"""Width of a value in columns, including the space before the value."""
INDEX_WIDTH = 6
"""Width of a row index in columns, including the space after the index."""
MIN_HEIGHT_FOR_BLOCK = 16
"""Minimum height of the view, in lines, at which the histogram has more than one line."""
HISTOGRAM_HEIGHT = 3
"""Number of lines of the histogram's bars."""


def value_lines(values: TensorValues, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return a tensor's properties and a histogram of its values, at most `width` columns wide.

    `height` is the height of the view.
    """
    lines = _property_lines(values, glyphs)
    if values.histogram is not None and sum(values.histogram.counts) > 1:
        if height < MIN_HEIGHT_FOR_BLOCK:
            lines.append(histogram_line(values.histogram, width=width, glyphs=glyphs))
        else:
            lines += histogram_block(values.histogram, width=width, height=HISTOGRAM_HEIGHT, glyphs=glyphs)[1:]
    for line in lines:
        line.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return lines


def window_size(width: int, height: int) -> tuple[int, int]:
    """Return how many rows and columns of values fit into `width` columns and `height` lines."""
    return max(height - 1, 1), max((width - INDEX_WIDTH) // CELL_WIDTH, 1)


def window_lines(window: TensorWindow, row: TensorRow, glyphs: Glyphs) -> list[Text]:
    """Return the values as a heat map, with row indices on the left and column indices above."""
    *_, first_row, first_column = (0, 0, *window.start)
    axes = len(row.shape)
    header = "".join(f"{first_column + column:>{CELL_WIDTH}}" for column in range(window.columns)) if axes else ""
    lines = [Text(" " * INDEX_WIDTH + header, style=MUTED)]
    finite = [value for value in window.values if isinstance(value, float)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    for index in range(window.rows):
        label = f"{first_row + index:>{INDEX_WIDTH - 1}} " if axes > 1 else " " * INDEX_WIDTH
        line = Text(label, style=MUTED, no_wrap=True)
        for value in window.values[index * window.columns : (index + 1) * window.columns]:
            line.append(f"{format_number(value, glyphs):>{CELL_WIDTH}}", _value_style(value, low, high))
        lines.append(line)
    return lines


def window_slice(window: TensorWindow, row: TensorRow) -> str:
    """Return the indices of the window, such as `[1, 0, 0:8, 0:5]`, or an empty string for a scalar."""
    if not row.shape:
        return ""
    sizes = (1,) * (len(row.shape) - 2) + (window.rows, window.columns)[-len(row.shape) :]
    parts = [
        str(start) if size == 1 else f"{start}:{start + size}" for start, size in zip(window.start, sizes, strict=True)
    ]
    return f"[{', '.join(parts)}]"


def _value_style(value: JsonFloat, low: float, high: float) -> Style | str:
    return ATTENTION if isinstance(value, str) else heat_style(value, low, high)


def _property_lines(values: TensorValues, glyphs: Glyphs) -> list[Text]:
    row = values.row
    title = Text.assemble(
        (printable(row.name, glyphs), f"bold {FOREGROUND}"),
        (f"  {format_shape(row.shape, glyphs)}", FOREGROUND),
        (f"  {printable(row.dtype, glyphs)}  {printable(row.device, glyphs)}", MUTED),
    )
    if row.requires_grad:
        title.append(f"  {short_operation(printable(row.origin, glyphs))}", MUTED)
    memory = f"strides ({', '.join(map(str, row.strides))}), {values.layout}, {format_bytes(row.nbytes)}"
    if values.storage_nbytes > row.nbytes:
        memory += f" of {format_bytes(values.storage_nbytes)} from element {values.storage_offset:,}"
    lines = [title, Text(memory, style=MUTED)]
    if row.statistics is not None and row.statistics.mean is not None and row.shape:
        lines += _statistic_lines(row.statistics, math.prod(row.shape), glyphs)
    gradient = values.grad_statistics
    if gradient is not None and gradient.mean is not None:
        mean = format_number(gradient.mean, glyphs)
        text = mean if gradient.low == gradient.high else f"mean {mean}"
        lines.append(Text.assemble(("grad ", MUTED), (text, GOOD)))
    if problem := printable(row.problem, glyphs) or format_nonfinite(row.statistics):
        lines.append(Text(problem, style=ATTENTION))
    return lines


def _statistic_lines(statistics: Statistics, count: int, glyphs: Glyphs) -> list[Text]:
    mark = sample_mark(statistics, glyphs)
    named = [("min", statistics.low), ("mean", statistics.mean), ("max", statistics.high)]
    numbers = [f"{name} {mark}{format_number(value, glyphs)}" for name, value in named if value is not None]
    lines = [Text("  ".join(numbers), style=FOREGROUND)]
    if statistics.sample_size:
        lines.append(Text(f"{mark} from a sample of {statistics.sample_size:,} of {count:,} values", style=MUTED))
    return lines
