"""Show what an operation such as view or permute does to a tensor's shape, strides, memory and elements.

torch performs the operation on the meta device, where tensors have shapes and strides but no memory.
"""

import ast
import contextlib
from itertools import product
from typing import Any

import torch
from torch import Tensor

from fashion_tui.schema.reshaping import ElementGrid, ReshapeResult, TryReshape
from fashion_tui.schema.tensors import Size

MAX_LEADING = 6
"""Maximum number of blocks in a grid.

A block shows the last two axes. A grid has one block for each combination of indices along the other axes.
"""
MAX_ROWS = 12
MAX_COLUMNS = 24


def try_reshape(request: TryReshape) -> ReshapeResult:
    """Perform the operation, and return the elements before and after it.

    The arguments must be literals, so no code is executed.
    """
    tensor = torch.empty_strided(request.shape, request.strides, device="meta")
    before = _grid(tensor, _offsets(tensor.shape, tensor.stride()))
    try:
        args, kwargs = parse_arguments(request.arguments)
        result = getattr(tensor, request.operation)(*args, **kwargs)
    except (RuntimeError, TypeError, ValueError, IndexError, OverflowError) as error:
        return ReshapeResult(before=before, after=None, is_copy=False, problem=_first_line(error))
    is_view = result is tensor or result._is_view()  # noqa: SLF001 -- has no public name
    offsets = _offsets(result.shape, result.stride()) if is_view else _copied_offsets(result.shape, tensor)
    return ReshapeResult(before=before, after=_grid(result, offsets), is_copy=not is_view, problem="")


def parse_arguments(arguments: str) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and keyword arguments.

    Raises ValueError if they aren't literals, such as numbers or tuples.
    """
    with contextlib.suppress(SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        call = ast.parse(f"f({arguments})", mode="eval").body
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            kwargs = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
            if "None" not in kwargs:  # `**{…}` is parsed as a keyword argument without a name
                return [ast.literal_eval(argument) for argument in call.args], kwargs
    raise ValueError(f"invalid arguments ({arguments}): give numbers separated by commas, such as 2, -1")


def _grid(tensor: Tensor, offsets: tuple[int, ...]) -> ElementGrid:
    shape = tuple(tensor.shape)
    return ElementGrid(shape=shape, strides=tuple(tensor.stride()), shown=_shown(shape), offsets=offsets)


def _shown(shape: Size) -> Size:
    """Return the number of indices that the grid shows along each axis.

    The limit for a vector is the number of elements in a block of maximum size.
    """
    if len(shape) == 1:
        return (min(shape[0], MAX_ROWS * MAX_COLUMNS),)
    leading = MAX_LEADING
    shown = []
    for size in shape[:-2]:
        shown.append(min(size, max(leading, 1)))
        leading //= max(shown[-1], 1)
    return (*shown, *(min(size, limit) for size, limit in zip(shape[-2:], (MAX_ROWS, MAX_COLUMNS), strict=False)))


def _offsets(shape: Size, strides: Size) -> tuple[int, ...]:
    """Return the memory offsets of the elements shown in the grid."""
    return tuple(_dot(index, strides) for index in product(*map(range, _shown(shape))))


def _copied_offsets(shape: Size, source: Tensor) -> tuple[int, ...]:
    """For a reshape that makes a copy, find the elements that the grid shows and return their memory offsets in
    `source`.

    The copy has shape `shape` and contains the elements of `source` in row-major order.
    """
    offsets = []
    for index in product(*map(range, _shown(shape))):
        position = 0
        for axis_index, size in zip(index, shape, strict=True):
            position = position * size + axis_index
        offsets.append(_dot(_unravel(position, source.shape), source.stride()))
    return tuple(offsets)


def _dot(index: Size, strides: Size) -> int:
    return sum(axis_index * stride for axis_index, stride in zip(index, strides, strict=True))


def _unravel(position: int, shape: Size) -> Size:
    """Return the index of an element from its position in row-major order."""
    index = []
    for size in reversed(shape):
        position, axis_index = divmod(position, size)
        index.append(axis_index)
    return tuple(reversed(index))


def _first_line(error: Exception) -> str:
    """Return the first line of torch's message. The other lines describe torch's own code."""
    first = str(error).strip().split("\n")[0]
    return first or type(error).__name__
