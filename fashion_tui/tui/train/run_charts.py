"""Charts of runs, made from snapshots of the runs."""

from collections.abc import Sequence
from dataclasses import replace

from fashion_tui.report.charts.chart import Chart, ChartRun, EpochValue
from fashion_tui.report.charts.metrics import Metric, describe_metric
from fashion_tui.runs.reader import RunSnapshot
from fashion_tui.runs.series import NO_CURVE, Curve
from fashion_tui.schema.floats import decode_float
from fashion_tui.schema.run import LIVE_STATES, short_name

from .chart_options import ChartOptions


def chart_of(
    name: str,
    snapshots: Sequence[RunSnapshot],
    options: ChartOptions,
    *,
    selected: int = 0,
    baseline: int | None = None,
) -> Chart:
    """Return the chart of a metric of one or several runs.

    `selected` and `baseline` are indices of runs. The curve of a metric is empty unless the run's reader watches it.
    """
    metric = describe_metric(name)
    return Chart(
        title=metric.title,
        runs=tuple(_chart_run(name, metric, snapshot) for snapshot in snapshots),
        selected=selected,
        baseline=baseline,
        x=options.x,
        logarithmic_x=options.logarithmic_x,
        logarithmic_y=metric.logarithmic if options.logarithmic_y is None else options.logarithmic_y,
        half_life=options.half_life if metric.smoothed else 0,
        lower_is_better=metric.lower_is_better,
        per_epoch_title="last" if metric.per_epoch else "held out",
        decimals=metric.decimals,
        unit=metric.unit,
    )


def _chart_run(name: str, metric: Metric, snapshot: RunSnapshot) -> ChartRun:
    return ChartRun(
        name=short_name(snapshot.run),
        curve=NO_CURVE if metric.per_epoch else _scale(snapshot.curve(name), metric.scale),
        per_epoch=_epoch_values(name if metric.per_epoch else metric.held_out, metric.scale, snapshot),
        steps_per_epoch=snapshot.status.steps_per_epoch or None,
        planned_steps=snapshot.total_steps or None,
        ended=snapshot.state not in LIVE_STATES,
        clock=snapshot.clock,
        detail=_scale(snapshot.details.get(name, NO_CURVE), metric.scale),
        learning_rate=NO_CURVE if name == "learning_rate" else snapshot.curve("learning_rate"),
    )


def _scale(curve: Curve, factor: float) -> Curve:
    if factor == 1:
        return curve
    mean, low, high = (tuple(value * factor for value in values) for values in (curve.mean, curve.low, curve.high))
    return replace(curve, mean=mean, low=low, high=high)


def _epoch_values(name: str | None, factor: float, snapshot: RunSnapshot) -> tuple[EpochValue, ...]:
    """Return a metric of the ends of epochs."""
    if name is None:
        return ()
    values = [(epoch, getattr(epoch, name)) for epoch in snapshot.epochs]
    return tuple(
        EpochValue(epoch.epoch, epoch.step, decode_float(value) * factor)
        for epoch, value in values
        if value is not None
    )
