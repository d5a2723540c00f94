"""Linear and logarithmic axes with round limits, round ticks and short labels."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

LARGEST = 1e300
"""Larger magnitudes are off every axis, so that the span of an axis is always finite."""
SMALLEST = 1e-300
"""Smallest positive number on a logarithmic axis."""
MIN_RELATIVE_SPAN = 1e-6
"""Minimum span of an axis relative to its values. It limits the number of digits in the labels."""
LIMITS_PER_SPAN = 16
"""Number of round limits to choose from in a span as long as that of the values. With more of them, the values fill
more of the axis, but the axis of a live run changes more often."""
NARROW_RATIO = 5.0
"""A logarithmic axis whose limits have at most this ratio has evenly spaced limits and ticks, since it contains few
of the numbers 1, 2, 5, 10, …"""

GROWTH = 1.25
"""Factor by which the axis of a growing run is extended."""
MIN_GROWING = 10
"""Minimum length, in steps, of the axis of a growing run."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_CLOCK_SPACINGS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
"""Round distances between ticks of durations, in seconds. Shorter ones are 1, 2 or 5 times a power of ten seconds, and
longer ones 1, 2 or 5 times a power of ten days."""


@dataclass(frozen=True, slots=True)
class Tick:
    value: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """The range and the scale of an axis. `low` is less than `high`, and positive if the axis is logarithmic."""

    low: float
    high: float
    logarithmic: bool = False

    def fraction(self, value: float) -> float:
        """Return the position of a value, from 0 at `low` to 1 at `high`. Values off the axis are outside [0, 1]."""
        return self.fractions((value,))[0]

    def fractions(self, values: Iterable[float]) -> list[float]:
        """Return the positions of several values."""
        if not self.logarithmic:
            low, span = self.low, self.high - self.low
            return [(value - low) / span for value in values]
        low = math.log(self.low)
        span = math.log(self.high) - low
        return [(math.log(value) - low) / span if value > 0 else -1.0 for value in values]

    def value(self, fraction: float) -> float:
        """Return the value at a position, from `low` at 0 to `high` at 1."""
        if not self.logarithmic:
            return self.low + fraction * (self.high - self.low)
        return float(self.low * (self.high / self.low) ** fraction)


def value_axis(low: float, high: float, *, logarithmic: bool) -> Axis:
    """Return an axis with round limits around the finite numbers `low` and `high`. Small changes rarely change it.

    A logarithmic axis starts at a positive number, even if `low` is 0 or negative.
    """
    low, high = _clip(low), _clip(high)
    if logarithmic:
        low, high = max(low, SMALLEST), max(high, SMALLEST)
    magnitude = max(abs(low), abs(high))
    span = high - low
    if span <= MIN_RELATIVE_SPAN * magnitude or span < SMALLEST:  # a constant is in the middle
        if logarithmic:
            return Axis(low / 2, high * 2, logarithmic=True)
        margin = max(magnitude / 4, SMALLEST) if magnitude else 0.5
        return Axis(low - margin, high + margin)
    if logarithmic and high / low > NARROW_RATIO:
        return _logarithmic_axis(low, high)
    spacing = _round_up(span / LIMITS_PER_SPAN)
    bottom = spacing * math.floor(low / spacing + 1e-9)
    top = spacing * math.ceil(high / spacing - 1e-9)
    return Axis(bottom, top, logarithmic)


def value_ticks(axis: Axis, max_ticks: int) -> list[Tick]:
    """Return at least two and, if possible, at most `max_ticks` round values, in ascending order."""
    if axis.logarithmic and axis.high / axis.low > NARROW_RATIO:
        values = _decade_values(axis, max(max_ticks, 2))
        return [Tick(value, _short(f"{value:.6g}" if 1e-4 < value < 1e5 else f"{value:.2e}")) for value in values]
    spacing, values = _spaced(axis, max_ticks, _round_up)
    return [Tick(value, _number_label(value, spacing, axis)) for value in values]


def step_ticks(axis: Axis, max_ticks: int) -> list[Tick]:
    """Return round step numbers, with labels such as `950`, `1.5k` or `2M`."""
    if axis.logarithmic:
        return [Tick(value, _step_label(value, value)) for value in _decade_values(axis, max(max_ticks, 2))]
    spacing, values = _spaced(axis, max_ticks, lambda least: max(_round_up(least), 1.0))
    return [Tick(value, _step_label(value, spacing)) for value in values]


def epoch_ticks(axis: Axis, max_ticks: int) -> list[Tick]:
    """Return round numbers of epochs, with decimals on an axis of two epochs or fewer."""
    if axis.logarithmic:
        return [Tick(value, _short(f"{value:.6g}")) for value in _decade_values(axis, max(max_ticks, 2))]
    spacing, values = _spaced(axis, max_ticks, _round_up if axis.high - axis.low <= 2 else _whole_round_up)
    return [Tick(value, _number_label(value, spacing, axis)) for value in values]


def duration_ticks(axis: Axis, max_ticks: int) -> list[Tick]:
    """Return round durations in seconds, with labels such as `30 s`, `5 min`, `1:30 h` or `2 d`."""
    if axis.logarithmic:
        return [Tick(value, _duration_label(value)) for value in _decade_values(axis, max(max_ticks, 2))]
    _, values = _spaced(axis, max_ticks, _clock_round_up)
    return [Tick(value, _duration_label(value)) for value in values]


