"""The values of a heat strip's rows: the curves of layers, resampled to columns."""

import math
from collections.abc import Sequence

from fashion_tui.runs.series import Curve

from .axis import Axis
from .chart import ChartRun, XAxis, x_position
from .layer_metrics import LayerMetric

Values = Sequence[float | None]
"""A value per column: NaN for NaN or infinity, or None if nothing is known."""

Span = tuple[int, int]
"""The first column of a bucket, and the first column after it."""


def resample_layers(curves: Sequence[Curve], run: ChartRun, x: XAxis, axis: Axis, width: int) -> list[Values]:
    """Return the values of each curve in `width` columns.

    A column has the mean of the buckets in it. A column without values, between two measurements, has the value of the
    earlier one.
    """
    spans: dict[tuple[int, int, int], list[Span]] = {}
    rows = []
    for curve in curves:
        key = curve.first_step, curve.steps_per_bucket, len(curve)
        if key not in spans:
            spans[key] = _spans(curve, run, x, axis, width)
        rows.append(_resample(curve, spans[key], width))
    return rows


def combine_layers(rows: Sequence[Values], metric: LayerMetric) -> Values:
    """Return one row for several layers. A column in which a layer has NaN or infinity is NaN."""
    if len(rows) == 1:
        return rows[0]
    combined: list[float | None] = []
    for column in zip(*rows, strict=True):
        known = [value for value in column if value is not None]
        if any(map(math.isnan, known)):
            combined.append(math.nan)
        else:
            combined.append(metric.combine(known) if known else None)
    return combined


def _spans(curve: Curve, run: ChartRun, x: XAxis, axis: Axis, width: int) -> list[Span]:
    """Return the columns of each bucket, at least one. They may be outside the strip."""
    starts = range(curve.first_step, curve.first_step + curve.steps_per_bucket * len(curve), curve.steps_per_bucket)
    fractions = axis.fractions([x_position(run, step, x) for step in starts])
    columns = [math.floor(fraction * (width - 1) + 0.5) for fraction in fractions]
    return [(first, max(stop, first + 1)) for first, stop in zip(columns, [*columns[1:], 0], strict=False)]


def _resample(curve: Curve, spans: Sequence[Span], width: int) -> Values:
    row: list[float | None] = [None] * width
    counts = [0] * width
    known_until, latest = 0, None
    for (first, stop), finite, mean, non_finite in zip(spans, curve.finite, curve.mean, curve.nonfinite, strict=True):
        if not (finite or non_finite):
            continue
        for column in range(known_until, min(first, width)):
            row[column] = latest
        latest = math.nan if non_finite else mean
        for column in range(max(first, 0), min(stop, width)):
            counts[column] += 1
            mean_so_far = row[column] if counts[column] > 1 else None
            row[column] = latest if mean_so_far is None else mean_so_far + (latest - mean_so_far) / counts[column]
        known_until = max(stop, known_until)
    return row
