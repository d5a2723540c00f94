"""Find the batch axis of each tensor, and convert sizes and amounts of a batch to those of one sample.

Two passes with different batch sizes show which sizes grow with the batch. An axis whose sizes are the two batch sizes
is the batch axis and is removed. An axis whose sizes are 128 for two samples and 192 for three has size 64 for one
sample. Such an axis occurs if, for example, attention windows are folded into the batch.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fashion_tui.schema.shapes import Shape, ShapeRow

if TYPE_CHECKING:
    from .calls import Call, Recording

CallKey = tuple[str, str, int]
"""Identifies a call by its path, its operation, and its index among the calls with the same path and operation."""

_INTEGER = re.compile(r"(?<![\w.])(\d+)(?![\w.])")


@dataclass(frozen=True, slots=True)
class Sizes:
    """A size in the three passes. `first` and `second` are None if they are unknown."""

    main: int | None
    first: int | None
    second: int | None


@dataclass(frozen=True, slots=True)
class CallInPasses:
    """A call in the main pass, and the same call in the two other passes, or None if they don't make it."""

    main: "Call"
    first: "Call | None"
    second: "Call | None"


@dataclass(frozen=True, slots=True)
class Passes:
    """Recorded passes of a network with different batch sizes."""

    main: "Recording"
    """The pass that gives the rows, with one sample if the network accepts one."""
    first: "Recording"
    """A pass with another batch size than `second`. It may be the main pass."""
    second: "Recording"

    def calls(self) -> list[CallInPasses]:
        """Return the calls of the main pass, each with the same call in the other passes."""
        firsts, seconds = (
            dict(zip(call_keys(recording.calls), recording.calls, strict=True))
            for recording in (self.first, self.second)
        )
        return [
            CallInPasses(call, firsts.get(key), seconds.get(key))
            for key, call in zip(call_keys(self.main.calls), self.main.calls, strict=True)
        ]

    def per_sample(self, amount: int, first: int | None, second: int | None) -> int:
        """Return an amount, such as bytes or MACs, for one sample, given the amounts in the three passes.

        If the main pass has several samples, the amount is assumed to grow linearly with their number.
        """
        if self.main.batch == 1:
            return amount
        one = self._extrapolate(first, second)
        return amount // self.main.batch if one is None or one < 0 else one

    def sample_shape(self, main: Shape | None, first: Shape | None, second: Shape | None) -> Shape:
        """Return the shape of one sample, given the shapes in the three passes.

        At least one of `main` and `first` must be known. The ranks differ between the passes if, for example,
        `x.squeeze()` also removes a batch axis of size 1.
        """
        if first is None or second is None or len(first) != len(second):
            shape, batch = (main, self.main.batch) if main is not None else (first or (), self.first.batch)
            return shape[1:] if shape[:1] == (batch,) else shape
        mains: Sequence[int | None] = main if main is not None and len(main) == len(first) else [None] * len(first)
        sizes = [Sizes(*triple) for triple in zip(mains, first, second, strict=True)]
        batch_axis = next((axis for axis, size in enumerate(sizes) if self._is_batch(size)), None)
        return tuple(self._sample_size(size) for axis, size in enumerate(sizes) if axis != batch_axis)

    def sample_shapes(
        self, mains: Sequence[Shape], firsts: Sequence[Shape] | None, seconds: Sequence[Shape] | None
    ) -> tuple[Shape, ...]:
        return tuple(
            self.sample_shape(shape, _item(firsts, index), _item(seconds, index)) for index, shape in enumerate(mains)
        )

    def sample_settings(self, call: CallInPasses) -> str:
        """Return the call's settings, with `N` or a multiple such as `64N` for each number that grows with the batch.

        For example, the first argument of `x.view(x.size(0), 980)` is the batch size, so it is written as `N`.
        """
        if call.first is None or call.second is None:
            return call.main.settings
        first, second = _INTEGER.split(call.first.settings), _INTEGER.split(call.second.settings)
        if first == second or first[::2] != second[::2]:
            return call.main.settings
        for index in range(1, len(first), 2):
            if first[index] != second[index]:
                one = self._extrapolate(int(first[index]), int(second[index]))
                first[index] = "N" if one == 1 else f"{one}N" if one is not None and one > 0 else first[index]
        return "".join(first)

    def has_batch_axis(self, first: Shape, second: Shape) -> bool:
        """Return whether one axis has the batch size in both passes."""
        return self._batches in zip(first, second, strict=False)

    def grows(self, first: Shape, second: Shape) -> bool:
        """Return whether the first axis grows with the batch."""
        return bool(first and second) and first[0] != second[0]

    @property
    def _batches(self) -> tuple[int, int]:
        return self.first.batch, self.second.batch

    def _is_batch(self, size: Sizes) -> bool:
        return (size.first, size.second) == self._batches and size.main in {None, self.main.batch}

    def _sample_size(self, size: Sizes) -> int:
        if size.main is not None and (self.main.batch == 1 or size.first == size.second):
            return size.main
        one = self._extrapolate(size.first, size.second)
        if one is not None and one > 0:
            return one
        return next(known for known in (size.main, size.first, 0) if known is not None)

    def _extrapolate(self, first: int | None, second: int | None) -> int | None:
        """Return the value for one sample on the line through the values of the two passes.

        Return None if a value is unknown, or if the value for one sample isn't an integer.
        """
        if first is None or second is None or self.first.batch == self.second.batch:
            return None
        slope, rest = divmod(second - first, self.second.batch - self.first.batch)
        return None if rest else first - slope * (self.first.batch - 1)


def call_keys(calls: "Sequence[Call] | Sequence[ShapeRow]") -> list[CallKey]:
    seen: Counter[tuple[str, str]] = Counter()
    keys = []
    for call in calls:
        keys.append((call.path, call.op, seen[call.path, call.op]))
        seen[call.path, call.op] += 1
    return keys


def _item(shapes: Sequence[Shape] | None, index: int) -> Shape | None:
    return shapes[index] if shapes is not None and index < len(shapes) else None