def growing_limit(last: float) -> float:
    """Return the end of an axis that covers `last`. It grows in steps of 25 %, so it seldom changes."""
    if last <= MIN_GROWING:
        return float(MIN_GROWING)
    power = math.ceil(math.log(last / MIN_GROWING) / math.log(GROWTH) - 1e-9)
    return max(math.ceil(MIN_GROWING * GROWTH**power), last)


# Limits


def _clip(value: float) -> float:
    return min(max(value, -LARGEST), LARGEST)


def _logarithmic_axis(low: float, high: float) -> Axis:
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    bounds = [_exact(factor, power) for power in powers for factor in (1, 1.5, 2, 3, 5, 7)]
    below = max((bound for bound in bounds if bound <= low * (1 + 1e-9)), default=bounds[0])
    above = min(bound for bound in bounds if bound >= high * (1 - 1e-9))
    return Axis(below, above, logarithmic=True)


def _round_up(value: float) -> float:
    """Return the smallest number that is at least `value` and is 1, 2 or 5 times a power of ten."""
    power = math.floor(math.log10(value))
    return next(
        number for number in (_exact(factor, power) for factor in (1, 2, 5, 10)) if number >= value * (1 - 1e-9)
    )


def _whole_round_up(value: float) -> float:
    return max(_round_up(value), 1.0)


def _clock_round_up(value: float) -> float:
    if value < 1:
        return _round_up(value)
    return next((spacing for spacing in _CLOCK_SPACINGS if spacing >= value), 0) or _DAY * _round_up(value / _DAY)


def _exact(factor: float, power: int) -> float:
    """Return the float closest to `factor` times a power of ten."""
    return float(f"{factor}e{power}")


# Ticks


def _spaced(axis: Axis, max_ticks: int, round_up: Callable[[float], float]) -> tuple[float, list[float]]:
    """Return the distance between ticks and the ticks: at least two, unless `round_up` allows only one on the axis."""
    span = axis.high - axis.low
    least = span / max(max_ticks - 1, 1)
    while True:
        spacing = round_up(least)
        values = _multiples(axis, spacing)
        if len(values) >= 2 or least <= span / 64:
            return spacing, values
        least /= 2


def _multiples(axis: Axis, spacing: float) -> list[float]:
    first, last = math.ceil(axis.low / spacing - 1e-9), math.floor(axis.high / spacing + 1e-9)
    return [index * spacing for index in range(first, last + 1)]


def _one_two_five(first_power: int, last_power: int) -> list[float]:
    return [_exact(factor, power) for power in range(first_power, last_power + 1) for factor in (1, 2, 5)]


def _decade_values(axis: Axis, max_ticks: int) -> list[float]:
    """Return round values on a logarithmic axis: 1, 2, 5, 10, …, or powers of ten if there are too many."""
    first, last = math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high))
    low, high = axis.low * (1 - 1e-9), axis.high * (1 + 1e-9)
    values = [value for value in _one_two_five(first, last) if low <= value <= high]
    if len(values) < 2:
        return _multiples(axis, _round_up((axis.high - axis.low) / 2)) if len(values) < 1 else [axis.low, axis.high]
    if len(values) <= max_ticks:
        return values
    powers = [_exact(1, power) for power in range(first, last + 1)]
    powers = [power for power in powers if low <= power <= high]
    if len(powers) >= 2:
        values = powers
    return values[:: max(1, math.ceil((len(values) - 1) / (max_ticks - 1)))]


# Labels


def _number_label(value: float, spacing: float, axis: Axis) -> str:
    """Return a label with the digits that distinguish ticks with this distance."""
    largest = max(abs(axis.low), abs(axis.high))
    power = math.floor(math.log10(spacing) + 1e-9)
    if abs(value) < spacing / 2:
        return "0"
    if largest >= 1e6 or largest < 1e-3:
        digits = max(math.floor(math.log10(abs(value)) + 1e-9) - power, 0)
        return _short(f"{value:.{digits}e}")
    return f"{value:.{max(-power, 0)}f}"


def _short(label: str) -> str:
    """Return `1e-5` for `1.00e-05`."""
    mantissa, exponent, power = label.partition("e")
    if not exponent:
        return label
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(power)}"


def _step_label(step: float, spacing: float) -> str:
    size, letter = next(((size, letter) for size, letter in ((1e6, "M"), (1e3, "k")) if step >= size), (1.0, ""))
    decimals = max(round(math.log10(size)) - math.floor(math.log10(spacing) + 1e-9), 0)
    number = f"{step / size:.{decimals}f}"
    return (number.rstrip("0").rstrip(".") if "." in number else number) + letter


def _duration_label(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.3g} s" if seconds else "0 s"
    for size, part, unit in ((_DAY, _HOUR, "d"), (_HOUR, _MINUTE, "h"), (_MINUTE, 1, "min")):
        if seconds >= size:
            whole, rest = divmod(round(seconds), size)
            if not rest:
                return f"{whole} {unit}"
            if unit != "d":
                return f"{whole}:{rest // part:02} {unit}"
    raise AssertionError
