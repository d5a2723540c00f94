"""The columns of the table of shapes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fashion_tui.schema.shapes import Shape, ShapeRow, ShapeTable

from .formatting import format_bytes, format_count, format_seconds, format_shapes, printable
from .glyphs import Glyphs
from .style import ACCENT, BAD, FOREGROUND, MUTED
from .text_table import Cell, Column

BARS = "share"
"""Title of the column of bars, until it is known how much room there is for it."""
LEAST_BAR = 8
"""Cells."""
COLUMN_TITLES = (
    "#", "step", "operation", "input", "output", "tensor", "kernel", "params", "%", "MACs", "memory", "dtype", "learns",
    "forward", "backward", BARS,
)  # fmt: skip
"""Of all columns, in their order."""
ON_REQUEST = frozenset({"memory", "dtype", "learns"})
"""Columns that are shown where they are asked for."""


def shape_columns(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs) -> list[Column]:
    """All of them; that of the bars as narrow as it may be, and still empty."""
    failing = max((index for index in shown if table.rows[index].failed), default=None)
    rows = []
    for index, is_sum in zip(shown, sums(table, shown), strict=True):
        number = Cell(glyphs.bad, BAD) if index == failing else Cell(str(index + 1), MUTED)
        tone = MUTED if is_sum else FOREGROUND
        rows.append([number, *_cells(table.rows[index], table.total_params, tone, glyphs)])
    cells = list(zip(*rows, strict=True)) if rows else [()] * 9
    params, macs = Cell(f"{table.total_params:,}", FOREGROUND), Cell(format_count(table.total_macs), FOREGROUND)
    columns = [
        Column("#", cells[0], right=True),
        Column("step", cells[1], Cell("total", MUTED), at_most=30),
        Column("operation", cells[2], at_most=18),
        Column("input", cells[3], at_most=18),
        Column("output", cells[4], at_most=18),
        Column("tensor", _tensors(table, shown, glyphs), optional=True),
        Column("kernel", cells[5], at_most=18),
        Column("params", cells[6], params, right=True),
        Column("%", cells[7], right=True),
        Column("MACs", cells[8], macs, right=True),
        *_on_request(table, shown, glyphs),
        *(_times(table, shown, glyphs) if table.timed_on else ()),
        Column(BARS, [Cell(" " * LEAST_BAR)] * len(shown)),
    ]
    return [replace(column, cut=glyphs.ellipsis) for column in columns]


def _tensors(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs) -> list[Cell]:
    """What each step gives, as a bar."""
    outputs = [table.rows[index].outputs[0] if table.rows[index].outputs else None for index in shown]
    scale = TensorScale.of([*table.inputs, *(shape for shape in outputs if shape is not None)])
    tones = [FOREGROUND if changes_shape(table.rows[index]) else MUTED for index in shown]
    return [
        Cell("" if shape is None else scale.bar(shape, glyphs), tone)
        for shape, tone in zip(outputs, tones, strict=True)
    ]


def _on_request(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs) -> tuple[Column, ...]:
    """What one sample's outputs take anew, their dtype, and whether the step learns."""
    rows, none = [table.rows[index] for index in shown], Cell(glyphs.dot, MUTED)
    sizes = [Cell(format_bytes(row.activation_bytes), FOREGROUND) if row.activation_bytes else none for row in rows]
    learns = [Cell("yes" if row.trainable else "no", MUTED) if row.params or row.reused else none for row in rows]
    return (
        Column("memory", sizes, Cell(format_bytes(table.activation_bytes), FOREGROUND), right=True),
        Column("dtype", [Cell(printable(row.dtype, glyphs), MUTED) for row in rows]),
        Column("learns", learns),
    )


