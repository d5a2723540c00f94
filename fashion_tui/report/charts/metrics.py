"""How charts show the metrics of a run: their titles, units and scales."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fashion_tui.runs.layers import layers_with

from .layer_metrics import LAYER_METRICS

FIRST_METRICS = ("loss", "accuracy", "learning_rate")
"""Metrics whose charts come first, in this order."""
DEVICE_FAMILIES = ("utilization", "memory")

GIBIBYTE = 2**30


@dataclass(frozen=True, slots=True)
class Metric:
    """How a chart shows a metric."""

    title: str
    unit: str = ""
    scale: float = 1.0
    """Factor that converts the values of the metric to those in the chart."""
    decimals: int | None = None
    """Number of decimals of values in titles and legends, or None for four significant digits."""
    logarithmic: bool = False
    """Whether the y axis is logarithmic unless the user chooses otherwise."""
    lower_is_better: bool = True
    held_out: str | None = None
    """Name of the metric that measures the same quantity on held-out data, once per epoch."""
    per_epoch: bool = False
    """Whether the metric is measured once per epoch."""
    smoothed: bool = True
    """Whether the curve is smoothed. Metrics without noise aren't."""


_METRICS = {
    "loss": Metric("loss", decimals=3, logarithmic=True, held_out="validation_loss"),
    "accuracy": Metric("accuracy", "%", 100, 1, lower_is_better=False, held_out="validation_accuracy"),
    "learning_rate": Metric("learning rate", smoothed=False),
    "epoch": Metric("epoch", smoothed=False),
    "images_per_second": Metric("images per second", decimals=0, lower_is_better=False),
    "batch_time": Metric("image preparation", "%", 100, 0),
    "train_loss": Metric("train loss", decimals=3, logarithmic=True, per_epoch=True, smoothed=False),
    "train_accuracy": Metric("train accuracy", "%", 100, 1, lower_is_better=False, per_epoch=True, smoothed=False),
    "validation_loss": Metric("validation loss", decimals=3, logarithmic=True, per_epoch=True, smoothed=False),
    "validation_accuracy": Metric(
        "validation accuracy", "%", 100, 1, lower_is_better=False, per_epoch=True, smoothed=False
    ),
}

_STRIPS = {metric.chart_name: Metric(metric.full_title) for metric in LAYER_METRICS}

_FAMILIES = {
    "gradient_norm": Metric("gradient norm", logarithmic=True),
    "update_ratio": Metric("log10 update ratio", decimals=2),
    "dead_relus": Metric("dead ReLUs", "%", 100, 1),
    "non_finite": Metric("non-finite", decimals=0),
    "utilization": Metric("utilization", "%", 100, 0, lower_is_better=False),
    "memory": Metric("memory", "GiB", 1 / GIBIBYTE, 2),
}
"""Metrics of a part of the network or of the machine. Their names are `FAMILY/PART`."""


def describe_metric(name: str) -> Metric:
    """Return how a chart shows the metric of this name. Metrics of a user's script are shown under their own names."""
    if name in _METRICS or name in _STRIPS:
        return _METRICS.get(name) or _STRIPS[name]
    family, _, part = name.partition("/")
    known = _FAMILIES.get(family)
    if known is None:
        return Metric(name)
    return replace(known, title=f"{known.title} {part}") if part else known


def belongs_to_part(name: str) -> bool:
    """Return whether a metric measures a single layer or device, such as `gradient_norm/conv1`."""
    family, _, part = name.partition("/")
    return family in _FAMILIES and bool(part)


def chart_metrics(names: Iterable[str], *, all_held_out: bool = False) -> list[str]:
    """Return the names of the metrics that have their own charts and of the heat strips, in the order of the charts.

    After the first metrics come the metrics of the whole run, then heat strips of all layers, then the metrics of
    devices, then those of single layers, each sorted by title. The epoch number, which some libraries log as a metric,
    is last. Metrics of held-out data that another metric's chart includes are left out, unless `all_held_out` is True.
    """
    available = dict.fromkeys(names)
    shown = set() if all_held_out else {describe_metric(name).held_out for name in available}
    first = [name for name in FIRST_METRICS if name in available]
    others = sorted(
        (name for name in available if name not in {*FIRST_METRICS, *shown, *_STRIPS}),
        key=lambda name: (_rank(name), describe_metric(name).title, name),
    )
    strips = [metric.chart_name for metric in LAYER_METRICS if layers_with(metric.name, available)]
    whole = [name for name in others if _rank(name) == 0]
    return [*first, *whole, *strips, *others[len(whole) :]]


def _rank(name: str) -> int:
    family, _, part = name.partition("/")
    if name == "epoch":
        return 3
    return 1 if family in DEVICE_FAMILIES else 2 if part else 0
