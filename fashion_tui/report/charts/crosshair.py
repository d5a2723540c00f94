"""A crosshair: a position on the x axis of a chart, and the values of the runs at this position."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.style import Style
from rich.text import Text

from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import FOREGROUND, RULE
from fashion_tui.runs.series import Curve

from .chart import Chart, EpochValue, step_at, x_position
from .drawing import Drawing
from .plot import Trace

_BACKGROUND = Style(bgcolor=RULE)
_LINE = Style(color=FOREGROUND) + _BACKGROUND


@dataclass(frozen=True, slots=True)
class Reading:
    """A run's values at one position: those of the nearest bucket that has values."""

    first_step: int
    """First step of the bucket."""
    last_step: int
    """Last step of the bucket. If it equals `first_step`, all values are those of this step."""
    epoch: float | None
    """Number of epochs up to `last_step`, or None if the length of an epoch is unknown."""
    seconds: float | None
    """Seconds from the start of the run to `last_step`, or None if unknown."""
    mean: float = math.nan
    """Mean of the finite values in the bucket, or NaN if there are none."""
    low: float = math.nan
    high: float = math.nan
    finite: int = 0
    """Number of finite values in the bucket."""
    nonfinite: int = 0
    """Number of NaN and infinite values in the bucket."""
    smoothed: float = math.nan
    """The smoothed value of the bucket, or NaN if the bucket is a spike or has no finite value."""
    held_out: EpochValue | None = None
    """The last value per epoch up to this position, or None if there is none."""
    learning_rate: float | None = None


def read_run(chart: Chart, trace: Trace, x: float, margin: float = 0.0) -> Reading | None:
    """Return a run's values at `x`. Return None if the run has no values or ends before `x - margin`.

    `margin` is half the width of a column. Values per epoch up to `x + margin` are included.
    """
    run, shown, curve = trace.run, chart.shown_x, trace.curve
    if not run.last_step or x_position(run, run.last_step, shown) < x - margin:
        return None
    step = step_at(run, x, shown)
    index = _nearest_bucket(curve, step)
    if index is None:
        first = last = min(max(round(step), 1), run.last_step)
    else:
        first = curve.first_step + index * curve.steps_per_bucket
        last = min(first + curve.steps_per_bucket, curve.first_step + curve.steps) - 1
    known = max(step_at(run, x + margin, shown), last)
    reading = Reading(
        first_step=first,
        last_step=last,
        epoch=last / run.steps_per_epoch if run.steps_per_epoch else None,
        seconds=run.seconds(last) if run.clock else None,
        held_out=next((each for each in reversed(run.per_epoch) if each.step <= known), None),
        learning_rate=_mean_at(run.learning_rate, (first + last) / 2),
    )
    if index is None:
        return reading
    return replace(
        reading,
        mean=curve.mean[index],
        low=curve.low[index],
        high=curve.high[index],
        finite=curve.finite[index],
        nonfinite=curve.nonfinite[index],
        smoothed=trace.smoothed[index],
    )


def read_runs(chart: Chart, drawing: Drawing, x: float) -> list[Reading | None]:
    """Return the values of each run at `x`."""
    margin = _column_width(drawing, x) / 2
    return [read_run(chart, trace, x, margin) for trace in drawing.traces]


def ends(chart: Chart) -> tuple[float, float]:
    """Return the positions of the first and the last value of all runs. Both are 0 if there are no values."""
    shown = chart.shown_x
    runs = [run for run in chart.runs if run.last_step]
    firsts = [x_position(run, _first_step(run.curve, run.per_epoch), shown) for run in runs]
    lasts = [x_position(run, run.last_step, shown) for run in runs]
    return min(firsts, default=0.0), max(lasts, default=0.0)


