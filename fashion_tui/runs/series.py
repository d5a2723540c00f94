"""Figures of every step, and pictures of them whose cost doesn't grow with the run."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

BASE_LEVEL = 8
"""Buckets of 2**8 steps are made of the values themselves, larger ones of two of half their size."""

LONGEST_GAP = 10_000_000
"""Steps. A line that would leave out more is damaged, whatever its checksum says."""


class Bucket(NamedTuple):
    """What is known of some neighbouring steps."""

    finite: int
    mean: float
    low: float
    high: float
    nonfinite: int


EMPTY = Bucket(0, math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True, slots=True)
class Curve:
    """A series in a bounded number of buckets, each of equally many steps (a power of two; the last may be unfinished).

    Bucket i covers the steps from `1 + i * steps_per_bucket` on. While steps_per_bucket stays the same only the last
    bucket changes and new ones follow it, so that a chart has to paint its last columns alone.
    """

    steps_per_bucket: int
    steps: int
    """How many steps the curve covers in all."""
    finite: tuple[int, ...]
    """Finite values in each bucket. A bucket with neither these nor `nonfinite` is a hole: its lines were damaged."""
    mean: tuple[float, ...]
    """Over the finite values; NaN where there is none. So are `low` and `high`."""
    low: tuple[float, ...]
    high: tuple[float, ...]
    nonfinite: tuple[int, ...]
    """Values in each bucket that are NaN or infinite."""

    def __len__(self) -> int:
        return len(self.mean)

    def at_most(self, buckets: int) -> "Curve":
        """The same in no more than so many buckets (1 or more), each of 1, 2, 4, … of this curve's."""
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
    """One float for each step from 1 on."""

    def __init__(self) -> None:
        self._values = array("d")
        """NaN where the step's figure is missing."""
        self._gaps: list[tuple[int, int]] = []
        """Missing steps, as ranges of places in `_values`, in order."""
        self._levels: dict[int, list[Bucket]] = {}
        """Finished buckets of 2**level steps, of the levels that were asked for and those they are made of."""

    def __len__(self) -> int:
        return len(self._values)

    @property
    def missing(self) -> int:
        """How many steps have no figure."""
        return sum(stop - start for start, stop in self._gaps)

    def put(self, first_step: int, values: "array[float]") -> None:
        """Write values from that step on. What stood there or later is replaced; steps left out are missing.

        ValueError for a step that can't be meant.
        """
        start = first_step - 1
        gap = start - len(self._values)
        if start < 0 or gap > LONGEST_GAP:
            raise ValueError(f"step {first_step} doesn't follow step {len(self._values)}")
        if gap < 0:
            self.truncate(start)
        elif gap > 0:
            self._gaps.append((len(self._values), start))
            self._values.extend(array("d", [math.nan]) * gap)
        self._values.extend(values)

    def truncate(self, steps: int) -> None:
        """Forget all later steps."""
        if steps >= len(self._values):
            return
        del self._values[steps:]
        self._gaps = [(start, min(stop, steps)) for start, stop in self._gaps if start < steps]
        for level, buckets in self._levels.items():
            del buckets[steps >> level :]

    def values(self, last: int | None = None) -> tuple[float, ...]:
        """The last values, or all, step by step; NaN where one is missing."""
        return tuple(self._values if last is None else self._values[-last:])

    def curve(self, buckets: int) -> Curve:
        """The whole series in at most so many buckets. Costs what came since the last call, not the length."""
        steps = len(self._values)
        level = 0
        while -(-steps // (1 << level)) > buckets:
            level += 1
        for unused in [other for other in self._levels if other < min(level, BASE_LEVEL)]:
            del self._levels[unused]
        done = self._finish(level)
        rest = len(done) << level
        return _curve([*done, self._bucket(rest, steps)] if rest < steps else done, 1 << level, steps)

    def _finish(self, level: int) -> list[Bucket]:
        """All finished buckets of a level."""
        done = self._levels.setdefault(level, [])
        if level <= BASE_LEVEL:
            size = 1 << level
            done.extend(self._bucket(i << level, (i << level) + size) for i in range(len(done), len(self) >> level))
        else:
            halves = self._finish(level - 1)
            done.extend(_merge(halves[2 * i], halves[2 * i + 1]) for i in range(len(done), len(self) >> level))
        return done

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
    """Two by two; an odd last one stays as it is."""
    pairs = [_merge(buckets[i], buckets[i + 1]) for i in range(0, len(buckets) - 1, 2)]
    return [*pairs, buckets[-1]] if len(buckets) % 2 else pairs


def _curve(buckets: Sequence[Bucket], size: int, steps: int) -> Curve:
    if not buckets:
        return NO_CURVE
    finite, mean, low, high, nonfinite = zip(*buckets, strict=True)
    return Curve(steps_per_bucket=size, steps=steps, finite=finite, mean=mean, low=low, high=high, nonfinite=nonfinite)