def _times(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs) -> tuple[Column, Column]:
    """Forward and backward."""
    totals = sums(table, shown)
    columns = []
    for title, field in (("forward", "forward_seconds"), ("backward", "backward_seconds")):
        seconds = [getattr(row, field) for row in table.rows]
        cells = [
            Cell(format_seconds(seconds[index], glyphs), MUTED if is_sum else FOREGROUND)
            if seconds[index]
            else Cell(glyphs.dot, MUTED)
            for index, is_sum in zip(shown, totals, strict=True)
        ]
        whole = sum(figure or 0.0 for row, figure in zip(table.rows, seconds, strict=True) if row.depth == 0)
        columns.append(Column(title, cells, Cell(format_seconds(whole, glyphs), FOREGROUND), right=True))
    return columns[0], columns[1]


def _cells(row: ShapeRow, total: int, tone: str, glyphs: Glyphs) -> list[Cell]:
    """`step` to `MACs`; figures in `tone`. What a step leaves as it was is muted."""
    none = Cell(glyphs.dot, MUTED)
    output = FOREGROUND if changes_shape(row) else MUTED
    words = [row.settings, "frozen" if row.params and not row.trainable else ""]
    params = Cell(f"{row.params:,}", tone) if row.params else Cell("reused", MUTED) if row.reused else none
    return [
        Cell("  " * row.depth + printable(row.name, glyphs), BAD if row.failed else FOREGROUND),
        Cell(printable(row.op, glyphs), MUTED),
        Cell(format_shapes(row.inputs, glyphs), MUTED),
        Cell("fails", BAD) if row.failed else Cell(format_shapes(row.outputs, glyphs), output),
        Cell(printable(", ".join(filter(None, words)), glyphs), MUTED),
        params,
        Cell(f"{100 * row.params / total:.1f}", MUTED) if row.params and total else none,
        Cell(format_count(row.macs), tone) if row.macs else none,
    ]


def changes_shape(row: ShapeRow) -> bool:
    """Whether what comes out has another shape than what comes in."""
    return row.outputs[:1] != row.inputs[:1]


def bars(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs, width: int) -> Column:
    """Each row's share of the time where that was measured, else of the work; none for a sum: its parts have theirs."""
    what = "time" if table.timed_on else "work"
    whole = (table.seconds if table.timed_on else table.total_macs) or 1
    parts = [table.rows[index].seconds if table.timed_on else table.rows[index].macs for index in shown]
    cells = [
        Cell("" if is_sum else glyphs.bar(part / whole, width), ACCENT)
        for part, is_sum in zip(parts, sums(table, shown), strict=True)
    ]
    return Column(f"share of {what}" if width >= len("share of work") else what, cells, width=width)


def sums(table: ShapeTable, shown: Sequence[int]) -> list[bool]:
    """For each shown row whether the rows below it are shown too."""
    following = [*shown[1:], -1]
    return [table.rows[index].has_children and following[place] == index + 1 for place, index in enumerate(shown)]


MAX_BAR = 10
"""Cells of the tensor with the most channels."""


@dataclass(frozen=True, slots=True)
class TensorScale:
    """What the bars of a network are measured by."""

    channels: int
    """The most that a tensor has."""
    side: float
    """The largest side of a picture, if pictures were square."""

    @classmethod
    def of(cls, shapes: Iterable[Shape]) -> "TensorScale":
        known = [shape for shape in shapes if shape]
        return cls(max((shape[0] for shape in known), default=1), max(map(_side, known), default=1.0))

    def bar(self, shape: Shape, glyphs: Glyphs) -> str:
        """`▆▆▆▆`: the logarithm of the channels in its width, the root of the side in its height; rows of values flat.

        Halving a side takes a fifth to a third off the height, so that five halvings can be told apart.
        """
        if not shape:
            return glyphs.levels[0]
        width = 1 + round((MAX_BAR - 1) * math.log(max(shape[0], 1)) / math.log(max(self.channels, 2)))
        tallest = len(glyphs.levels) - 2  # a full cell would run into those above and below
        level = 0 if len(shape) == 1 else max(round(tallest * (_side(shape) / self.side) ** 0.5), 1)
        return glyphs.levels[level] * width


def _side(shape: Shape) -> float:
    return math.prod(shape[1:]) ** 0.5 if len(shape) > 1 else 1.0
