"""Smooth a curve with a bias-corrected exponential moving average (EMA)."""

import math

from fashion_tui.runs.series import Curve


class MovingAverage:
    """An exponential moving average, updated with one value or one bucket of values at a time.

    After `half_life` steps, a value has half its weight. The average is divided by the sum of all weights, so that the
    first values aren't drawn toward 0 (the bias correction of Adam, D. Kingma and J. Ba, 2015). The average of a
    constant is that constant.
    """

    def __init__(self, half_life: float) -> None:
        """`half_life` is in steps. If it is 0, the average is the last value."""
        self._log_decay = -math.log(2) / half_life if half_life > 0 else -math.inf
        """Logarithm of the factor by which a weight changes at each step."""
        self._last_bucket = (0, 0)
        """Numbers of values and steps of the last bucket. Most buckets of a curve have the same numbers."""
        self._fading = self._added = 0.0
        """The relative change of older weights by a bucket with these numbers, and the weight that the bucket adds."""
        self._weight = 0.0
        """Sum of the weights of all values so far."""
        self.value = math.nan
        """The average, or NaN if there are no values."""

    def add(self, mean: float, count: int = 1, steps: int = 1) -> None:
        """Add `count` evenly spaced values of the next `steps` steps. Only their mean is known. It must be finite.

        The result is exact if the values are equal, or if `count` is 1 and the value belongs to the last of the steps.
        """
        if count < 1:
            self.skip(steps)
            return
        if (count, steps) != self._last_bucket:
            self._last_bucket = count, steps
            self._fading = math.expm1(steps * self._log_decay)
            self._added = self._fading / math.expm1(steps / count * self._log_decay)
        self._weight = self._weight * (1 + self._fading) + self._added
        if math.isnan(self.value):
            self.value = mean
            return
        share = self._added / self._weight
        average = self.value * (1 - share) + mean * share
        # limit the rounding error: an average is never outside the range of its values
        low, high = (self.value, mean) if self.value < mean else (mean, self.value)
        self.value = low if average < low else min(average, high)

    def skip(self, steps: int) -> None:
        """Reduce the weight of all values by the decay of `steps` steps without a value."""
        self._weight *= 1 + math.expm1(steps * self._log_decay)


def smooth(curve: Curve, average: MovingAverage, low: float = -math.inf, high: float = math.inf) -> list[float]:
    """Add the buckets of a curve to a moving average. Return its value at the end of each bucket.

    The average of a bucket without finite values is NaN. Buckets whose mean isn't in [`low`, `high`] are treated in the
    same way, so that a single spike doesn't hide the values after it.
    """
    smoothed = []
    size = curve.steps_per_bucket
    last = len(curve) - 1
    for index, (count, mean) in enumerate(zip(curve.finite, curve.mean, strict=True)):
        steps = size if index < last else curve.steps - last * size
        if count and low <= mean <= high:
            average.add(mean, count, steps)
            smoothed.append(average.value)
        else:
            average.skip(steps)
            smoothed.append(math.nan)
    return smoothed
