"""Draw the runs of a chart inside its axes."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.style import Style

from fashion_tui.report.glyphs import Glyphs
from fashion_tui.runs.series import Curve

from .axis import Axis
from .canvas import Canvas
from .chart import Chart, ChartRun, x_positions
from .colours import LETTERS, WARNING, band_style, line_style, per_epoch_style
from .ranges import drawn_range, y_axis
from .smoothing import MovingAverage, smooth

MIN_EPOCH_SPACING = 3
"""Minimum distance, in columns, between the marks of epochs. If there are more epochs, they aren't marked."""

Point = tuple[float, float]
"""The position on the x axis, from 0 to 1, and the height, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A run's values, with their positions on the x axis. Visible positions are in [0, 1]."""

    run: ChartRun
    curve: Curve
    """The curve that is drawn: `run.detail`, or `run.curve` if there are no details."""
    low: float
    """Values less than `low` or greater than `high` are spikes, which are marked at the border of the plot."""
    high: float
    smoothed: Sequence[float]
    """The smoothed value of each bucket, or NaN if the bucket is a spike or has no finite value."""
    starts: Sequence[float]
    """Position of the start of each bucket."""
    centres: Sequence[float]
    """Position of the middle of each bucket."""
    epochs: Sequence[float]
    """Position of each value in `run.per_epoch`."""
    last: float | None
    """The smoothed value of the last bucket of `run.curve` that has values, its mean if it is a spike, or None without
    values. It is NaN if no value of that bucket is finite."""

    def is_spike(self, value: float) -> bool:
        """Return whether a finite value is a spike."""
        return not self.low <= value <= self.high


def trace_run(chart: Chart, run: ChartRun, x: Axis) -> Trace:
    """Smooth a run's curve and find the positions of its values."""
    curve, shown = run.detail if len(run.detail) else run.curve, chart.shown_x
    size = curve.steps_per_bucket
    means = [*curve.mean, *(each.value for each in run.per_epoch)]
    low, high = drawn_range(means, logarithmic=chart.logarithmic_y)
    first_steps = range(curve.first_step, curve.first_step + size * len(curve), size)
    centres = x.fractions(x_positions(run, curve.middles(), shown))
    all_smoothed = smooth(run.curve, MovingAverage(chart.half_life), low, high)
    return Trace(
        run=run,
        curve=curve,
        low=low,
        high=high,
        smoothed=all_smoothed if curve is run.curve else _smooth_detail(run, chart.half_life, low, high),
        starts=centres if size == 1 else x.fractions(x_positions(run, first_steps, shown)),
        centres=centres,
        epochs=x.fractions(x_positions(run, [each.step for each in run.per_epoch], shown)),
        last=_last_value(run.curve, all_smoothed),
    )


def _smooth_detail(run: ChartRun, half_life: float, low: float, high: float) -> list[float]:
    """Smooth the detailed part of a curve, after the part before it."""
    average = MovingAverage(half_life)
    smooth(run.curve.before(run.detail.first_step), average, low, high)
    return smooth(run.detail, average, low, high)


def _last_value(curve: Curve, smoothed: Sequence[float]) -> float | None:
    for index in reversed(range(len(curve))):
        if curve.finite[index] or curve.nonfinite[index]:
            return curve.mean[index] if math.isnan(smoothed[index]) else smoothed[index]
    return None


def fit_y_axis(chart: Chart, traces: Sequence[Trace]) -> Axis:
    """Return a y axis for the visible part of the chart."""
    lines: list[float] = []
    band: list[float] = []
    for index, trace in enumerate(traces):
        start, stop = bisect_left(trace.centres, 0.0), bisect_right(trace.centres, 1.0)
        lines += trace.smoothed[start:stop]
        lines += [
            each.value
            for each, position in zip(trace.run.per_epoch, trace.epochs, strict=True)
            if 0 <= position <= 1 and not trace.is_spike(each.value)
        ]
        if index == chart.selected:
            limits = (*trace.curve.low[start:stop], *trace.curve.high[start:stop])
            band = [limit for limit in limits if not trace.is_spike(limit)]
    return y_axis(lines, band, logarithmic=chart.logarithmic_y)


