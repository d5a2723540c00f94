"""The values of a heat strip's rows: the curves of layers, resampled to columns."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from fashion_tui.runs.series import Curve

from .axis import Axis
from .chart import ChartRun, XAxis, x_position
from .layer_metrics import LayerMetric

Values = Sequence[float | None]
"""A value per column: NaN for NaN or infinity, or None if nothing is known."""

Buckets = tuple[int, int]
"""The first bucket in a column, and the first one after the column."""


def resample_layers(curves: Sequence[Curve], run: ChartRun, x: XAxis, axis: Axis, width: int) -> list[Values]:
    """Return the values of each curve in `width` columns.

    A column has the mean of the buckets in it. A column without values, between two measurements, has the value of the
    earlier one.
    """
    columns: dict[tuple[int, int, int], list[Buckets]] = {}
    rows = []
    for curve in curves:
        key = curve.first_step, curve.steps_per_bucket, len(curve)
        if key not in columns:
            columns[key] = _buckets_of_columns(curve, run, x, axis, width)
        rows.append(_resample(curve, columns[key]))
    return rows


def combine_layers(rows: Sequence[Values], metric: LayerMetric) -> Values:
    """Return one row for several layers. A column in which a layer has NaN or infinity is NaN."""
    if len(rows) == 1:
        return rows[0]
    combined: list[float | None] = []
    for column in zip(*rows, strict=True):
        known = [value for value in column if value is not None] if None in column else column
        if math.isnan(sum(known)):
            combined.append(math.nan)
        else:
            combined.append(metric.combine(known) if known else None)
    return combined


def _buckets_of_columns(curve: Curve, run: ChartRun, x: XAxis, axis: Axis, width: int) -> list[Buckets]:
    """Return the buckets in each column. Buckets that are wider than a column are in several columns."""
    size, count = curve.steps_per_bucket, len(curve)
    steps = range(curve.first_step, curve.first_step + size * count, size)
    starts = [
        math.floor(start * (width - 1) + 0.5) for start in axis.fractions(x_position(run, step, x) for step in steps)
    ]
    columns = []
    for column in range(width):
        first, stop = bisect_left(starts, column), bisect_right(starts, column)
        is_inside_bucket = first == stop and 0 < first < count
        columns.append((first - is_inside_bucket, stop))
    return columns


def _resample(curve: Curve, columns: Sequence[Buckets]) -> Values:
    row: list[float | None] = []
    latest = _last_before(curve, columns[0][0])
    buckets, has_non_finite = len(curve), any(curve.nonfinite)
    for first, stop in columns:
        means: Sequence[float] = curve.mean[first:stop]
        if first == buckets:  # after the last measurement
            row.append(None)
            continue
        if has_non_finite and any(curve.nonfinite[first:stop]):
            latest = math.nan
        elif means:
            mean = sum(means) / len(means)
            if math.isnan(mean):  # the mean of an empty bucket is NaN
                means = [mean for mean in means if not math.isnan(mean)]
                mean = sum(means) / len(means) if means else math.nan
            latest = latest if math.isnan(mean) else mean
        row.append(latest)
    return row


def _last_before(curve: Curve, bucket: int) -> float | None:
    """Return the value of the last bucket with values before a bucket, or None if there is none."""
    for index in reversed(range(bucket)):
        if curve.nonfinite[index]:
            return math.nan
        if curve.finite[index]:
            return curve.mean[index]
    return None


def last_value(curve: Curve) -> float | None:
    """Return the mean of the last bucket with values, NaN if it has NaN or infinity, or None without values."""
    return _last_before(curve, len(curve))
