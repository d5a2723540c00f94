"""What a change of its shape does to a tensor: the new shape and strides, view or copy, and where each element goes.

torch itself does the operation, on its meta device, which has shapes and strides but no memory.
"""

import ast
import contextlib
import math
from itertools import product
from typing import Any

import torch
from torch import Tensor

from fashion_tui.schema.reshaping import ElementGrid, ReshapeResult, TryReshape
from fashion_tui.schema.tensors import Size

MOST_SHOWN = (6, 12, 24)
"""Elements of an axis that a grid shows: of all axes but the last two together, of the rows, of the columns."""


def try_reshape(wanted: TryReshape) -> ReshapeResult:
    """The operation with its arguments, which are literals only: nothing is evaluated."""
    tensor = torch.empty_strided(wanted.shape, wanted.strides, device="meta")
    before = _grid(tensor.shape, tensor.stride(), _places(tensor.shape, tensor.stride()))
    try:
        args, kwargs = read_arguments(wanted.arguments)
        changed = getattr(tensor, wanted.operation)(*args, **kwargs)
    except (RuntimeError, TypeError, ValueError, IndexError, OverflowError) as error:
        return ReshapeResult(before=before, after=None, is_copy=False, problem=_reason(error))
    is_view = changed is tensor or changed._is_view()  # noqa: SLF001 -- its only name
    after = _places(changed.shape, changed.stride() if is_view else None, tensor)
    return ReshapeResult(
        before=before, after=_grid(changed.shape, changed.stride(), after), is_copy=not is_view, problem=""
    )  # fmt: skip


def read_arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments; ValueError where the text is no list of numbers and tuples of numbers."""
    with contextlib.suppress(SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        call = ast.parse(f"f({text})", mode="eval").body
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
            if "None" not in named:  # as of `**{}`
                return [ast.literal_eval(argument) for argument in call.args], named
    raise ValueError(f"({text}): write numbers with commas between them, such as 2, -1")


def _shown(shape: Size) -> Size:
    """So much of each axis as a grid has room for; the first axes share what there is, a vector has all of it."""
    if len(shape) == 1:
        return (min(shape[0], math.prod(MOST_SHOWN[1:])),)
    leading = MOST_SHOWN[0]
    shown = []
    for axis, size in enumerate(shape):
        from_the_end = len(shape) - axis
        most = MOST_SHOWN[3 - from_the_end] if from_the_end <= 2 else leading
        shown.append(min(size, max(most, 1)))
        if from_the_end > 2:
            leading //= max(shown[-1], 1)
    return tuple(shown)


def _places(shape: Size, strides: Size | None, source: Tensor | None = None) -> tuple[int, ...]:
    """Where the shown elements lie; without strides they are a copy of `source`'s elements in their order."""
    places = []
    for index in product(*map(range, _shown(shape))):
        if strides is not None:
            places.append(_dot(index, strides))
        elif source is not None:
            count = 0
            for place, size in zip(index, shape, strict=True):
                count = count * size + place
            places.append(_dot(_unravelled(count, source.shape), source.stride()))
    return tuple(places)


def _grid(shape: Size, strides: Size, places: tuple[int, ...]) -> ElementGrid:
    return ElementGrid(shape=tuple(shape), strides=tuple(strides), shown=_shown(shape), offsets=places)


def _dot(index: Size, strides: Size) -> int:
    return sum(place * stride for place, stride in zip(index, strides, strict=True))


def _unravelled(count: int, shape: Size) -> Size:
    """The index of an element by its number in row-major order."""
    index = []
    for size in reversed(shape):
        count, place = divmod(count, size)
        index.append(place)
    return tuple(reversed(index))


def _reason(error: Exception) -> str:
    """What torch says, without the lines that are for its own developers."""
    first = str(error).strip().split("\n")[0]
    return first or type(error).__name__