def move(chart: Chart, drawing: Drawing, x: float, columns: int) -> float:
    """Return the position of the crosshair after a move by a number of columns, to the left if it is negative.

    The crosshair moves to a bucket of the selected run that has values, and at least to the next one. It stays between
    the first and the last value of all runs.
    """
    first, last = ends(chart)
    target = min(max(drawing.x.value(drawing.x.fraction(x) + columns / max(drawing.plot_width - 1, 1)), first), last)
    positions = _positions(chart, drawing.traces[chart.selected]) if drawing.traces else []
    ahead = [position for position in positions if (position > x if columns > 0 else position < x)]
    return min(ahead, key=lambda position: abs(position - target), default=target)


def nearest(chart: Chart, drawing: Drawing, x: float) -> float:
    """Return the position of the value of the selected run that is closest to `x`. Outside that run, return `x` itself.

    The result is between the first and the last value of all runs.
    """
    first, last = ends(chart)
    target = min(max(x, first), last)
    positions = _positions(chart, drawing.traces[chart.selected]) if drawing.traces else []
    if not positions or not positions[0] <= target <= positions[-1]:
        return target
    return min(positions, key=lambda position: abs(position - target))


def column_of(drawing: Drawing, x: float) -> int | None:
    """Return the column of the plot that shows `x`, or None if it isn't visible."""
    fraction = drawing.x.fraction(x)
    if not drawing.plot_width or not -1e-9 <= fraction <= 1 + 1e-9:
        return None
    return round(min(max(fraction, 0.0), 1.0) * (drawing.plot_width - 1))


def with_crosshair(drawing: Drawing, x: float, glyphs: Glyphs) -> list[Text]:
    """Return the lines of a chart with a vertical line at `x`. The line doesn't hide the values."""
    lines = list(drawing.lines)
    column = column_of(drawing, x)
    if column is None:
        return lines
    place = drawing.left + column
    for row in range(drawing.top, drawing.top + drawing.plot_height):
        lines[row] = line = lines[row].copy()
        if line.plain[place] in {" ", glyphs.dot, "."}:
            line.plain = line.plain[:place] + glyphs.axis + line.plain[place + 1 :]
            line.stylize(_LINE, place, place + 1)
        else:
            line.stylize(_BACKGROUND, place, place + 1)
    return lines


def _first_step(curve: Curve, per_epoch: Sequence[EpochValue]) -> int:
    with_values = (index for index in range(len(curve)) if curve.finite[index] or curve.nonfinite[index])
    bucket = next(with_values, None)
    steps = [] if bucket is None else [curve.first_step + bucket * curve.steps_per_bucket]
    return min([*steps, *(each.step for each in per_epoch[:1])], default=0)


def _positions(chart: Chart, trace: Trace) -> list[float]:
    """Return the positions of the buckets with values, or of the values per epoch if there are no buckets."""
    curve, shown = trace.curve, chart.shown_x
    steps = [
        middle
        for middle, finite, nonfinite in zip(curve.middles(), curve.finite, curve.nonfinite, strict=True)
        if finite or nonfinite
    ]
    return [x_position(trace.run, step, shown) for step in steps or [each.step for each in trace.run.per_epoch]]


def _nearest_bucket(curve: Curve, step: float) -> int | None:
    """Return the index of the bucket with values whose middle is closest to a step, or None if there are no values."""
    size = curve.steps_per_bucket
    middle = (step - curve.first_step - (size - 1) / 2) / size
    start = min(max(round(middle), 0), len(curve) - 1)
    for distance in range(len(curve)):
        near = [
            index
            for index in (start - distance, start + distance)
            if 0 <= index < len(curve) and (curve.finite[index] or curve.nonfinite[index])
        ]
        if near:
            return min(near, key=lambda index: abs(index - middle))
    return None


def _mean_at(curve: Curve, step: float) -> float | None:
    index = _nearest_bucket(curve, step)
    return None if index is None else curve.mean[index]


def _column_width(drawing: Drawing, x: float) -> float:
    axis, fraction = drawing.x, drawing.x.fraction(x)
    half = 0.5 / max(drawing.plot_width - 1, 1)
    return axis.value(fraction + half) - axis.value(fraction - half)
