"""Metrics of the layers of a network, and the problems that they reveal."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from .series import Series

GRADIENT_NORM = "gradient_norm"
UPDATE_RATIO = "update_ratio"
DEAD_RELUS = "dead_relus"
NON_FINITE = "non_finite"
"""Metrics of layers. A metric of the layer `conv1` has a name such as `gradient_norm/conv1`."""

TYPICAL_UPDATE = -3.0
"""log10 of the typical ratio of an update to the weights.

Source: the Stanford course CS231n, "Neural Networks Part 3", which recommends a ratio of about 1e-3.
"""
LARGE_UPDATE, SMALL_UPDATE = -0.5, -5.0
"""A median above `LARGE_UPDATE`, or no value above `SMALL_UPDATE`, is a problem.

These limits are far from the typical ratio, so that the built-in recipes, which train well, don't exceed them: their
medians are between -3.0 and -1.3, with peaks of -1.0 in convolutions that Muon trains, and values of -4 at the end of
a schedule.
"""
MANY_DEAD_RELUS = 0.9
"""It is a problem if at least this share of the ReLUs is 0 for a whole batch.

CS231n, "Neural Networks Part 1", warns that a high learning rate may kill 40 % of the ReLUs. But just as many are 0 in
a batch of 32 images of the guide's network when it trains well, so the limit is much higher.
"""
MIN_SAMPLES = 5
"""Minimum number of measurements, usually the most recent ones, for finding a problem. Odd, because of the median."""

Kind = Literal["non-finite", "dead ReLUs", "no gradient", "large updates", "small updates"]


@dataclass(frozen=True, slots=True)
class LayerProblem:
    """A problem that some layers of a network have in common."""

    kind: Kind
    layers: tuple[str, ...]
    """The layers, in the order of the log. For `non-finite`, the layer in which NaN or infinity first occurred."""
    value: float
    """The first step with NaN or infinity, or the highest value of the layers: their share of dead ReLUs, norm of the
    gradient, or log10 of update divided by weights."""


def layers_with(metric: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the layers that have a metric such as `GRADIENT_NORM`. `names` are names such as `gradient_norm/conv1`."""
    start = f"{metric}/"
    return tuple(name.removeprefix(start) for name in names if name.startswith(start))


def find_layer_problems(metrics: Mapping[str, Series]) -> tuple[LayerProblem, ...]:
    """Return the problems of a run's layers, the most serious first. `metrics` are all metrics of the run, by name."""
    problems = (
        _first_non_finite(metrics),
        _problem("dead ReLUs", DEAD_RELUS, _many_dead_relus, metrics),
        _problem("no gradient", GRADIENT_NORM, _zero, metrics),
        _problem("large updates", UPDATE_RATIO, _large_update, metrics),
        _problem("small updates", UPDATE_RATIO, _small_update, metrics),
    )
    return tuple(problem for problem in problems if problem is not None)


def _first_non_finite(metrics: Mapping[str, Series]) -> LayerProblem | None:
    steps = {
        layer: next(metrics[f"{NON_FINITE}/{layer}"].items())[0]
        for layer in layers_with(NON_FINITE, metrics)
        if len(metrics[f"{NON_FINITE}/{layer}"])
    }
    if not steps:
        return None
    layer = min(steps, key=lambda layer: steps[layer])
    return LayerProblem("non-finite", (layer,), steps[layer])


def _problem(
    kind: Kind, metric: str, measure: Callable[[Series], float | None], metrics: Mapping[str, Series]
) -> LayerProblem | None:
    """Return the problem of all layers for which `measure` returns a value."""
    found: dict[str, float] = {}
    for layer in layers_with(metric, metrics):
        series = metrics[f"{metric}/{layer}"]
        if len(series) >= MIN_SAMPLES and (value := measure(series)) is not None:
            found[layer] = value
    return LayerProblem(kind, tuple(found), max(found.values())) if found else None


def _many_dead_relus(shares: Series) -> float | None:
    last = shares.values(last=MIN_SAMPLES)
    return last[-1] if all(share >= MANY_DEAD_RELUS for share in last) else None


def _zero(norms: Series) -> float | None:
    return None if any(norms.values(last=MIN_SAMPLES)) else 0.0


def _large_update(ratios: Series) -> float | None:
    last = ratios.values(last=MIN_SAMPLES)
    if any(map(math.isnan, last)):
        return None
    median = sorted(last)[MIN_SAMPLES // 2]
    return median if LARGE_UPDATE < median < math.inf else None


def _small_update(ratios: Series) -> float | None:
    """Return the largest ratio of the run if it is small. Updates may become small at the end of a schedule."""
    values = ratios.values()
    if not all(value <= SMALL_UPDATE for value in values):
        return None
    largest = max(values)
    return None if math.isinf(largest) else largest  # all updates are 0; see "no gradient"
