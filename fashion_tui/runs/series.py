"""A metric recorded at each step, and its curves. The time to compute a curve doesn't depend on the run's length."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

BASE_LEVEL = 8
"""Buckets of up to 2**8 steps are computed from the steps' values. A larger bucket is computed from two buckets of half
its size."""

MAX_GAP = 10_000_000
"""Maximum number of consecutive missing steps in a log. A line after a larger gap counts as damaged, even if its
checksum is correct."""


class Bucket(NamedTuple):
    """Statistics of consecutive steps."""

    finite: int
    mean: float
    low: float
    high: float
    nonfinite: int


EMPTY = Bucket(0, math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True, slots=True)
class Curve:
    """A series summarised in a limited number of buckets. Each bucket covers 2**n steps; the last one may cover fewer.

    Bucket i starts at step `1 + i * steps_per_bucket`. As long as `steps_per_bucket` stays the same, only the last
    bucket changes and new buckets are appended, so a chart has to repaint only its last columns.
    """

    steps_per_bucket: int
    steps: int
    """Number of steps that the curve covers."""
    finite: tuple[int, ...]
    """Number of finite values in each bucket.

    If `finite` and `nonfinite` are both 0, the steps of the bucket are missing from the log.
    """
    mean: tuple[float, ...]
    """Mean of the finite values in each bucket. If a bucket has no finite value, `mean`, `low` and `high` are NaN."""
    low: tuple[float, ...]
    high: tuple[float, ...]
    nonfinite: tuple[int, ...]
    """Number of NaN and infinite values in each bucket."""

    def __len__(self) -> int:
        return len(self.mean)

    def at_most(self, buckets: int) -> "Curve":
        """Return the curve with at most `buckets` buckets. If needed, groups of 2, 4, 8, … buckets are merged."""
        if len(self) <= buckets:
            return self
        size = self.steps_per_bucket
        merged = [Bucket(*row) for row in zip(self.finite, self.mean, self.low, self.high, self.nonfinite, strict=True)]
        while len(merged) > buckets:
            merged = _halve(merged)
            size *= 2
        return _curve(merged, size, self.steps)


NO_CURVE = Curve(steps_per_bucket=1, steps=0, finite=(), mean=(), low=(), high=(), nonfinite=())


class Series:
    """One float for each step, starting with step 1."""

    def __init__(self) -> None:
        self._values = array("d")
        """Value of each step; NaN if the value is missing."""
        self._gaps: list[tuple[int, int]] = []
        """Missing steps, as sorted ranges of indices into `_values`."""
        self._levels: dict[int, list[Bucket]] = {}
        """Maps each level in use to its complete buckets of 2**level steps.

        The levels in use are the requested level and the levels from which its buckets are computed.
        """

    def __len__(self) -> int:
        return len(self._values)

    @property
    def missing(self) -> int:
        """Number of steps without a value."""
        return sum(stop - start for start, stop in self._gaps)

    def put(self, first_step: int, values: "array[float]") -> None:
        """Store the values of consecutive steps. Remove the values of later steps. Skipped steps count as missing.

        Raises ValueError if `first_step` is less than 1 or if too many steps are skipped.
        """
        start = first_step - 1
        gap = start - len(self._values)
        if start < 0 or gap > MAX_GAP:
            raise ValueError(f"step {first_step} can't follow step {len(self._values)}")
        if gap < 0:
            self.truncate(start)
        elif gap > 0:
            self._gaps.append((len(self._values), start))
            self._values.extend(array("d", [math.nan]) * gap)
        self._values.extend(values)

    def truncate(self, steps: int) -> None:
        """Keep only the first `steps` values."""
        if steps >= len(self._values):
            return
        del self._values[steps:]
        self._gaps = [(start, min(stop, steps)) for start, stop in self._gaps if start < steps]
        for level, buckets in self._levels.items():
            del buckets[steps >> level :]

    def values(self, last: int | None = None) -> tuple[float, ...]:
        """Return the most recent `last` values, or all values if `last` is None. Missing values are NaN."""
        return tuple(self._values if last is None else self._values[-last:])

    def curve(self, buckets: int) -> Curve:
        """Return a curve with at most `buckets` buckets. Only values added since the last call are processed."""
        steps = len(self._values)
        level = 0
        while -(-steps // (1 << level)) > buckets:
            level += 1
        for unused in [other for other in self._levels if other < min(level, BASE_LEVEL)]:
            del self._levels[unused]
        complete = self._complete_buckets(level)
        rest = len(complete) << level
        return _curve([*complete, self._bucket(rest, steps)] if rest < steps else complete, 1 << level, steps)

    def _complete_buckets(self, level: int) -> list[Bucket]:
        buckets = self._levels.setdefault(level, [])
        new = range(len(buckets), len(self) >> level)
        if level <= BASE_LEVEL:
            size = 1 << level
            buckets.extend(self._bucket(i << level, (i << level) + size) for i in new)
        else:
            halves = self._complete_buckets(level - 1)
            buckets.extend(_merge(halves[2 * i], halves[2 * i + 1]) for i in new)
        return buckets

    def _bucket(self, start: int, stop: int) -> Bucket:
        values = self._values[start:stop].tolist()
        total = sum(values)
        if math.isfinite(total):
            return Bucket(len(values), total / len(values), min(values), max(values), 0)
        finite = [value for value in values if math.isfinite(value)]
        nonfinite = len(values) - len(finite) - self._missing_in(start, stop)
        if not finite:
            return EMPTY._replace(nonfinite=nonfinite)
        mean = sum(value / len(finite) for value in finite)
        return Bucket(len(finite), mean, min(finite), max(finite), nonfinite)

    def _missing_in(self, start: int, stop: int) -> int:
        missing = 0
        for i in range(max(0, bisect_left(self._gaps, (start, start)) - 1), len(self._gaps)):
            first, last = self._gaps[i]
            if first >= stop:
                break
            missing += max(0, min(last, stop) - max(first, start))
        return missing


def _merge(a: Bucket, b: Bucket) -> Bucket:
    nonfinite = a.nonfinite + b.nonfinite
    if not (a.finite and b.finite):
        return (a if a.finite else b)._replace(nonfinite=nonfinite)
    count = a.finite + b.finite
    mean = a.mean * (a.finite / count) + b.mean * (b.finite / count)
    return Bucket(count, mean, min(a.low, b.low), max(a.high, b.high), nonfinite)


def _halve(buckets: Sequence[Bucket]) -> list[Bucket]:
    """Merge pairs of adjacent buckets. If the number of buckets is odd, the last one remains unchanged."""
    pairs = [_merge(buckets[i], buckets[i + 1]) for i in range(0, len(buckets) - 1, 2)]
    return [*pairs, buckets[-1]] if len(buckets) % 2 else pairs


def _curve(buckets: Sequence[Bucket], size: int, steps: int) -> Curve:
    if not buckets:
        return NO_CURVE
    finite, mean, low, high, nonfinite = zip(*buckets, strict=True)
    return Curve(steps_per_bucket=size, steps=steps, finite=finite, mean=mean, low=low, high=high, nonfinite=nonfinite)
