"""A tensor's elements before and after an operation that changes its shape."""

from typing import Literal

import msgspec

from .kernel import Probe
from .tensors import Size

Operation = Literal["reshape", "view", "squeeze", "unsqueeze", "flatten", "permute", "transpose"]


class TryReshape(Probe, frozen=True, kw_only=True):
    """Ask what an operation would do to a tensor of a given shape and strides; the reply is a ReshapeResult."""

    shape: Size
    strides: Size
    """Strides in elements."""
    operation: Operation
    arguments: str
    """Arguments as the user types them between the parentheses: `2, -1`, `start_dim=1`."""


class ElementGrid(msgspec.Struct, frozen=True, kw_only=True):
    """The first elements of a tensor, each identified by its position in the original tensor's memory."""

    shape: Size
    strides: Size
    """Strides in elements."""
    shown: Size
    """Shape of the block of elements in `offsets`; equal to `shape` if all elements are included."""
    offsets: tuple[int, ...]
    """Memory offset of each element, in elements from the original tensor's first element. Listed row by row."""


class ReshapeResult(msgspec.Struct, frozen=True, kw_only=True):
    """Result of an operation on a tensor."""

    before: ElementGrid
    after: ElementGrid | None
    """Elements of the result, or None if the operation fails."""
    is_copy: bool
    """Whether the result is a copy in new memory, rather than a view of the same memory."""
    problem: str
    """One-line error message from torch; empty if the operation succeeds."""
