"""Charts of runs, made from snapshots of the runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fashion_tui.report.charts.chart import Chart, ChartRun, EpochValue
from fashion_tui.report.charts.heat_strip import HeatStrip
from fashion_tui.report.charts.layer_metrics import LAYER_METRICS, LayerMetric
from fashion_tui.report.charts.metrics import FIRST_METRICS, Metric, chart_metrics, describe_metric
from fashion_tui.runs.layers import LayerProblem, layers_with
from fashion_tui.runs.reader import RunSnapshot
from fashion_tui.runs.series import NO_CURVE, Curve
from fashion_tui.schema.floats import decode_float
from fashion_tui.schema.run import LIVE_STATES, LogOnlyConfig, titled_name

from .chart_options import ChartOptions

HEAT_STRIPS = {metric.chart_name: metric for metric in LAYER_METRICS}
"""The metrics that have heat strips, by the name of the strip."""


@dataclass(frozen=True, slots=True)
class ShownRuns:
    """The runs whose charts are shown."""

    runs: tuple[tuple[str, RunSnapshot | None], ...] = ()
    """The id and the snapshot of each run. The snapshot is None if the run hasn't been read or can't be read.

    The index of a run determines its colour and letter.
    """
    selected: int = 0
    """Index of the run under the cursor."""
    baseline: int | None = None
    """Index of the run with which the others are compared, or None."""
    titles: Mapping[str, str] = field(default_factory=dict[str, str])
    """The titles that the user has given the runs, by id."""

    def name(self, run: str) -> str:
        """Return the title and the short name of a run."""
        return titled_name(run, self.titles.get(run, ""))

    @property
    def snapshots(self) -> list[RunSnapshot]:
        return [snapshot for _, snapshot in self.runs if snapshot is not None]

    @property
    def metrics(self) -> list[str]:
        """The metrics that have charts, in the order of the charts. A trained run will log the first metrics."""
        names = [name for snapshot in self.snapshots for name in snapshot.metrics]
        log_only = [isinstance(snapshot.config, LogOnlyConfig) for snapshot in self.snapshots]
        names = names or list(() if self.snapshots and all(log_only) else FIRST_METRICS)
        return chart_metrics(names, all_held_out=any(log_only))

    @property
    def steps(self) -> int:
        """Number of steps of the longest run, including the steps that a trained run is yet to make."""
        return max((max(snapshot.total_steps, snapshot.status.step) for snapshot in self.snapshots), default=0)

    @property
    def selected_snapshot(self) -> RunSnapshot | None:
        return self.runs[self.selected][1] if self.runs else None

    def curves_of(self, name: str) -> tuple[str, ...]:
        """Return the metrics whose curves are needed for a chart, or for a heat strip of the selected run."""
        metric = HEAT_STRIPS.get(name)
        if metric is None:
            return (name,)
        snapshot = self.selected_snapshot
        layers = () if snapshot is None else layers_with(metric.name, snapshot.metrics)
        return tuple(f"{metric.name}/{layer}" for layer in layers)

    def has_curves(self, name: str) -> bool:
        """Return whether the curves for a chart have been read."""
        snapshots = self.snapshots if name not in HEAT_STRIPS else filter(None, [self.selected_snapshot])
        return all(curve in snapshot.curves for snapshot in snapshots for curve in self.curves_of(name))


def chart_of(name: str, shown: ShownRuns, options: ChartOptions) -> Chart:
    """Return the chart of a metric. The curve of a run is empty unless the run's reader watches the metric."""
    metric = describe_metric(name)
    return Chart(
        title=metric.title,
        runs=tuple(_chart_run(name, metric, shown.name(run), snapshot) for run, snapshot in shown.runs),
        selected=shown.selected,
        baseline=shown.baseline,
        x=options.x,
        logarithmic_x=options.logarithmic_x,
        logarithmic_y=metric.logarithmic if options.logarithmic_y is None else options.logarithmic_y,
        half_life=options.half_life_for(shown.steps) if metric.smoothed else 0,
        lower_is_better=metric.lower_is_better,
        per_epoch_title="last" if metric.per_epoch else "validation",
        decimals=metric.decimals,
        unit=metric.unit,
    )


def heat_strip_of(metric: LayerMetric, shown: ShownRuns, options: ChartOptions) -> HeatStrip:
    """Return the heat strip of the layers of the selected run."""
    run, snapshot = shown.runs[shown.selected] if shown.runs else ("", None)
    layers: tuple[tuple[str, Curve], ...] = ()
    axis_run = _chart_run("loss", describe_metric("loss"), shown.name(run), snapshot)
    if snapshot is not None:
        names = layers_with(metric.name, snapshot.metrics)
        layers = tuple((layer, snapshot.curve(f"{metric.name}/{layer}")) for layer in names)
        if layers and not axis_run.last_step:  # a script may log no loss
            axis_run = replace(axis_run, curve=max((curve for _, curve in layers), key=lambda curve: curve.steps))
    return HeatStrip(
        metric,
        layers,
        axis_run,
        problems=() if snapshot is None else _layer_problems(snapshot),
        names_run=len(shown.runs) > 1,
        x=options.x,
        logarithmic_x=options.logarithmic_x,
    )


def drawing_of(name: str, shown: ShownRuns, options: ChartOptions) -> Chart | HeatStrip:
    """Return the chart or the heat strip of this name."""
    metric = HEAT_STRIPS.get(name)
    return chart_of(name, shown, options) if metric is None else heat_strip_of(metric, shown, options)


def _chart_run(name: str, metric: Metric, run_name: str, snapshot: RunSnapshot | None) -> ChartRun:
    if snapshot is None:
        return ChartRun(run_name, ended=True)
    is_by_epoch = metric.per_epoch and not isinstance(snapshot.config, LogOnlyConfig)
    return ChartRun(
        name=run_name,
        curve=NO_CURVE if is_by_epoch else _scale(snapshot.curve(name), metric.scale),
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


def _layer_problems(snapshot: RunSnapshot) -> tuple[LayerProblem, ...]:
    return tuple(verdict for verdict in snapshot.verdicts if isinstance(verdict, LayerProblem))
