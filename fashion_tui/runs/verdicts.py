"""Verdicts: problems of a run that its metrics show."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from fashion_tui.schema.events import Started
from fashion_tui.schema.run import RunConfig, StoredConfig

from .layers import LayerProblem, find_layer_problems
from .series import Curve, Series

LOSSES = ("loss", "train_loss", "train/loss", "training_loss")
"""Names of the training loss. Other tools use other names than our trainer. If a run logs several, the first one in
this order is used."""
HELD_OUT_LOSSES = ("validation_loss", "val_loss", "eval_loss", "val/loss", "eval/loss")
"""Names of the loss on held-out data. The first one that a run logs is used."""

BUCKETS = 64
"""Maximum number of buckets into which a loss is averaged before it is compared, to reduce the noise of single
steps."""
MIN_STEPS = 100
"""Minimum number of steps for a verdict on the loss."""
MIN_BUCKETS = 16
"""Minimum number of buckets with a loss for a verdict on it."""

DIVERGED = 1.5
"""A loss diverges only if its recent mean is greater than this factor times its lowest mean."""
DIVERGED_SHARE = 0.25
"""A loss diverges only if it has risen by more than this share of its previous fall.

The noise of a loss near 0 therefore doesn't count.
"""

PLATEAU_IMPROVEMENT = 0.02
"""A loss is on a plateau if its mean over the last quarter of the steps is less than this fraction below its mean over
the second quarter."""
PLATEAU_STEPS = 500
"""A plateau is reported only after twice this number of steps."""
SCHEDULE_END = 0.95
"""Fraction of a run's planned steps after which a schedule has lowered the learning rate. Before that, a loss that
hardly falls isn't called a plateau."""
LEARNED_ACCURACY = 0.99
LEARNED_LOSS = 0.02
"""A network that reaches this accuracy or loss on its training data has learned the data, so its loss can't fall much
further."""

PATIENCE = 3
"""Minimum number of measurements on held-out data after the best one for a verdict of overfitting."""
MAX_HELD_OUT = 256
"""Maximum number of measurements on held-out data to compare. If there are more, they are sampled evenly."""
OVERFITTED = 1.05
"""A network overfits if the last two losses on held-out data are greater than this factor times the lowest one."""

FAR = 10
"""A learning rate is far from the suggestion of a range test if it differs by at least this factor."""

BATCH_TIME = "batch_time"
"""Name of the metric for the share of each step's time in which its images are prepared, in [0, 1]."""
SLOW_BATCHES = 0.5
MIN_SAMPLES = 5
RECENT_SAMPLES = 64
"""Minimum and maximum number of measurements of the batch time or the utilization. The most recent ones are used."""
BUSY = 0.75
"""If the CPU's utilization is below this share, more threads may make a run faster."""


@dataclass(frozen=True, slots=True)
class Diverging:
    """The training loss rises far above its lowest value, or isn't finite."""

    step: int
    """The step at which the loss was lowest."""
    lowest: float
    """The lowest mean of the loss."""
    last: float
    """The recent mean of the loss, or NaN if the loss is NaN or infinite."""


@dataclass(frozen=True, slots=True)
class Plateau:
    """The training loss has stopped falling before the network has learned its training data."""

    step: int
    """The first step at which the loss was close to its recent mean."""
    loss: float
    """Mean of the loss over the last quarter of the steps."""


@dataclass(frozen=True, slots=True)
class Overfitting:
    """The loss on held-out data rises while the training loss falls."""

    step: int
    """The step with the lowest loss on held-out data."""
    epoch: int | None
    """The epoch that ended at this step, or None if it is unknown."""
    lowest: float
    last: float


@dataclass(frozen=True, slots=True)
class FarLearningRate:
    """The learning rate is far from the suggestion of a range test."""

    learning_rate: float
    suggestion: float


@dataclass(frozen=True, slots=True)
class SlowBatches:
    """Preparing the images takes a large share of the time of each step."""

    share: float


@dataclass(frozen=True, slots=True)
class FewThreads:
    """A run on the CPU uses few of the machine's CPUs, and the others are idle."""

    threads: int
    cpus: int
    utilization: float
    """Median utilization of all CPUs, in [0, 1]."""


Verdict = LayerProblem | Diverging | Plateau | Overfitting | FarLearningRate | SlowBatches | FewThreads


