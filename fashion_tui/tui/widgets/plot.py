"""A line plot as plain text: dots of braille, or stars where the terminal knows ASCII only. No widget in here."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fashion_tui.report.glyphs import Glyphs

DOTS_PER_COLUMN = 2
"""Braille dots beside each other in a cell."""
DOTS_PER_ROW = 4

_DOT_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of the dot in row r and column c of a braille cell (Unicode block 2800)."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The range of values that a plot shows."""

    low: float
    high: float
    logarithmic: bool

    def share(self, value: float) -> float:
        """Where a value stands between bottom (0) and top (1), clipped."""
        if self.logarithmic:
            position = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            position = (value - self.low) / (self.high - self.low)
        return min(max(position, 0.0), 1.0)

    def ticks(self, most: int) -> list[float]:
        """At most so many round values within the range, spread over it."""
        if self.logarithmic:
            return _thinned(_one_two_five(self.low, self.high), most)
        step = _nice((self.high - self.low) / max(most - 1, 1))
        first = math.ceil(self.low / step - 1e-9)
        count = math.floor(self.high / step + 1e-9) - first + 1
        return [(first + number) * step for number in range(count)]


def axis_for(values: Sequence[float], *, logarithmic: bool) -> Axis:
    """A range of round ends around the finite values; it changes seldom while values come in."""
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not logarithmic)]
    if not finite:
        return Axis(0.1 if logarithmic else 0.0, 1.0, logarithmic)
    low, high = min(finite), max(finite)
    if logarithmic:
        bounds = _one_two_five(low / 2.5, high * 2.5)
        below = max(bound for bound in bounds if bound <= low)
        above = min(bound for bound in bounds if bound >= high)
        return Axis(below, above if above > below else below * 2, logarithmic=True)
    span = (high - low) or abs(high) or 1.0
    step = _nice(span / 4)
    bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
    return Axis(bottom, top if top > bottom else bottom + step, logarithmic=False)


def _nice(value: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that isn't below the value."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))


def _one_two_five(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    values = [factor * 10.0**power for power in range(first, last + 1) for factor in (1, 2, 5)]
    return [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def _thinned(values: list[float], most: int) -> list[float]:
    stride = max(1, math.ceil(len(values) / max(most, 1)))
    return values[::stride]


def round_steps(total: int, most: int) -> list[int]:
    """Some `most` round numbers from 0 up to a number of steps, evenly spaced."""
    stride = max(1, round(_nice(max(total, 1) / most)))
    return list(range(0, total + 1, stride))


def draw(  # noqa: PLR0913
    values: Sequence[float], marks: Collection[int], axis: Axis, width: int, height: int, glyphs: Glyphs
) -> list[str]:
    """The curve as `height` lines of `width` cells, 2 · width values in braille, a value a cell in ASCII.

    Neighbours are joined. A value that is no finite number is a gap; a place among `marks` is a × in the top line.
    """
    columns = width * DOTS_PER_COLUMN if glyphs.unicode else width
    lines = (_draw_braille if glyphs.unicode else _draw_ascii)(values[:columns], axis, width, height)
    marked = {place * width // columns for place in marks if place < columns}
    if marked:
        lines[0] = "".join(glyphs.bad if x in marked else sign for x, sign in enumerate(lines[0]))
    return lines


def _draw_braille(values: Sequence[float], axis: Axis, width: int, height: int) -> list[str]:
    cells = [[0] * width for _ in range(height)]
    top = height * DOTS_PER_ROW - 1
    before: int | None = None
    for x, value in enumerate(values):
        if not math.isfinite(value):
            before = None
            continue
        column, side = divmod(x, DOTS_PER_COLUMN)
        y = round((1 - axis.share(value)) * top)
        # the line runs from just beside the neighbour's dot to this one
        start = y if before is None or before == y else before + (1 if y > before else -1)
        for dot in range(min(start, y), max(start, y) + 1):
            row, part = divmod(dot, DOTS_PER_ROW)
            cells[row][column] |= _DOT_BITS[part][side]
        before = y
    return ["".join(chr(0x2800 + bits) if bits else " " for bits in row) for row in cells]


def _draw_ascii(values: Sequence[float], axis: Axis, width: int, height: int) -> list[str]:
    lines = [[" "] * width for _ in range(height)]
    for x, value in enumerate(values):
        if math.isfinite(value):
            lines[round((1 - axis.share(value)) * (height - 1))][x] = "*"
    return ["".join(line) for line in lines]


def number(value: float) -> str:
    """A tick's label, at most six signs: `0.05`, `2.5`, `90`, `1e-05`."""
    return f"{value:.3g}"


def count(value: int) -> str:
    """A count of steps, short: `950`, `1.5k`, `20k`, `1M`."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return str(value)