class Plot:
    """The runs of a chart on a canvas. Call `draw` once."""

    def __init__(self, chart: Chart, traces: Sequence[Trace], y: Axis, canvas: Canvas, glyphs: Glyphs) -> None:
        self._chart, self._traces, self._y, self._canvas, self._glyphs = chart, traces, y, canvas, glyphs
        self._runs = len(traces)

    def draw(self) -> None:
        """Draw the lines of all runs, and the band of the selected run, which is on top."""
        selected = self._chart.selected
        order = sorted(range(self._runs), key=lambda index: index == selected)
        if order:
            self._band(order[-1])
        for index in order:
            trace, style = self._traces[index], line_style(index, self._runs)
            last = self._line(bucket_points(trace), style, "*" if self._runs == 1 else LETTERS[index])
            self._warn(trace)
            if last is not None and self._runs > 1:
                self._canvas.marker(*last, LETTERS[index], style)
            elif last is not None and sum(map(math.isfinite, trace.smoothed)) == 1:  # a single dot is hard to see
                self._canvas.marker(*last, self._glyphs.node, style)
            self._per_epoch(index)

    def _line(self, points: Iterable[Point | None], style: Style, character: str) -> tuple[int, float] | None:
        """Connect (position, value) points, with a gap at each None. Return the last visible column and height."""
        last = None
        for visible in visible_parts(points, self._y):
            columns = _column_means(visible, self._canvas.columns)
            self._canvas.line(columns, style, character)
            last = columns[-1] if columns else last
        return last

    def _band(self, index: int) -> None:
        """Fill the range from the least to the greatest value of each column of cells."""
        trace, width = self._traces[index], self._canvas.width
        curve, style = trace.curve, band_style(index, self._runs)
        columns = [math.floor(start * (width - 1) + 0.5) for start in trace.starts]
        stops = [*columns[1:], columns[-1] + 1] if columns else []
        limits: dict[int, Point] = {}
        for first, stop, low, high in zip(columns, stops, curve.low, curve.high, strict=True):
            if math.isnan(low):
                continue
            for column in range(max(first, 0), min(max(stop, first + 1), width)):
                known = limits.get(column)
                limits[column] = (low, high) if known is None else (min(low, known[0]), max(high, known[1]))
        for column, (low, high) in limits.items():
            bottom, top = self._y.fraction(low), self._y.fraction(high)
            if top >= 0 and bottom <= 1:
                self._canvas.band(column, bottom, top, style)

    def _warn(self, trace: Trace) -> None:
        """Mark buckets with NaN or infinite values at the top, and spikes at the border that they exceed."""
        curve = trace.curve
        for position, count, mean, nonfinite in zip(
            trace.centres, curve.finite, curve.mean, curve.nonfinite, strict=True
        ):
            if nonfinite:
                self._border_mark(position, self._glyphs.bad, up=True)
            elif count and trace.is_spike(mean):
                self._border_mark(position, self._arrow(up=mean > trace.high), up=mean > trace.high)

    def _per_epoch(self, index: int) -> None:
        """Join the values per epoch with a line, unsmoothed. Mark each one, and the best of the selected run."""
        trace, glyphs = self._traces[index], self._glyphs
        values, style = trace.run.per_epoch, per_epoch_style(index, self._runs)
        self._line(epoch_points(trace), style, "-" if self._runs == 1 else LETTERS[index].upper())
        is_selected = index == self._chart.selected
        best = trace.run.best(lower_is_better=self._chart.lower_is_better) if is_selected else None
        crowded = len(values) * MIN_EPOCH_SPACING > self._canvas.width
        for position, each in zip(trace.epochs, values, strict=True):
            if not math.isfinite(each.value):
                self._border_mark(position, glyphs.bad, up=True)
            elif trace.is_spike(each.value):
                self._border_mark(position, self._arrow(up=each.value > trace.high), up=each.value > trace.high)
            elif 0 <= position <= 1 and (each is best or not crowded):
                glyph = glyphs.neighbour if each is best else glyphs.node if glyphs.unicode else "o"
                self._canvas.marker(self._column(position), self._y.fraction(each.value), glyph, style)

    def _border_mark(self, position: float, glyph: str, *, up: bool) -> None:
        if 0 <= position <= 1:
            self._canvas.marker(self._column(position), float(up), glyph, WARNING)

    def _arrow(self, *, up: bool) -> str:
        if self._glyphs.unicode:
            return "▲" if up else "▼"
        return "^" if up else "v"

    def _column(self, position: float) -> int:
        return round(position * (self._canvas.columns - 1))


def bucket_points(trace: Trace) -> Iterator[Point | None]:
    """Yield the position and value of each bucket, or None for one without finite values. Skip empty buckets."""
    for position, value, nonfinite in zip(trace.centres, trace.smoothed, trace.curve.nonfinite, strict=True):
        if value == value:  # noqa: PLR0124 - false for NaN
            yield position, value
        elif nonfinite:
            yield None


def epoch_points(trace: Trace) -> Iterator[Point | None]:
    """Yield the position and value of each value per epoch, or None for a spike or a value that isn't finite."""
    for position, each in zip(trace.epochs, trace.run.per_epoch, strict=True):
        yield None if trace.is_spike(each.value) else (position, each.value)


def visible_parts(points: Iterable[Point | None], y: Axis) -> Iterator[list[Point]]:
    """Split (position, value) points at each None. Yield the visible part of each line, as positions and heights."""
    for part in _parts(points):
        heights = y.fractions([value for _, value in part])
        yield _visible([(position, height) for (position, _), height in zip(part, heights, strict=True)])


def _parts(points: Iterable[Point | None]) -> Iterator[list[Point]]:
    """Split points at each None."""
    part: list[Point] = []
    for point in points:
        if point is not None:
            part.append(point)
        elif part:
            yield part
            part = []
    if part:
        yield part


def _visible(points: Sequence[Point]) -> list[Point]:
    """Return the part of a line with positions in [0, 1]. It is cut at the borders. Positions must be ascending."""
    if points and points[0][0] >= 0 and points[-1][0] <= 1:
        return list(points)
    visible: list[Point] = []
    previous: Point | None = None
    for point in points:
        for border in (0.0, 1.0):
            if previous is not None and previous[0] < border < point[0]:
                share = (border - previous[0]) / (point[0] - previous[0])
                visible.append((border, previous[1] + share * (point[1] - previous[1])))
        if 0 <= point[0] <= 1:
            visible.append(point)
        previous = point
    return visible


def _column_means(points: Iterable[Point], columns: int) -> list[tuple[int, float]]:
    """Return the mean height of the points in each column that has points. The positions must be in ascending order."""
    heights: dict[int, list[float]] = {}
    for position, height in points:
        heights.setdefault(round(position * (columns - 1)), []).append(height)
    return [
        (column, min(max(sum(values) / len(values), min(values)), max(values)))  # without the rounding error of the sum
        for column, values in heights.items()
    ]
