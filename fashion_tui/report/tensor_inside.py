"""A tensor from inside: what it is, how its values are spread, and a window of them as a heat map."""

import math
from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from fashion_tui.schema.tensors import TensorRow, TensorValues, Window

from .glyphs import Glyphs
from .heat import heat_style
from .histogram import histogram_block, histogram_line
from .numbers import approximately, number, short_operation, trouble
from .style import ATTENTION, FOREGROUND, GOOD, MUTED
from .words import memory, said, shape_words

CELL = 9
"""Columns of a value in the window, with the gap before it."""
TALL = 16
"""Lines from which on the histogram has more than one."""
BARS = 3
"""Lines of the histogram's bars."""


def inside_lines(inside: TensorValues, width: int, height: int, glyphs: Glyphs) -> list[Text]:
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


def window_lines(window: Window, row: TensorRow, glyphs: Glyphs) -> list[Text]:
    """The values over the colours of a heat map, the indices of the last two axes beside and above them."""
    *_, first_row, first_column = (0, 0, *window.at)
    axes = len(row.shape)
    above = "".join(f"{first_column + place:>{CELL}}" for place in range(window.columns)) if axes else ""
    lines = [Text(" " * 6 + above, style=MUTED)]
    finite = [value for value in window.values if isinstance(value, float)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    for place in range(window.rows):
        values = window.values[place * window.columns : (place + 1) * window.columns]
        line = Text(f"{first_row + place:>5} " if axes > 1 else " " * 6, style=MUTED, no_wrap=True)
        for value in values:
            line.append(f"{number(value, glyphs):>{CELL}}", _style(value, low, high))
        lines.append(line)
    return lines


def where(window: Window, row: TensorRow) -> str:
    """`[1, 0, 0:8, 0:5]` of a tensor of four axes: which values the window holds."""
    if not row.shape:
        return ""
    ends = (1,) * (len(row.shape) - 2) + (window.rows, window.columns)[-len(row.shape) :]
    parts = [str(at) if end == 1 else f"{at}:{at + end}" for at, end in zip(window.at, ends, strict=True)]
    return f"[{', '.join(parts)}]"


def _style(value: float | str, low: float, high: float) -> Style | str:
    return ATTENTION if isinstance(value, str) else heat_style(value, low, high)


def _facts(inside: TensorValues, glyphs: Glyphs) -> Sequence[Text]:
    row = inside.row
    title = Text.assemble(
        (said(row.name, glyphs), f"bold {FOREGROUND}"),
        (f"  {shape_words(row.shape, glyphs)}", FOREGROUND),
        (f"  {said(row.dtype, glyphs)}  {said(row.device, glyphs)}", MUTED),
    )
    if row.requires_grad:
        title.append(f"  {short_operation(said(row.origin, glyphs))}", MUTED)
    lies = f"strides ({', '.join(map(str, row.strides))}), {inside.layout}, {memory(row.size)}"
    if inside.storage > row.size:
        lies += f" of {memory(inside.storage)} from element {inside.offset:,}"
    lines = [title, Text(lies, style=MUTED)]
    if (numbers := row.numbers) is not None and numbers.mean is not None and row.shape:
        about = approximately(numbers, glyphs)
        figures = [("min", numbers.low), ("mean", numbers.mean), ("max", numbers.high)]
        words = "  ".join(f"{name} {about}{number(value, glyphs)}" for name, value in figures if value is not None)
        lines.append(Text(words, style=FOREGROUND))
        if numbers.sampled:
            words = f"{about} from {numbers.sampled:,} values drawn of {math.prod(row.shape):,}"
            lines.append(Text(words, style=MUTED))
    if inside.grad is not None and inside.grad.mean is not None:
        low, high = inside.grad.low, inside.grad.high
        words = number(inside.grad.mean, glyphs) if low == high else f"mean {number(inside.grad.mean, glyphs)}"
        lines.append(Text.assemble(("grad ", MUTED), (words, GOOD)))
    if words := said(row.problem, glyphs) or trouble(row.numbers):
        lines.append(Text(words, style=ATTENTION))
    return lines
