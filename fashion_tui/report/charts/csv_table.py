"""The data of a chart as CSV."""

import csv
import io
import math
from collections.abc import Iterator

from fashion_tui.schema.text import printable

from .chart import Chart
from .plot import Trace, trace_run
from .ranges import x_axis

HEADER = (
    "run",
    "metric",
    "first_step",
    "last_step",
    "epoch",
    "seconds",
    "mean",
    "lowest",
    "highest",
    "not_finite",
    "smoothed",
    "validation",
)
Row = tuple[str, ...]


def chart_csv(chart: Chart) -> str:
    """Return the visible part of a chart as CSV, with a row for each bucket that has values.

    `validation` is in the row of the bucket that contains the end of the epoch. An unknown value is an empty field.
    """
    x = x_axis(chart)
    metric = f"{chart.title}, {chart.unit}" if chart.unit else chart.title
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(HEADER)
    for run in chart.runs:
        names = printable(run.name), printable(metric)
        writer.writerows((*names, *row) for row in _rows(trace_run(chart, run, x)))
    return output.getvalue()


def _rows(trace: Trace) -> Iterator[Row]:
    """Yield the fields of a run's rows after its name and the metric, in the order of the steps."""
    run, curve = trace.run, trace.curve
    held_out = {each.step: each.value for each, at in zip(run.per_epoch, trace.epochs, strict=True) if 0 <= at <= 1}
    size, end = curve.steps_per_bucket, curve.first_step + curve.steps
    rows: dict[tuple[int, int], Row] = {}
    for index, position in enumerate(trace.centres):
        finite, nonfinite = curve.finite[index], curve.nonfinite[index]
        if not 0 <= position <= 1 or not (finite or nonfinite):
            continue
        first = curve.first_step + index * size
        last = min(first + size, end) - 1
        values = (curve.mean[index], curve.low[index], curve.high[index])
        known = [f"{held_out.pop(step)}" for step in sorted(held_out) if first <= step <= last]
        smoothed = _field(trace.smoothed[index])
        rows[first, last] = (*map(_field, values), f"{nonfinite}", smoothed, *(known[-1:] or [""]))
    rows |= {(step, step): ("", "", "", "0", "", f"{value}") for step, value in held_out.items()}
    for first, last in sorted(rows):
        epoch = f"{last / run.steps_per_epoch:.4f}" if run.steps_per_epoch else ""
        seconds = f"{run.seconds(last):.3f}" if run.clock else ""
        yield (f"{first}", f"{last}", epoch, seconds, *rows[first, last])


def _field(value: float) -> str:
    return "" if math.isnan(value) else f"{value}"
