"""The learning rate range test: train for a few steps with increasing learning rates, to find a suitable one.

The method is that of Smith 2017, "Cyclical Learning Rates for Training Neural Networks", in the form of fastai's
`lr_find`: the learning rate rises geometrically with every step.
"""

import math
from collections.abc import Callable, Generator, Iterator, Sequence

import msgspec

from fashion_tui.schema.range_test import DEFAULT_STEPS, MAX_RATE, MIN_RATE, RangeTest, check_steps

from .loop import Training

DECAY = 0.9
"""Decay of the moving average of the losses at each step, for a test of DEFAULT_STEPS steps. A longer test has a higher
decay, so that the average always covers the same ratio of learning rates."""

DIVERGENCE_FACTOR = 4.0
"""The loss has diverged if the smoothed loss exceeds its minimum by this factor, as in fastai."""

PLATEAU = 0.25
"""Share of the steps that form the plateau: their learning rates, up to 1e-5, are too low to change the loss."""

MIN_FALL = 0.02
MIN_NOISE = 4.0
"""The loss counts as falling if the lowest smoothed loss is below the mean loss of the plateau by at least this share
of that mean, and by at least this many standard deviations of the smoothed loss."""

MARGIN = 4.0
"""Minimum ratio of the learning rate with the lowest loss to the suggestion. Training is about to diverge at the
former; fastai's `minimum` therefore suggests a tenth of it."""


def run_range_test(
    training: Training, *, steps: int = DEFAULT_STEPS, poll: Callable[[], None] = lambda: None
) -> Generator[RangeTest]:
    """Train with learning rates from MIN_RATE to MAX_RATE. Yield the result so far after each step.

    The last result is that of the whole test, which ends early if the loss diverges. At the end, or when the iterator
    is closed, the weights, the optimizers and the random number generators are restored bit for bit.

    The test varies the learning rate of the recipe. If the recipe uses two optimizers, the ratio of their learning
    rates stays the same. `poll` is called between the micro-batches of a step.

    Raises UsageError if the number of steps is out of range.
    """
    check_steps(steps)
    rates = learning_rates(steps)
    losses: list[float] = []
    with training.undone():
        for loss in _train(training, rates, poll):
            losses.append(loss)
            smoothed = smooth(losses, _decay(steps))
            lowest = min(smoothed[round(PLATEAU * steps) :], default=math.inf)  # the first ones are noisy
            diverged = not math.isfinite(loss) or smoothed[-1] > DIVERGENCE_FACTOR * lowest
            result = RangeTest(
                learning_rates=tuple(rates[: len(losses)]),
                losses=tuple(losses),
                smoothed=tuple(smoothed),
                steps=steps,
                diverged=diverged,
            )
            if diverged or len(losses) == steps:
                break
            yield result
    yield with_suggestion(result)


def learning_rates(steps: int) -> list[float]:
    """Return a geometric sequence from MIN_RATE to MAX_RATE."""
    return [MIN_RATE * (MAX_RATE / MIN_RATE) ** (step / (steps - 1)) for step in range(steps)]


def smooth(losses: Sequence[float], decay: float) -> list[float]:
    """Return the exponential moving average of the losses at each step.

    The average is divided by the sum of its weights, so that it isn't drawn toward 0 at first (the bias correction of
    Kingma and Ba 2014, "Adam: A Method for Stochastic Optimization"). A loss that isn't finite is left out.
    """
    average = weight = 0.0
    smoothed = []
    for loss in losses:
        if math.isfinite(loss):
            average = decay * average + (1 - decay) * loss
            weight = decay * weight + (1 - decay)
        smoothed.append(average / weight if weight else math.inf)
    return smoothed


def _decay(steps: int) -> float:
    """Return the decay of the moving average. More steps are smoothed over the same range of learning rates."""
    return float(DECAY ** (DEFAULT_STEPS / steps))


def with_suggestion(result: RangeTest) -> RangeTest:
    """Return the result of a test that has ended, with the suggested learning rate or the reason why there is none.

    The suggestion is the learning rate at which the smoothed loss has fallen halfway from its plateau at low learning
    rates to its minimum, but at most the learning rate with the lowest loss divided by MARGIN. It is rounded to two
    digits. Like fastai's `steep`, which chooses the fastest fall between two steps, it is in the steep part of the
    curve, but it hardly depends on the noise of the losses.
    """
    first = round(PLATEAU * result.steps)
    if result.diverged and len(result.losses) <= first + 1:
        rate, loss = result.learning_rates[-1], result.losses[-1]
        value = "NaN" if math.isnan(loss) else "infinite" if math.isinf(loss) else f"{loss:g}"
        return msgspec.structs.replace(result, problem=f"the loss is {value} at a learning rate of only {rate:.1e}")
    plateau = result.losses[:first]
    level = sum(plateau) / first
    variance = sum((loss - level) ** 2 for loss in plateau) / (first - 1)
    decay = _decay(result.steps)
    noise = math.sqrt(variance * (1 - decay) / (1 + decay))  # of an average of independent losses
    best = min(range(first, len(result.smoothed)), key=result.smoothed.__getitem__)
    fall = level - result.smoothed[best]
    if fall < max(MIN_FALL * level, MIN_NOISE * noise):
        return msgspec.structs.replace(result, problem="the loss doesn't fall at any learning rate")
    halfway = next(step for step in reversed(range(best)) if result.smoothed[step] > level - fall / 2) + 1
    lowest = result.learning_rates[best]
    suggestion = min(result.learning_rates[halfway], lowest / MARGIN)
    return msgspec.structs.replace(result, suggestion=_rounded(suggestion), lowest=_rounded(lowest))


def _rounded(rate: float) -> float:
    return float(f"{rate:.1e}")


def _train(training: Training, rates: Sequence[float], poll: Callable[[], None]) -> Iterator[float]:
    """Take a step with each learning rate, and yield the loss."""
    first, peak = training.step, training.recipe.learning_rate
    while True:
        if training.step_in_epoch == training.steps_per_epoch:
            training.end_epoch()
        for step in training.steps(poll, lambda completed, max_lr: rates[completed - first] * max_lr / peak):
            yield float(training.losses[training.step_in_epoch - 1])
            if step - first == len(rates):
                return
