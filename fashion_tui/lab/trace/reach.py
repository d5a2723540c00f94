"""The part of the network's input on which each value of a tensor depends, along one axis of the input."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashion_tui.schema.shapes import Shape

Positions = NDArray[np.int64]

MAX_VALUES = 2**21
"""Maximum number of values of a tensor whose axes are joined or split. For larger tensors, the reach is unknown."""
_NOWHERE = 2**40
"""First position of a value that doesn't depend on the input. Its last position is -1."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The first and the last position of the input on which each value of a tensor depends.

    Both arrays have the axes of the tensor. They have size 1 along an axis if all values along it depend on the same
    positions.
    """

    first: Positions
    last: Positions

    @classmethod
    def of_input(cls, shape: Shape, axis: int) -> "Reach":
        """Return the reach of the network's input itself."""
        positions = np.arange(shape[axis]).reshape([-1 if other == axis else 1 for other in range(len(shape))])
        return cls(positions, positions)

    @classmethod
    def nowhere(cls, axes: int) -> "Reach":
        """Return the reach of a tensor that doesn't depend on the input, such as an expanded parameter."""
        return cls(np.full((1,) * axes, _NOWHERE), np.full((1,) * axes, -1))

    @property
    def size(self) -> int:
        """The largest number of positions of the input on which a value depends."""
        return max(int((self.last - self.first).max()) + 1, 0)

    @property
    def is_constant(self) -> bool:
        """Whether all values depend on the same part of the input."""
        return self.first.size == 1

    def over(self, *axes: int) -> "Reach":
        """Return the reach of values that depend on all values along these axes. These axes then have size 1."""
        return Reach(self.first.min(axes, keepdims=True), self.last.max(axes, keepdims=True))

    def everywhere(self, axes: int) -> "Reach":
        """Return the reach of a tensor with this number of axes, each of whose values depends on all values."""
        return Reach(np.full((1,) * axes, self.first.min()), np.full((1,) * axes, self.last.max()))

    def taken(self, axis: int, taps: Positions, *, valid: NDArray[np.bool_]) -> "Reach":
        """Return the reach of values, each of which depends on several positions along an axis.

        `taps[i]` contains the positions on which position i depends. Those where `valid` is False are padding.
        """
        size = self.first.shape[axis]
        if size == 1:
            return self
        valid = valid & (taps >= 0) & (taps < size)
        inside = np.clip(taps, 0, size - 1)
        first, last = (np.moveaxis(array, axis, -1)[..., inside] for array in (self.first, self.last))
        first = np.where(valid, first, self.last.max()).min(-1)
        last = np.where(valid, last, self.first.min() - 1).max(-1)
        return Reach(np.moveaxis(first, -1, axis), np.moveaxis(last, -1, axis))

    def permuted(self, order: Sequence[int]) -> "Reach":
        return Reach(self.first.transpose(order), self.last.transpose(order))

    def reshaped(self, before: Shape, after: Shape) -> "Reach | None":
        """Return the reach after a view or reshape, or None if the tensor is too large."""
        if self.is_constant:
            return self.everywhere(len(after))
        if math.prod(before) != math.prod(after) or math.prod(before) > MAX_VALUES:
            return None
        arrays = (np.broadcast_to(array, before).reshape(after) for array in (self.first, self.last))
        return Reach(*arrays).compressed()

    def indexed(self, before: Shape, index: tuple[object, ...]) -> "Reach | None":
        """Return the reach of a part of the tensor, or None if the tensor is too large."""
        if math.prod(before) > MAX_VALUES:
            return None
        arrays = (np.broadcast_to(array, before)[index] for array in (self.first, self.last))  # type: ignore[index]
        return Reach(*(np.asarray(array) for array in arrays)).compressed()

    def compressed(self) -> "Reach":
        """Return the same reach, with size 1 along each axis along which nothing changes."""
        reach = self
        for axis in range(self.first.ndim):
            parts = [array.take([0], axis) for array in (reach.first, reach.last)]
            if all(bool((array == part).all()) for array, part in zip((reach.first, reach.last), parts, strict=True)):
                reach = Reach(*parts)
        return reach


Field = tuple[Reach, ...]
"""The receptive field of a tensor: its reach along each spatial axis of the input."""


def union(reaches: Sequence[Reach], axes: int) -> Reach:
    """Return the reach of values that depend on the values at the same position of all tensors, which are broadcast."""
    firsts, lasts = (
        [array.reshape((1,) * (axes - array.ndim) + array.shape) for array in arrays]
        for arrays in ([reach.first for reach in reaches], [reach.last for reach in reaches])
    )
    first, last = firsts[0], lasts[0]
    for other_first, other_last in zip(firsts[1:], lasts[1:], strict=True):
        first, last = np.minimum(first, other_first), np.maximum(last, other_last)
    return Reach(first, last)


def joined(reaches: Sequence[Reach], shapes: Sequence[Shape], axis: int) -> Reach:
    """Return the reach of tensors that are concatenated along an axis."""
    axes = range(len(shapes[0]))
    sizes = [max(reach.first.shape[other] for reach in reaches) for other in axes]

    def parts(arrays: Sequence[Positions]) -> Positions:
        full = [
            np.broadcast_to(array, [shape[axis] if other == axis else sizes[other] for other in axes])
            for array, shape in zip(arrays, shapes, strict=True)
        ]
        return np.concatenate(full, axis)

    return Reach(parts([reach.first for reach in reaches]), parts([reach.last for reach in reaches])).compressed()
