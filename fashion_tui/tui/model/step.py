"""One step of a network in a few lines: its shape, large, the arithmetic behind it, what it costs, its weights."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from fashion_tui.report.formatting import (
    format_bytes,
    format_formula,
    format_seconds,
    format_shape,
    format_shapes,
    printable,
)
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.histogram import MAX_WIDTH, histogram_block, histogram_line
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.schema.shapes import ShapeRow, ShapeTable
from fashion_tui.schema.weights import Histogram
from fashion_tui.tui.widgets.large_number import large_number

TALL = 9
"""Lines from which on the shape is written large."""
BESIDE = 84
"""Columns from which on the facts stand beside the large shape."""
BAR = 10
"""Cells of the bar of a share."""
ROOMY = 60
"""Columns from which on a share has a bar and its figure beside the arithmetic."""
BLOCK = 6
"""Lines of a histogram with its axis."""


def step_lines(
    table: ShapeTable, row: ShapeRow, histograms: Sequence[Histogram], size: tuple[int, int], glyphs: Glyphs
) -> list[Text]:
    """What there is to say of the step, in `size`: so many columns and lines."""
    width, height = size
    if height < TALL:
        lines = [_name(row, glyphs) + Text("   ") + _way(row, glyphs), *_facts(table, row, width, glyphs)]
        lines += [histogram_line(one, width=width, glyphs=glyphs) for one in histograms[:1]]
    else:
        lines = [_name(row, glyphs), *_large(table, row, width, glyphs)]
        if histograms and height - len(lines) > BLOCK:
            lines += [Text(), *_blocks(histograms, width, glyphs)]
        else:
            lines += [histogram_line(one, width=width, glyphs=glyphs) for one in histograms[:2]]
    for line in lines:
        line.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return lines[:height]


def _name(row: ShapeRow, glyphs: Glyphs) -> Text:
    """`conv2   Conv2d   5×5 p2`."""
    return Text.assemble(
        (printable(row.path, glyphs), f"bold {FOREGROUND}"),
        (f"   {printable(row.op, glyphs)}", MUTED),
        (f"   {printable(row.settings, glyphs)}" if row.settings else "", MUTED),
    )


def _way(row: ShapeRow, glyphs: Glyphs) -> Text:
    """`12×14×14 → 20×14×14`."""
    arrow = " → " if glyphs.unicode else " -> "
    came = ", ".join(format_shape(shape, glyphs) for shape in row.inputs)
    gave = format_shapes(row.outputs, glyphs) or ("fails" if row.failed else "nothing")
    return Text.assemble((came, FOREGROUND), (arrow if came else "", MUTED), (gave, f"bold {ACCENT}"))


def _large(table: ShapeTable, row: ShapeRow, width: int, glyphs: Glyphs) -> list[Text]:
    """The shape that comes out in large digits, with the facts beside it or below."""
    came = ", ".join(format_shape(shape, glyphs) for shape in row.inputs)
    facts = _facts(table, row, width if width < BESIDE else width - BESIDE // 2, glyphs)
    figures = "×".join(map(str, row.outputs[0])) if row.outputs and row.outputs[0] else ""
    digits = [Text(line, style=ACCENT) for line in large_number(figures, glyphs)] if figures else [_way(row, glyphs)]
    memory_of = format_bytes(row.activation_bytes) if row.activation_bytes else "no memory of its own"
    from_where = Text(f"from {came}   " if came else "", style=MUTED)
    from_where.append(f"{row.dtype}, {memory_of}" if row.dtype else "", style=MUTED)
    if width < BESIDE or max(line.cell_len for line in digits) > BESIDE // 2 - 3:
        return [*digits, from_where, *facts]
    left = [*digits, *[Text()] * len(facts)]
    right = [from_where, *facts]
    lines = []
    for one, other in zip(left, right, strict=False):
        line = one.copy()
        line.pad_right(BESIDE // 2 - one.cell_len)
        lines.append(line + other)
    return lines


@dataclass(frozen=True, slots=True)
class _Cost:
    label: str
    figure: str
    part: float
    whole: float
    arithmetic: str

    def line(self, width: int, glyphs: Glyphs) -> Text:
        """`params       6,020   2.9 %  ▎       weight 20×12×5×5 = 6,000, bias 20`; in little room without the bar."""
        share = self.part / self.whole if self.whole else 0.0
        line = Text(f"{self.label:<7}", style=MUTED)
        if width >= ROOMY or not self.arithmetic:
            line.append(f"{self.figure:>11}", FOREGROUND).append(f"{share * 100:6.1f} %  ", MUTED)
        else:
            line.append(f"{share * 100:3.0f} % ", MUTED)
        if width >= ROOMY:
            bar = glyphs.bar(share, BAR)
            line.append(bar, ACCENT).append(" " * (BAR + 2 - len(bar)))
        return line.append(format_formula(self.arithmetic, glyphs), FOREGROUND)


def _facts(table: ShapeTable, row: ShapeRow, width: int, glyphs: Glyphs) -> list[Text]:
    """The arithmetic of the shape, then parameters, products and time, each with its share."""
    lines = [Text(format_formula(row.arithmetic, glyphs), style=FOREGROUND)] if row.arithmetic else []
    costs = [
        _Cost("params", f"{row.params:,}", row.params, table.total_params, row.params_arithmetic),
        _Cost("MACs", f"{row.macs:,}", row.macs, table.total_macs, row.macs_arithmetic.rpartition(" = ")[0]),
    ]
    if table.timed_on:
        ways = (("forward", row.forward_seconds), ("backward", row.backward_seconds))
        words = ", ".join(f"{name} {format_seconds(seconds, glyphs)}" for name, seconds in ways if seconds)
        costs.append(_Cost("time", format_seconds(row.seconds, glyphs), row.seconds, table.seconds, words))
    lines += [cost.line(width, glyphs) for cost in costs if cost.part]
    if row.reused:
        lines.append(Text("its parameters count where they were used first", style=MUTED))
    return lines


def _blocks(histograms: Sequence[Histogram], width: int, glyphs: Glyphs) -> list[Text]:
    """Histograms beside each other, as many as there is room for."""
    most = max(width // (MAX_WIDTH // 2 + 4), 1)
    shown = histograms[:most]
    room = min((width - 3 * (len(shown) - 1)) // len(shown), MAX_WIDTH)
    blocks = [histogram_block(one, width=room, height=BLOCK - 2, glyphs=glyphs) for one in shown]
    for line in (line for block in blocks for line in block):
        line.truncate(room)
        line.pad_right(room - line.cell_len)
    return [Text("   ").join(parts) for parts in zip(*blocks, strict=True)]
