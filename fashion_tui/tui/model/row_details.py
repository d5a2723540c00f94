"""The details of the row under the cursor: its output shape, how the shape is computed, its cost and its weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.text import Text

from fashion_tui.report.formatting import (
    format_bytes,
    format_formula,
    format_percent,
    format_seconds,
    format_shape,
    format_shapes,
    printable,
)
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.histogram import MAX_WIDTH, histogram_block, histogram_line
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.schema.shapes import Shape, ShapeRow, ShapeTable
from fashion_tui.schema.weights import Histogram
from fashion_tui.tui.widgets.large_number import large_number
from fashion_tui.tui.widgets.lines import FittedLines

LARGE_SHAPE_HEIGHT = 9
"""Minimum height, in lines, for showing the output shape in large digits."""
TWO_COLUMN_WIDTH = 84
"""Minimum width, in columns, for showing the arithmetic and the costs beside the large output shape."""
BAR_WIDTH = 10
"""Width, in columns, of the bar that shows a cost."""
FULL_COST_WIDTH = 60
"""Minimum width, in columns, at which each cost is shown with its value and a bar next to the arithmetic."""
HISTOGRAM_HEIGHT = 6
"""Height of a histogram, in lines, including the caption and the axis."""
HISTOGRAM_GAP = 3
"""Columns between histograms."""


class RowDetails(FittedLines):
    """Shows as many details of one row as fit."""

    def show(self, table: ShapeTable, row: ShapeRow, histograms: Sequence[Histogram]) -> None:
        self.fit(lambda width: row_lines(table, row, histograms, (width, self.size.height), terminal_glyphs()))


def row_lines(
    table: ShapeTable, row: ShapeRow, histograms: Sequence[Histogram], size: tuple[int, int], glyphs: Glyphs
) -> list[Text]:
    """Return the details of a row that fit in `size`, which is the width in columns and the height in lines."""
    width, height = size
    if height < LARGE_SHAPE_HEIGHT:
        lines = [_name(row, glyphs) + Text("   ") + _shapes(row, glyphs), *_facts(table, row, width, glyphs)]
        lines += [histogram_line(histogram, width=width, glyphs=glyphs) for histogram in histograms[:1]]
    else:
        lines = [_name(row, glyphs), *_large_shape_and_facts(table, row, width, glyphs)]
        if histograms and height - len(lines) > HISTOGRAM_HEIGHT:
            lines += [Text(), *_histogram_blocks(histograms, width, glyphs)]
        else:
            lines += [histogram_line(histogram, width=width, glyphs=glyphs) for histogram in histograms[:2]]
    for line in lines:
        line.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return lines[:height]


def _name(row: ShapeRow, glyphs: Glyphs) -> Text:
    """Return the name, operation and settings of a row, such as `conv2   Conv2d   5×5 p2`."""
    return Text.assemble(
        (printable(row.path, glyphs), f"bold {FOREGROUND}"),
        (f"   {printable(row.op, glyphs)}", MUTED),
        (f"   {printable(row.settings, glyphs)}" if row.settings else "", MUTED),
    )


def _inputs(row: ShapeRow, glyphs: Glyphs) -> str:
    return ", ".join(format_shape(shape, glyphs) for shape in row.inputs)


def _shapes(row: ShapeRow, glyphs: Glyphs) -> Text:
    """Return the input and output shapes of a row, such as `12×14×14 → 20×14×14`."""
    arrow = " → " if glyphs.unicode else " -> "
    inputs = _inputs(row, glyphs)
    outputs = format_shapes(row.outputs, glyphs) or ("failed" if row.failed else "no output")
    return Text.assemble((inputs, FOREGROUND), (arrow if inputs else "", MUTED), (outputs, f"bold {ACCENT}"))


def _large_shape_and_facts(table: ShapeTable, row: ShapeRow, width: int, glyphs: Glyphs) -> list[Text]:
    """Return the output shape in large digits, with the arithmetic and the row's costs beside or below it."""
    inputs = _inputs(row, glyphs)
    facts = _facts(table, row, width if width < TWO_COLUMN_WIDTH else width - TWO_COLUMN_WIDTH // 2, glyphs)
    sizes = "×".join(map(str, row.outputs[0])) if row.outputs and row.outputs[0] else ""
    digits = [Text(line, style=ACCENT) for line in large_number(sizes, glyphs)] if sizes else [_shapes(row, glyphs)]
    memory = format_bytes(row.activation_bytes) if row.activation_bytes else "no memory allocated"
    output = f"output {row.dtype}, {memory}   " if row.dtype else ""
    origin = Text(f"{output}{f'from {inputs}' if inputs else ''}", style=MUTED)
    if width < TWO_COLUMN_WIDTH or max(line.cell_len for line in digits) > TWO_COLUMN_WIDTH // 2 - 3:
        return [*digits, origin, *facts]
    lines = []
    for left, right in zip_longest(digits, [origin, *facts], fillvalue=Text()):
        line = left.copy()
        line.pad_right(TWO_COLUMN_WIDTH // 2 - left.cell_len)
        lines.append(line + right)
    return lines


@dataclass(frozen=True, slots=True)
class _Cost:
    """A row's contribution to one of the network's totals, such as its parameters."""

    label: str
    value_string: str
    value: float
    total: float
    arithmetic: str

    def line(self, width: int, glyphs: Glyphs) -> Text:
        """Return a line such as `params   6,020   2.9 %  ▎    weight 20×12×5×5 = 6,000, bias 20`, shortened to fit."""
        share = self.value / self.total if self.total else 0.0
        line = Text(f"{self.label:<7}", style=MUTED)
        if width >= FULL_COST_WIDTH or not self.arithmetic:
            line.append(f"{self.value_string:>11}", FOREGROUND).append(f"{format_percent(share):>8}  ", MUTED)
        else:
            line.append(f"{format_percent(share, digits=0):>5} ", MUTED)
        if width >= FULL_COST_WIDTH:
            bar = glyphs.bar(share, BAR_WIDTH)
            line.append(bar, ACCENT).append(" " * (BAR_WIDTH + 2 - len(bar)))
        return line.append(format_formula(self.arithmetic, glyphs), FOREGROUND)


def _facts(table: ShapeTable, row: ShapeRow, width: int, glyphs: Glyphs) -> list[Text]:
    """Return the arithmetic of the shape, then the parameters, MACs and time, each with its share of the total."""
    lines = [Text(format_formula(row.arithmetic, glyphs), style=FOREGROUND)] if row.arithmetic else []
    costs = [
        _Cost("params", f"{row.params:,}", row.params, table.total_params, row.params_arithmetic),
        _Cost("MACs", f"{row.macs or 0:,}", row.macs or 0, table.total_macs, row.macs_arithmetic.rpartition(" = ")[0]),
    ]
    if table.timed_on:
        passes = (("forward", row.forward_seconds), ("backward", row.backward_seconds))
        times = ", ".join(f"{name} {format_seconds(seconds, glyphs)}" for name, seconds in passes if seconds)
        costs.append(_Cost("time", format_seconds(row.seconds, glyphs), row.seconds, table.seconds, times))
    lines += [cost.line(width, glyphs) for cost in costs if cost.value]
    if row.receptive_field is not None:
        lines.append(
            Text.assemble(("receptive field ", MUTED), (_format_field(table, row.receptive_field, glyphs), FOREGROUND))
        )
    lines += [Text("MACs: unknown", style=MUTED)] if row.macs is None else []
    if row.reused:
        lines.append(Text("reused; its parameters are counted in the row that uses them first", style=MUTED))
    return lines


def _format_field(table: ShapeTable, field: Shape, glyphs: Glyphs) -> str:
    """Return the size of a receptive field, such as `43×43 of 224×224`."""
    whole = table.inputs[0].shape[1:]
    return "the whole input" if field == whole else f"{format_shape(field, glyphs)} of {format_shape(whole, glyphs)}"


def _histogram_blocks(histograms: Sequence[Histogram], width: int, glyphs: Glyphs) -> list[Text]:
    """Return lines with as many histograms as fit side by side."""
    shown = histograms[: max(width // (MAX_WIDTH // 2 + 4), 1)]
    block_width = min((width - HISTOGRAM_GAP * (len(shown) - 1)) // len(shown), MAX_WIDTH)
    blocks = [
        histogram_block(histogram, width=block_width, height=HISTOGRAM_HEIGHT - 2, glyphs=glyphs) for histogram in shown
    ]
    for line in (line for block in blocks for line in block):
        line.truncate(block_width)
        line.pad_right(block_width - line.cell_len)
    return [Text(" " * HISTOGRAM_GAP).join(parts) for parts in zip(*blocks, strict=True)]
