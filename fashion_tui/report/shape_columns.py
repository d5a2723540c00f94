"""The columns of the shape table."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fashion_tui.schema.shapes import Shape, ShapeRow, ShapeTable

from .formatting import format_bytes, format_count, format_seconds, format_shape, format_shapes, printable
from .glyphs import Glyphs
from .style import ACCENT, BAD, FOREGROUND, MUTED
from .text_table import Cell, Column

SHARE = "share"
"""Title of a placeholder column. The placeholder is replaced by the result of `share_column`."""
MIN_BAR_WIDTH = 8
COLUMN_TITLES = (
    "#", "step", "operation", "input", "output", "tensor", "kernel", "params", "%", "MACs", "memory", "field",
    "dtype", "trainable", "forward", "backward", SHARE,
)  # fmt: skip
OPTIONAL_TITLES = frozenset({"memory", "field", "dtype", "trainable"})
"""Columns that are shown only on request."""


def shape_columns(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs) -> list[Column]:
    """Return all columns for the rows with the indices `shown`. The column SHARE is a placeholder of minimum width."""
    failing = max((index for index in shown if table.rows[index].failed), default=None)
    rows = []
    for index, is_sum in zip(shown, are_sums(table, shown), strict=True):
        number = Cell(glyphs.bad, BAD) if index == failing else Cell(str(index + 1), MUTED)
        tone = MUTED if is_sum else FOREGROUND
        rows.append([number, *_cells(table.rows[index], table.total_params, tone, glyphs)])
    cells = list(zip(*rows, strict=True)) if rows else [()] * 9
    params, macs = Cell(f"{table.total_params:,}", FOREGROUND), Cell(format_total_macs(table), FOREGROUND)
    output = Cell(format_shapes(table.outputs, glyphs), FOREGROUND)
    columns = [
        Column("#", cells[0], right=True),
        Column("step", cells[1], Cell("total", MUTED), max_width=30),
        Column("operation", cells[2], max_width=18),
        Column("input", cells[3], max_width=18),
        Column("output", cells[4], output, max_width=18),
        Column("tensor", _tensor_bars(table, shown, glyphs), optional=True),
        Column("kernel", cells[5], max_width=18),
        Column("params", cells[6], params, right=True),
        Column("%", cells[7], right=True),
        Column("MACs", cells[8], macs, right=True),
        *_optional_columns(table, shown, glyphs),
        *(_time_columns(table, shown, glyphs) if table.timed_on else ()),
        Column(SHARE, [Cell(" " * MIN_BAR_WIDTH)] * len(shown)),
    ]
    return [replace(column, ellipsis=glyphs.ellipsis) for column in columns]


def _tensor_bars(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs) -> list[Cell]:
    """Return a bar for each row, which shows the size of the row's output."""
    outputs = [table.rows[index].outputs[0] if table.rows[index].outputs else None for index in shown]
    scale = TensorScale.of([*(spec.shape for spec in table.inputs), *(shape for shape in outputs if shape is not None)])
    tones = [FOREGROUND if changes_shape(table.rows[index]) else MUTED for index in shown]
    return [
        Cell("" if shape is None else scale.bar(shape, glyphs), tone)
        for shape, tone in zip(outputs, tones, strict=True)
    ]


def _optional_columns(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs) -> tuple[Column, ...]:
    """Return the columns `memory`, `field` (the receptive field), `dtype` and `trainable`."""
    rows, none = [table.rows[index] for index in shown], Cell(glyphs.dot, MUTED)
    sizes = [Cell(format_bytes(row.activation_bytes), FOREGROUND) if row.activation_bytes else none for row in rows]
    seen = [None if row.receptive_field is None else format_shape(row.receptive_field, glyphs) for row in rows]
    fields = [none if field is None else Cell(field, FOREGROUND) for field in seen]
    trainable = [Cell("yes" if row.trainable else "no", MUTED) if row.params or row.reused else none for row in rows]
    return (
        Column("memory", sizes, Cell(format_bytes(table.activation_bytes), FOREGROUND), right=True),
        Column("field", fields, right=True),
        Column("dtype", [Cell(printable(row.dtype, glyphs), MUTED) for row in rows]),
        Column("trainable", trainable),
    )


def _time_columns(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs) -> tuple[Column, Column]:
    """Return the columns `forward` and `backward`."""
    rows, sums, none = [table.rows[index] for index in shown], are_sums(table, shown), Cell(glyphs.dot, MUTED)
    roots = [row for row in table.rows if row.depth == 0]

    def column(title: str, seconds: Sequence[float | None], total: float) -> Column:
        cells = [
            Cell(format_seconds(time, glyphs), MUTED if is_sum else FOREGROUND) if time else none
            for time, is_sum in zip(seconds, sums, strict=True)
        ]
        return Column(title, cells, Cell(format_seconds(total, glyphs), FOREGROUND), right=True)

    return (
        column("forward", [row.forward_seconds for row in rows], sum(row.forward_seconds or 0.0 for row in roots)),
        column("backward", [row.backward_seconds for row in rows], sum(row.backward_seconds or 0.0 for row in roots)),
    )


