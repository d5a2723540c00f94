"""The axes of a chart, and the range outside which values are drawn as spikes."""

import math
from collections.abc import Iterable, Sequence

from .axis import LARGEST, SMALLEST, Axis, growing_limit, value_axis
from .chart import Chart, ChartRun, XAxis, x_position

MIN_FOR_QUANTILES = 8
"""Minimum number of values for finding spikes by quantiles."""
SPIKE_SPANS = {False: 100.0, True: 10.0}
"""A value is a spike if its distance from the middle 90 % of all values is this many times their span. The keys say
whether the scale is logarithmic."""
SPIKE_RATIO = 1e6
"""If there are few values, a value is a spike if it is this many times the median magnitude."""


def x_axis(chart: Chart) -> Axis:
    """Return the x axis: from the first step to the end that `Chart.x` asks for, or `Chart.x_range`."""
    shown = chart.shown_x
    low = min((x_position(run, 1, shown) for run in chart.runs), default=1.0) if chart.logarithmic_x else 0.0
    if chart.x_range is not None:
        start, stop = chart.x_range
        start = max(start, low)
        return Axis(start, max(stop, start + max(abs(start), 1.0) * 1e-9), chart.logarithmic_x and start > 0)
    high = max((_end(run, shown) for run in chart.runs), default=0.0)
    if shown is XAxis.WALL_TIME and not all(run.ended for run in chart.runs):
        high = growing_limit(high)
    if high <= low:
        high = low + 1.0
    return Axis(low, high, chart.logarithmic_x and low > 0)


def _end(run: ChartRun, shown: XAxis) -> float:
    """Return where the axis of a single run ends."""
    last = run.last_step
    if run.ended or shown is XAxis.WALL_TIME:
        return x_position(run, last, shown)
    if shown is XAxis.SO_FAR or not run.planned_steps:
        return x_position(run, growing_limit(last), shown)
    return x_position(run, max(run.planned_steps, last), shown)


def drawn_range(values: Iterable[float], *, logarithmic: bool) -> tuple[float, float]:
    """Return the least and the greatest number that aren't spikes compared with the values."""
    finite = sorted(value for value in values if abs(value) <= LARGEST and (value >= SMALLEST or not logarithmic))
    if not finite:
        return -LARGEST, LARGEST
    if len(finite) < MIN_FOR_QUANTILES:
        median = sorted(map(abs, finite))[(len(finite) - 1) // 2]
        limit = min(SPIKE_RATIO * median, LARGEST) or LARGEST
        return -limit, limit
    tail = math.ceil(len(finite) / 20)
    low, high = finite[tail], finite[-1 - tail]
    if logarithmic:
        low, high = math.log10(low), math.log10(high)
        margin = SPIKE_SPANS[True] * max(high - low, 0.05)
        return -LARGEST, 10 ** min(high + margin, 300)
    margin = SPIKE_SPANS[False] * max(high - low, 0.01 * max(abs(low), abs(high)))
    margin = margin or LARGEST
    return max(low - margin, -LARGEST), min(high + margin, LARGEST)


def y_axis(lines: Sequence[float], band: Sequence[float], *, logarithmic: bool) -> Axis:
    """Return a round axis around all values of the lines and around the middle 90 % of the band's limits."""
    lines = [value for value in lines if math.isfinite(value) and (value > 0 or not logarithmic)]
    band = sorted(value for value in band if math.isfinite(value) and (value > 0 or not logarithmic))
    last = len(band) - 1
    values = [*lines, *([band[last // 20], band[last - last // 20]] if band else [])]
    if not values:
        return Axis(0.1, 1.0, logarithmic=True) if logarithmic else Axis(0.0, 1.0)
    return value_axis(min(values), max(values), logarithmic=logarithmic)