def find_verdicts(
    metrics: Mapping[str, Series],
    *,
    buckets: int,
    epoch_ends: Mapping[int, int],
    config: StoredConfig | None,
    started: Started | None,
) -> tuple[Verdict, ...]:
    """Return the problems of a run, the most serious first.

    `metrics` are all metrics of the run, by name. `buckets` is the length of the curves that the caller has already
    computed. Shorter curves can be computed fast from these. `epoch_ends` maps the last step of each epoch to the
    epoch's number. `config` and `started` are None if they are unknown.
    """
    loss = _first_metric(LOSSES, metrics)
    curve = loss.curve(buckets).at_most(BUCKETS)
    accuracy = metrics.get("accuracy", Series()).curve(buckets).at_most(BUCKETS)
    diverging = _diverging(curve)
    verdicts = (
        diverging,
        *find_layer_problems(metrics),
        _far_learning_rate(config) if isinstance(config, RunConfig) else None,
        _overfitting(_first_metric(HELD_OUT_LOSSES, metrics), curve, epoch_ends),
        None if diverging or _rate_will_fall(config, started, curve.steps) else _plateau(curve, accuracy),
        _slow_batches(metrics),
        None if started is None else _few_threads(started, metrics),
    )
    return tuple(verdict for verdict in verdicts if verdict is not None)


def _first_metric(names: Iterable[str], metrics: Mapping[str, Series]) -> Series:
    return next((metrics[name] for name in names if name in metrics), Series())


def _means(curve: Curve) -> list[tuple[int, float]]:
    """Return the first step and the mean of each bucket that has finite values."""
    steps = range(curve.first_step, curve.first_step + len(curve) * curve.steps_per_bucket, curve.steps_per_bucket)
    return [(step, mean) for step, mean in zip(steps, curve.mean, strict=True) if not math.isnan(mean)]


def _diverging(curve: Curve) -> Diverging | None:
    means = _means(curve)
    if not means:
        return None
    step, lowest = min(means, key=lambda bucket: bucket[1])
    if curve.nonfinite[-1]:
        return Diverging(step, lowest, math.nan)
    if curve.steps < MIN_STEPS or len(means) < MIN_BUCKETS:
        return None
    # The last bucket may have few steps, so the mean of the bucket before it must have risen, too.
    last = min(means[-1][1], means[-2][1])
    fallen = means[0][1] - lowest
    return (
        Diverging(step, lowest, last) if last > DIVERGED * lowest and last - lowest > DIVERGED_SHARE * fallen else None
    )


def _rate_will_fall(config: StoredConfig | None, started: Started | None, steps: int) -> bool:
    """Return whether the schedule will lower the learning rate after these steps, and thereby usually the loss, too."""
    if not isinstance(config, RunConfig) or started is None or config.recipe.schedule == "constant":
        return False
    return steps < SCHEDULE_END * started.epochs * started.steps_per_epoch


def _plateau(curve: Curve, accuracy: Curve) -> Plateau | None:
    means = _means(curve)
    quarter = len(means) // 4
    if quarter < MIN_BUCKETS // 4 or curve.steps < 2 * PLATEAU_STEPS:
        return None
    second, last = (_mean(means[index * quarter : (index + 1) * quarter]) for index in (1, 3))
    learned = last < LEARNED_LOSS or (len(accuracy) > 0 and accuracy.mean[-1] >= LEARNED_ACCURACY)
    if learned or last < (1 - PLATEAU_IMPROVEMENT) * second:
        return None
    step = next(step for step, mean in means if mean <= (1 + PLATEAU_IMPROVEMENT) * last)
    return Plateau(step, last)


def _mean(means: list[tuple[int, float]]) -> float:
    return sum(mean for _, mean in means) / len(means)


def _overfitting(held_out: Series, curve: Curve, epoch_ends: Mapping[int, int]) -> Overfitting | None:
    values = [(step, value) for step, value in held_out.sample(MAX_HELD_OUT) if math.isfinite(value)]
    if len(values) <= PATIENCE:
        return None
    step, lowest = min(values, key=lambda pair: pair[1])
    later = [value for value_step, value in values if value_step > step]
    if len(later) < PATIENCE or min(later[-2:]) <= OVERFITTED * lowest:
        return None
    means = _means(curve)
    at_best = next((mean for first, mean in reversed(means) if first <= step), math.nan)
    if not means or not means[-1][1] < at_best:
        return None
    return Overfitting(step, epoch_ends.get(step), lowest, later[-1])


def _far_learning_rate(config: RunConfig) -> FarLearningRate | None:
    learning_rate, suggestion = config.recipe.learning_rate, config.suggested_learning_rate
    if suggestion is None or max(learning_rate / suggestion, suggestion / learning_rate) < FAR:
        return None
    return FarLearningRate(learning_rate, suggestion)


def _slow_batches(metrics: Mapping[str, Series]) -> SlowBatches | None:
    shares = metrics.get(BATCH_TIME, Series()).values(last=RECENT_SAMPLES)
    if len(shares) < MIN_SAMPLES or (share := median(shares)) < SLOW_BATCHES:
        return None
    return SlowBatches(share)


def _few_threads(started: Started, metrics: Mapping[str, Series]) -> FewThreads | None:
    utilization = metrics.get("utilization/cpu", Series()).values(last=RECENT_SAMPLES)
    if started.device != "cpu" or 2 * started.threads > started.cpus or len(utilization) < MIN_SAMPLES:
        return None
    busy = median(utilization)
    return FewThreads(started.threads, started.cpus, busy) if busy < BUSY else None