def _cells(row: ShapeRow, total_params: int, tone: str, glyphs: Glyphs) -> list[Cell]:
    """Return a row's cells for the columns from `step` to `MACs`.

    Numbers have the colour `tone`; an unchanged shape is muted.
    """
    none = Cell(glyphs.dot, MUTED)
    output = FOREGROUND if changes_shape(row) else MUTED
    settings = [
        "mixes samples" if row.mixes_samples else "",
        "frozen" if row.params and not row.trainable else "",
        row.settings,
    ]
    params = Cell(f"{row.params:,}", tone) if row.params else Cell("reused", MUTED) if row.reused else none
    return [
        Cell("  " * row.depth + printable(row.name, glyphs), BAD if row.failed else FOREGROUND),
        Cell(printable(row.op, glyphs), MUTED),
        Cell(format_shapes(row.inputs, glyphs), MUTED),
        Cell("fails", BAD) if row.failed else Cell(format_shapes(row.outputs, glyphs), output),
        Cell(printable(", ".join(filter(None, settings)), glyphs), MUTED),
        params,
        Cell(f"{100 * row.params / total_params:.1f}", MUTED) if row.params and total_params else none,
        Cell("?" if row.macs is None else format_count(row.macs), tone) if row.macs != 0 else none,
    ]


def format_total_macs(table: ShapeTable) -> str:
    """Return the total number of MACs, such as `1.61M`, or `1.61M + ?` if the MACs of some rows are unknown."""
    return f"{format_count(table.total_macs)}{' + ?' if table.has_unknown_macs else ''}"


def changes_shape(row: ShapeRow) -> bool:
    """Return whether the shape of the output differs from the shape of the input."""
    return row.outputs[:1] != row.inputs[:1]


def share_column(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs, width: int) -> Column:
    """Return a column of bars. A bar shows the row's share of the time, or of the MACs if no time was measured.

    A row whose children are also shown has no bar, because its numbers are totals that include the children.
    """
    quantity = "time" if table.timed_on else "work"
    total = (table.seconds if table.timed_on else table.total_macs) or 1
    amounts = [table.rows[index].seconds if table.timed_on else table.rows[index].macs or 0 for index in shown]
    cells = [
        Cell("" if is_sum else glyphs.bar(amount / total, width), ACCENT)
        for amount, is_sum in zip(amounts, are_sums(table, shown), strict=True)
    ]
    title = f"share of {quantity}"
    return Column(title if width >= len(title) else quantity, cells, width=width)


def are_sums(table: ShapeTable, shown: Sequence[int]) -> list[bool]:
    """Return, for each shown row, whether its numbers are totals that include child rows that are also shown."""
    following = [*shown[1:], -1]
    return [table.rows[index].has_children and following[i] == index + 1 for i, index in enumerate(shown)]


# Sizes of tensors

MAX_BAR = 10
"""Length, in cells, of the bar for the tensor with the most channels."""


@dataclass(frozen=True, slots=True)
class TensorScale:
    """The scale of the bars that show the sizes of a network's tensors."""

    channels: int
    """Largest number of channels of any tensor."""
    side: float
    """Largest side length of any image. The side length is the square root of the number of pixels."""

    @classmethod
    def of(cls, shapes: Iterable[Shape]) -> "TensorScale":
        known = [shape for shape in shapes if shape]
        return cls(max((shape[0] for shape in known), default=1), max(map(_side, known), default=1.0))

    def bar(self, shape: Shape, glyphs: Glyphs) -> str:
        """Return a bar such as `▆▆▆▆`. Its width grows with the logarithm of the number of channels.

        Its height grows with the square root of the image's side length. A vector has the lowest bar.
        """
        if not shape:
            return glyphs.levels[0]
        width = 1 + round((MAX_BAR - 1) * math.log(max(shape[0], 1)) / math.log(max(self.channels, 2)))
        tallest = len(glyphs.levels) - 2  # because full-height bars would touch the bars above them
        level = 0 if len(shape) == 1 else max(round(tallest * (_side(shape) / self.side) ** 0.5), 1)
        return glyphs.levels[level] * width


def _side(shape: Shape) -> float:
    return math.prod(shape[1:]) ** 0.5 if len(shape) > 1 else 1.0
