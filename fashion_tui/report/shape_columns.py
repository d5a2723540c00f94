"""The columns of the table of shapes."""

from collections.abc import Sequence
from dataclasses import replace

from fashion_tui.schema.shapes import ShapeRow, ShapeTable

from .columns import Cell, Column
from .glyphs import Glyphs
from .style import ACCENT, BAD, FOREGROUND, MUTED
from .tensors import TensorScale
from .words import duration, ellipsis, memory, nothing, quantity, said, shapes_words

BARS = "share"
"""Title of the column of bars, until it is known how much room there is for it."""
LEAST_BAR = 8
"""Cells."""
TITLES = (
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
    params, macs = Cell(f"{table.total_params:,}", FOREGROUND), Cell(quantity(table.total_macs), FOREGROUND)
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
    return [replace(column, cut=ellipsis(glyphs)) for column in columns]


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
    rows, none = [table.rows[index] for index in shown], Cell(nothing(glyphs), MUTED)
    sizes = [Cell(memory(row.activation_bytes), FOREGROUND) if row.activation_bytes else none for row in rows]
    learns = [Cell("yes" if row.trainable else "no", MUTED) if row.params or row.reused else none for row in rows]
    return (
        Column("memory", sizes, Cell(memory(table.activation_bytes), FOREGROUND), right=True),
        Column("dtype", [Cell(said(row.dtype, glyphs), MUTED) for row in rows]),
        Column("learns", learns),
    )


def _times(table: ShapeTable, shown: Sequence[int], glyphs: Glyphs) -> tuple[Column, Column]:
    """Forward and backward."""
    totals = sums(table, shown)
    columns = []
    for title, field in (("forward", "forward_seconds"), ("backward", "backward_seconds")):
        seconds = [getattr(row, field) for row in table.rows]
        cells = [
            Cell(duration(seconds[index], glyphs), MUTED if is_sum else FOREGROUND)
            if seconds[index]
            else Cell(nothing(glyphs), MUTED)
            for index, is_sum in zip(shown, totals, strict=True)
        ]
        whole = sum(figure or 0.0 for row, figure in zip(table.rows, seconds, strict=True) if row.depth == 0)
        columns.append(Column(title, cells, Cell(duration(whole, glyphs), FOREGROUND), right=True))
    return columns[0], columns[1]


def _cells(row: ShapeRow, total: int, tone: str, glyphs: Glyphs) -> list[Cell]:
    """`step` to `MACs`; figures in `tone`. What a step leaves as it was is muted."""
    none = Cell(nothing(glyphs), MUTED)
    output = FOREGROUND if changes_shape(row) else MUTED
    words = [row.settings, "frozen" if row.params and not row.trainable else ""]
    params = Cell(f"{row.params:,}", tone) if row.params else Cell("reused", MUTED) if row.reused else none
    return [
        Cell("  " * row.depth + said(row.name, glyphs), BAD if row.failed else FOREGROUND),
        Cell(said(row.op, glyphs), MUTED),
        Cell(shapes_words(row.inputs, glyphs), MUTED),
        Cell("fails", BAD) if row.failed else Cell(shapes_words(row.outputs, glyphs), output),
        Cell(said(", ".join(filter(None, words)), glyphs), MUTED),
        params,
        Cell(f"{100 * row.params / total:.1f}", MUTED) if row.params and total else none,
        Cell(quantity(row.macs), tone) if row.macs else none,
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
