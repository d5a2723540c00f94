"""Describe the arguments of a failed call, so that the error can be explained when the tensors no longer exist."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fashion_tui.schema.shapes import Shape

from .tensors import shape_of


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor among the arguments of a failed call."""

    shape: Shape
    """The shape, including the batch axis."""
    dtype: torch.dtype
    name: str | None
    """Name of the parameter, buffer or constant of the network, or None for any other tensor."""
    source: int | None
    """Index of the call that returned the tensor, NETWORK_INPUT, or None for any other tensor."""
    is_contiguous: bool
    is_leaf: bool
    """Whether the tensor is a leaf that requires a gradient."""
    limits: tuple[int, int] | None
    """The smallest and the largest value of an integer tensor; None if it is empty or its values are unknown."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a failed call. Each tensor is replaced by an Operand, also inside tuples, lists and dicts."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def operands(self) -> list[Operand]:
        return find_operands((self.args, self.kwargs))

    def get(self, position: int, name: str, default: Any = None) -> Any:
        """Return an argument that may be given by position or by name."""
        return self.args[position] if position < len(self.args) else self.kwargs.get(name, default)


def describe_tensor(tensor: Tensor, name: str | None, source: int | None) -> Operand:
    return Operand(
        shape=shape_of(tensor),
        dtype=tensor.dtype,
        name=name,
        source=source,
        is_contiguous=tensor.layout is torch.strided and tensor.is_contiguous(),
        is_leaf=tensor.is_leaf and tensor.requires_grad,
        limits=_limits(tensor),
    )


def replace_tensors(value: Any, describe: Callable[[Tensor], Operand]) -> Any:
    """Return the value with each tensor in nested tuples, lists, dicts and slices replaced by its description.

    A list without tensors, such as a list of sizes, becomes a tuple.
    """
    if isinstance(value, Tensor):
        return describe(value)
    if isinstance(value, list | tuple):
        items = [replace_tensors(item, describe) for item in value]
        return items if isinstance(value, list) and find_operands(items) else tuple(items)
    if isinstance(value, dict):
        return {key: replace_tensors(item, describe) for key, item in value.items()}
    if isinstance(value, slice):
        return slice(*(replace_tensors(item, describe) for item in (value.start, value.stop, value.step)))
    return value


def find_operands(value: Any) -> list[Operand]:
    """Return the operands in nested tuples, lists and dicts, in order."""
    if isinstance(value, Operand):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
    return [operand for item in items for operand in find_operands(item)]


def _limits(tensor: Tensor) -> tuple[int, int] | None:
    if tensor.is_meta or tensor.dtype not in {torch.int64, torch.int32} or not tensor.numel():
        return None
    return int(tensor.min()), int(tensor.max())
