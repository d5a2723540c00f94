"""Zoom and pan: choose the part of the x axis that a chart shows."""

import math
from dataclasses import replace

from fashion_tui.runs.series import NO_CURVE

from .axis import Axis
from .chart import Chart, ChartRun, step_at, x_position
from .ranges import x_axis

MIN_STEPS = 8
"""Minimum number of steps on the x axis."""
MARGIN = 0.5
"""Extent of the details beyond the visible range on both sides, as a share of that range."""

Range = tuple[float, float]


def zoom(chart: Chart, factor: float, centre: float) -> Chart:
    """Return the chart with the visible range multiplied by `factor`. If possible, the value `centre` doesn't move.

    If all of the x axis would be visible, `x_range` becomes None. If fewer than `MIN_STEPS` steps would be visible, the
    chart is returned unchanged.
    """
    whole = x_axis(replace(chart, x_range=None))
    low, high = _visible(chart, whole)
    middle = min(max(whole.fraction(centre), low), high)
    span = min((high - low) * factor, 1.0)
    start = min(max(middle - (middle - low) * factor, 0.0), 1 - span)
    return _show(chart, whole, start, start + span)


def pan(chart: Chart, share: float) -> Chart:
    """Return the chart moved along the x axis by a share of the visible range, but not beyond its ends."""
    whole = x_axis(replace(chart, x_range=None))
    low, high = _visible(chart, whole)
    offset = min(max(share * (high - low), -low), 1 - high)
    return _show(chart, whole, low + offset, high + offset)


def reveal(chart: Chart, value: float, margin: float = 0.1) -> Chart:
    """Return the chart moved as far as needed to show a value. A value beyond an end is then `margin` from that end.

    `margin` is a share of the visible range.
    """
    whole = x_axis(replace(chart, x_range=None))
    low, high = _visible(chart, whole)
    position = whole.fraction(value)
    if low <= position <= high:
        return chart
    share = (position - low) / (high - low)
    return pan(chart, share - 1 + margin if share > 1 else share - margin)


def _visible(chart: Chart, whole: Axis) -> Range:
    """Return the visible range, as positions on the whole axis."""
    if chart.x_range is None:
        return 0.0, 1.0
    low, high = (min(max(position, 0.0), 1.0) for position in whole.fractions(chart.x_range))
    return (low, high) if low < high else (0.0, 1.0)


def _show(chart: Chart, whole: Axis, low: float, high: float) -> Chart:
    if high - low >= 1 - 1e-9:
        return replace(chart, x_range=None)
    start, stop = whole.value(low), whole.value(high)
    if chart.x_range is None or stop - start < chart.x_range[1] - chart.x_range[0]:
        shown = chart.shown_x
        steps = [x_position(run, run.last_step, shown) / run.last_step for run in chart.runs if run.last_step]
        if stop - start < MIN_STEPS * min(steps, default=0.0):
            return chart
    return replace(chart, x_range=(start, stop))


def visible_steps(chart: Chart, run: ChartRun, margin: float = 0.0) -> tuple[int, int]:
    """Return the first and the last step of a run on the visible part of the x axis, even if the run ends before it.

    `margin` adds a share of the visible range on both sides.
    """
    axis = x_axis(chart)
    extra = margin * (axis.high - axis.low)
    first, last = (step_at(run, x, chart.shown_x) for x in (axis.low - extra, axis.high + extra))
    return max(math.floor(first), run.curve.first_step), math.ceil(last)


def wanted_steps(chart: Chart, run: ChartRun) -> tuple[int, int] | None:
    """Return the steps for which a chart needs `ChartRun.detail`, or None if the curve has enough buckets.

    The first one is the start of a bucket of the curve. The steps extend beyond the visible range, so that the user can
    pan.
    """
    size, start = run.curve.steps_per_bucket, run.curve.first_step
    if chart.x_range is None or size == 1:
        return None
    first, last = visible_steps(chart, run, MARGIN)
    return (first - (first - start) % size, last) if first <= run.last_step else None


def with_fitting_details(chart: Chart) -> Chart:
    """Return the chart without the details that don't cover the visible part of a run."""
    return replace(chart, runs=tuple(run if _fits(chart, run) else replace(run, detail=NO_CURVE) for run in chart.runs))


def _fits(chart: Chart, run: ChartRun) -> bool:
    detail = run.detail
    if chart.x_range is None or detail.steps_per_bucket >= run.curve.steps_per_bucket:
        return False
    first, last = visible_steps(chart, run)
    return (
        detail.first_step <= first
        and min(last, run.curve.first_step + run.curve.steps - 1) < detail.first_step + detail.steps
    )
