"""Draw a curve as text: with braille dots, or with asterisks on a terminal that can't display Unicode."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fashion_tui.report.glyphs import Glyphs

DOTS_PER_COLUMN = 2
"""Number of braille dots across the width of a cell."""
DOTS_PER_ROW = 4

_DOT_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of each dot in a braille character, by row and column. The code point is U+2800 plus the bits of all dots."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The range and the scale of an axis."""

    low: float
    high: float
    logarithmic: bool

    def fraction(self, value: float) -> float:
        """Return the height of a value on the axis, from 0 (bottom) to 1 (top). Values outside the axis are clipped."""
        if self.logarithmic:
            height = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            height = (value - self.low) / (self.high - self.low)
        return min(max(height, 0.0), 1.0)

    def ticks(self, max_ticks: int) -> list[float]:
        """Return up to `max_ticks` round values, spread over the range."""
        if self.logarithmic:
            return _thin_out(_one_two_five(self.low, self.high), max_ticks)
        step = _round_up((self.high - self.low) / max(max_ticks - 1, 1))
        first = math.ceil(self.low / step - 1e-9)
        ticks = math.floor(self.high / step + 1e-9) - first + 1
        return [(first + index) * step for index in range(ticks)]


def fit_axis(values: Sequence[float], *, logarithmic: bool) -> Axis:
    """Return an axis with round limits around the finite values. Appending a value rarely changes the axis."""
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
    step = _round_up(span / 4)
    bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
    return Axis(bottom, top if top > bottom else bottom + step, logarithmic=False)


def _round_up(value: float) -> float:
    """Return the smallest number that is at least `value` and is 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))


def _one_two_five(low: float, high: float) -> list[float]:
    """Return all numbers from `low` to `high` that are 1, 2 or 5 times a power of ten."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    values = [factor * 10.0**power for power in range(first, last + 1) for factor in (1, 2, 5)]
    return [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]


def _thin_out(values: list[float], max_values: int) -> list[float]:
    return values[:: max(1, math.ceil(len(values) / max(max_values, 1)))]


def round_steps(steps: int, max_labels: int) -> list[int]:
    """Return at most `max_labels` + 1 evenly spaced round numbers from 0 to `steps`."""
    stride = max(1, round(_round_up(max(steps, 1) / max_labels)))
    return list(range(0, steps + 1, stride))


def draw_curve(  # noqa: PLR0913
    values: Sequence[float], marks: Collection[int], axis: Axis, width: int, height: int, glyphs: Glyphs
) -> list[str]:
    """Draw a curve as `height` lines of `width` cells. A cell shows two values in braille, or one in ASCII.

    In braille, adjacent values are connected. A non-finite value leaves a gap. A × in the top line marks each index in
    `marks`.
    """
    columns = width * DOTS_PER_COLUMN if glyphs.unicode else width
    lines = (_draw_braille if glyphs.unicode else _draw_ascii)(values[:columns], axis, width, height)
    marked = {index * width // columns for index in marks if index < columns}
    if marked:
        lines[0] = "".join(glyphs.bad if x in marked else character for x, character in enumerate(lines[0]))
    return lines


def _draw_braille(values: Sequence[float], axis: Axis, width: int, height: int) -> list[str]:
    cells = [[0] * width for _ in range(height)]
    top = height * DOTS_PER_ROW - 1
    previous: int | None = None
    for x, value in enumerate(values):
        if not math.isfinite(value):
            previous = None
            continue
        column, side = divmod(x, DOTS_PER_COLUMN)
        y = round((1 - axis.fraction(value)) * top)
        # start the connecting line one dot above or below the previous value
        start = y if previous is None or previous == y else previous + (1 if y > previous else -1)
        for dot in range(min(start, y), max(start, y) + 1):
            row, part = divmod(dot, DOTS_PER_ROW)
            cells[row][column] |= _DOT_BITS[part][side]
        previous = y
    return ["".join(chr(0x2800 + bits) if bits else " " for bits in row) for row in cells]


def _draw_ascii(values: Sequence[float], axis: Axis, width: int, height: int) -> list[str]:
    lines = [[" "] * width for _ in range(height)]
    for x, value in enumerate(values):
        if math.isfinite(value):
            lines[round((1 - axis.fraction(value)) * (height - 1))][x] = "*"
    return ["".join(line) for line in lines]


def tick_label(value: float) -> str:
    """Return the label of a tick in at most six characters, such as `0.05`, `2.5`, `90` or `1e-05`."""
    return f"{value:.3g}"


def step_label(step: int) -> str:
    """Return a short label for a step, such as `950`, `1.5k`, `20k` or `1M`."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if step >= size:
            return f"{step / size:.3g}{letter}"
    return str(step)
