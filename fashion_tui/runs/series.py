"""A metric recorded at some or all steps, and its curves. Long curves take hardly more time than short ones."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

BASE_VALUES = 256
"""A bucket of about this many values or fewer is computed from the values. A larger bucket is computed from two buckets
of half its size."""

MAX_EXACT = 2**17
"""Maximum length of a compact series whose values are stored as 64-bit floats."""


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

    Bucket i starts at step `first_step + i * steps_per_bucket`. As long as `steps_per_bucket` stays the same, only the
    last bucket changes and new buckets are appended, so a chart has to repaint only its last columns.
    """

    first_step: int
    """The step at which bucket 0 starts."""
    steps_per_bucket: int
    steps: int
    """Number of steps that the curve covers, with or without a value."""
    finite: tuple[int, ...]
    """Number of finite values in each bucket.

    If `finite` and `nonfinite` are both 0, the bucket has no values.
    """
    mean: tuple[float, ...]
    """Mean of the finite values in each bucket, between `low` and `high`. All three are NaN without finite values."""
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
        return _curve(merged, self.first_step, size, self.steps)

    def middles(self) -> list[float]:
        """Return the middle of each bucket, as a step. The last bucket may be shorter than the others."""
        size = self.steps_per_bucket
        middles = [step + (size - 1) / 2 for step in range(self.first_step, self.first_step + size * len(self), size)]
        if middles:
            middles[-1] = self.first_step + (size * (len(self) - 1) + self.steps - 1) / 2
        return middles

    def before(self, step: int) -> "Curve":
        """Return the buckets that end before a step."""
        stop = max((step - self.first_step) // self.steps_per_bucket, 0)
        if stop >= len(self):
            return self
        return Curve(
            self.first_step,
            self.steps_per_bucket,
            stop * self.steps_per_bucket,
            self.finite[:stop],
            self.mean[:stop],
            self.low[:stop],
            self.high[:stop],
            self.nonfinite[:stop],
        )


NO_CURVE = Curve(first_step=1, steps_per_bucket=1, steps=0, finite=(), mean=(), low=(), high=(), nonfinite=())


class Series:
    """The values of a metric, in the order of their steps.

    Values of consecutive steps form a segment. A metric with a value at each step has a single segment.
    """

    def __init__(self, *, compact: bool = False) -> None:
        """If `compact` is true, a series with more than MAX_EXACT values stores them as 32-bit floats."""
        self._compact = compact
        self._values = array("d")
        self._starts = array("q")
        """Index in `_values` of the first value of each segment."""
        self._first_steps = array("q")
        """The step of the first value of each segment."""
        self._last_step = 0
        self._levels: dict[int, _Level] = {}
        """Maps each level in use to its complete buckets of 2**level steps.

        The levels in use are the requested levels and the levels from which their buckets are computed.
        """

    def __len__(self) -> int:
        return len(self._values)

    @property
    def first_step(self) -> int:
        """The step at which the first bucket of a curve starts: 0 if the metric has a value at step 0, else 1."""
        return 0 if self._first_steps and self._first_steps[0] == 0 else 1

    @property
    def last_step(self) -> int:
        """The last step with a value, or 0 if there are no values."""
        return self._last_step

    def put(self, first_step: int, values: Sequence[float]) -> None:
        """Store the values of consecutive steps. Remove the values of later steps."""
        if first_step <= self._last_step:
            self.truncate(first_step - 1)
        if not self._values or self._last_step + 1 != first_step:
            self._starts.append(len(self._values))
            self._first_steps.append(first_step)
        if self._compact and len(self._values) + len(values) > MAX_EXACT:
            if self._values.typecode == "d":
                self._values = array("f", self._values)
            values = array("f", values)
        self._values.extend(values)
        self._last_step = first_step + len(values) - 1

    def truncate(self, last_step: int) -> None:
        """Remove the values of all steps after `last_step`."""
        if not self._values or last_step >= self._last_step:
            return
        origin = self.first_step
        del self._values[self._position(last_step + 1) :]
        while self._starts and self._starts[-1] >= len(self._values):
            self._starts.pop()
            self._first_steps.pop()
        if self._values:
            self._last_step = self._first_steps[-1] + len(self._values) - self._starts[-1] - 1
        else:
            self._last_step = 0
            self._levels.clear()
        for level, buckets in self._levels.items():
            buckets.truncate((self.last_step + 1 - origin) >> level)

    def values(self, last: int | None = None) -> tuple[float, ...]:
        """Return the most recent `last` values, or all values if `last` is None."""
        return tuple(self._values if last is None else self._values[-last:])

    def items(self) -> Iterator[tuple[int, float]]:
        """Yield each step that has a value, with its value."""
        for segment, first_step in enumerate(self._first_steps):
            start, stop = self._segment(segment)
            yield from enumerate(self._values[start:stop], first_step)

    def sample(self, count: int) -> list[tuple[int, float]]:
        """Return at most `count` evenly spaced steps with their values, including the first and the last one."""
        last = len(self._values) - 1
        chosen = range(last + 1) if last < count else sorted({round(i * last / (count - 1)) for i in range(count)})
        return [(self._step(position), self._values[position]) for position in chosen]

    @property
    def steps_key(self) -> tuple[int, bytes, bytes]:
        """A key that is equal for two series if and only if they have values at the same steps."""
        return len(self._values), self._starts.tobytes(), self._first_steps.tobytes()

    def curve(self, buckets: int) -> Curve:
        """Return a curve with at most `buckets` buckets. Only values added since the last call are processed."""
        first, last = self.first_step, self.last_step
        if not self._values:
            return NO_CURVE
        steps = last + 1 - first
        level = 0
        while -(-steps >> level) > buckets:
            level += 1
        complete = self._complete_buckets(level)
        for unused in [other for other in self._levels if other < level and self._is_small(other + 1)]:
            del self._levels[unused]
        dense = [EMPTY] * (steps >> level)
        for index, bucket in complete.items():
            dense[index] = bucket
        rest = first + (len(dense) << level)
        if rest <= last:
            dense.append(self._bucket(self._position(rest), len(self._values)))
        return _curve(dense, first, 1 << level, steps)

    def window(self, first_step: int, last_step: int, buckets: int) -> Curve:
        """Return a curve of the steps from `first_step` to `last_step`, with at most `buckets` buckets, or one more.

        The first bucket may start before `first_step`, because buckets start at multiples of their size. Steps after
        the last one with a value are left out.
        """
        origin = self.first_step
        first, last = max(first_step, origin), min(last_step, self.last_step)
        if not self._values or first > last:
            return NO_CURVE
        level = 0
        while -(-(last + 1 - first) >> level) > buckets:
            level += 1
        start, stop = (first - origin) >> level, ((last - origin) >> level) + 1
        complete = min(stop, (self.last_step + 1 - origin) >> level)
        if self._is_small(level):
            level_part = _Level(start)
            self._add_from_values(level_part, level, complete)
        else:
            level_part = self._complete_buckets(level)
        dense = [EMPTY] * (stop - start)
        for index, bucket in level_part.between(start, complete):
            dense[index - start] = bucket
        if complete < stop:
            dense[-1] = self._bucket(self._position(origin + (complete << level)), len(self._values))
        first = origin + (start << level)
        return _curve(dense, first, 1 << level, min(origin + (stop << level), self.last_step + 1) - first)

    def _complete_buckets(self, level: int) -> "_Level":
        """Return the complete buckets of a level. Compute those that are new."""
        buckets = self._levels.setdefault(level, _Level())
        stop = (self.last_step + 1 - self.first_step) >> level
        if buckets.stop >= stop:
            return buckets
        if self._is_small(level):
            self._add_from_values(buckets, level, stop)
        else:
            halves = self._complete_buckets(level - 1)
            for index, low, high in halves.pairs(buckets.stop, stop):
                buckets.add(index, _merge(low, high))
        buckets.stop = stop
        return buckets

    def _is_small(self, level: int) -> bool:
        """Return whether the buckets of a level have so few values that they are computed directly from the values."""
        return len(self._values) << level <= BASE_VALUES * (self.last_step + 1 - self.first_step)

    def _add_from_values(self, buckets: "_Level", level: int, stop: int) -> None:
        """Compute the new buckets before index `stop` from the values. Add those that aren't empty."""
        first = self.first_step
        position, end = self._position(first + (buckets.stop << level)), self._position(first + (stop << level))
        while position < end:
            index = (self._step(position) - first) >> level
            next_position = self._position(first + ((index + 1) << level))
            buckets.add(index, self._bucket(position, next_position))
            position = next_position

    def _segment(self, segment: int) -> tuple[int, int]:
        """Return the range of a segment's values, as indices into `_values`."""
        stop = self._starts[segment + 1] if segment + 1 < len(self._starts) else len(self._values)
        return self._starts[segment], stop

    def _position(self, step: int) -> int:
        """Return the index of the first value at or after a step."""
        segment = bisect_left(self._first_steps, step + 1) - 1
        if segment < 0:
            return 0
        start, stop = self._segment(segment)
        return min(start + step - self._first_steps[segment], stop)

    def _step(self, position: int) -> int:
        """Return the step of the value at an index."""
        segment = bisect_left(self._starts, position + 1) - 1
        return self._first_steps[segment] + position - self._starts[segment]

    def _bucket(self, start: int, stop: int) -> Bucket:
        """Return the statistics of the values from index `start` to `stop - 1`."""
        values = self._values[start:stop].tolist()
        if not values:
            return EMPTY
        total = sum(values)
        if math.isfinite(total):
            return _within(Bucket(len(values), total / len(values), min(values), max(values), 0))
        finite = [value for value in values if math.isfinite(value)]
        nonfinite = len(values) - len(finite)
        if not finite:
            return EMPTY._replace(nonfinite=nonfinite)
        mean = sum(value / len(finite) for value in finite)
        return _within(Bucket(len(finite), mean, min(finite), max(finite), nonfinite))


class _Level:
    """The complete buckets of one size that have values, in ascending order."""

    def __init__(self, stop: int = 0) -> None:
        self.stop = stop
        """Number of complete buckets so far, with or without values."""
        self._indices: list[int] = []
        self._buckets: list[Bucket] = []

    def add(self, index: int, bucket: Bucket) -> None:
        self._indices.append(index)
        self._buckets.append(bucket)

    def items(self) -> Iterator[tuple[int, Bucket]]:
        return zip(self._indices, self._buckets, strict=True)

    def between(self, start: int, stop: int) -> Iterator[tuple[int, Bucket]]:
        """Yield the buckets with values from index `start` to `stop - 1`."""
        first, last = bisect_left(self._indices, start), bisect_left(self._indices, stop)
        return zip(self._indices[first:last], self._buckets[first:last], strict=True)

    def truncate(self, stop: int) -> None:
        """Remove the buckets from index `stop` on."""
        if stop < self.stop:
            self.stop = stop
            keep = bisect_left(self._indices, stop)
            del self._indices[keep:], self._buckets[keep:]

    def pairs(self, start: int, stop: int) -> Iterator[tuple[int, Bucket, Bucket]]:
        """Yield i and the buckets with the indices 2i and 2i + 1, for each i from `start` to `stop - 1`.

        Pairs without values are left out. If only one bucket of a pair has values, the other one is `EMPTY`.
        """
        position = bisect_left(self._indices, 2 * start)
        while position < len(self._indices) and self._indices[position] < 2 * stop:
            index, is_second = divmod(self._indices[position], 2)
            bucket = self._buckets[position]
            position += 1
            if is_second:
                yield index, EMPTY, bucket
            elif position < len(self._indices) and self._indices[position] == 2 * index + 1:
                yield index, bucket, self._buckets[position]
                position += 1
            else:
                yield index, bucket, EMPTY


def _merge(a: Bucket, b: Bucket) -> Bucket:
    nonfinite = a.nonfinite + b.nonfinite
    if not (a.finite and b.finite):
        return (a if a.finite else b)._replace(nonfinite=nonfinite)
    count = a.finite + b.finite
    mean = a.mean * (a.finite / count) + b.mean * (b.finite / count)
    return _within(Bucket(count, mean, min(a.low, b.low), max(a.high, b.high), nonfinite))


def _within(bucket: Bucket) -> Bucket:
    """Clamp the mean to the range of the values, which rounding errors may exceed."""
    if bucket.low <= bucket.mean <= bucket.high:
        return bucket
    return bucket._replace(mean=min(max(bucket.mean, bucket.low), bucket.high))


def _halve(buckets: Sequence[Bucket]) -> list[Bucket]:
    """Merge pairs of adjacent buckets. If the number of buckets is odd, the last one remains unchanged."""
    pairs = [_merge(buckets[i], buckets[i + 1]) for i in range(0, len(buckets) - 1, 2)]
    return [*pairs, buckets[-1]] if len(buckets) % 2 else pairs


def _curve(buckets: Sequence[Bucket], first_step: int, size: int, steps: int) -> Curve:
    finite, mean, low, high, nonfinite = zip(*buckets, strict=True)
    return Curve(first_step, size, steps, finite, mean, low, high, nonfinite)
