"""A tensor's elements before and after a change of its shape."""

from typing import Literal

import msgspec

from .tensors import Probe, Size

Operation = Literal["reshape", "view", "squeeze", "unsqueeze", "flatten", "permute", "transpose"]


class TryReshape(Probe, frozen=True, kw_only=True):
    """Reshaping: what torch would do to a tensor of that shape and strides."""

    shape: Size
    strides: Size
    """In elements."""
    operation: Operation
    arguments: str
    """As a person writes them between the parentheses: `2, -1`, `start_dim=1`."""


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """The first elements of a tensor, and where each of them lay in memory before the change."""

    shape: Size
    strides: Size
    """In elements."""
    shown: Size
    """How many of each axis `places` has; the shape itself where all are there."""
    places: tuple[int, ...]
    """Row by row: how many elements after the tensor's first one, before the change."""


class Reshaping(msgspec.Struct, frozen=True, kw_only=True):
    before: Grid
    after: Grid | None
    """None where it can't be done."""
    is_copy: bool
    """The elements were moved to memory of their own; else it is a view of the same memory."""
    problem: str
    """Why it can't be done, as torch says it, in one line; empty where it can."""
