"""What is reshaped: a tensor of the person's, or one that is made up for it; and arguments to begin with."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.reshaping import Operation
from fashion_tui.schema.tensors import Size, TensorRow

MADE_UP = "2x3"
"""Where there is no tensor yet."""
_SHAPE = re.compile(r"\d+(?:[x×]\d+)*(\.T)?")
_MOST = 10**12
"""Elements of one that is made up."""


@dataclass(frozen=True, slots=True)
class Source:
    code: str
    """The expression that gives it."""
    shape: Size
    strides: Size
    """In elements."""


def source_of(text: str, rows: Iterable[TensorRow]) -> Source:
    """A tensor by its name, or one of a shape: `2x3x4`, `2x3.T`. UserError where the text is neither."""
    text = text.strip()
    row = next((row for row in rows if row.name == text), None)
    if row is not None:
        return _of_row(row)
    if (found := _SHAPE.fullmatch(text)) is None:
        named = f"no tensor has the name {text}" if text else "which tensor?"
        raise UserError(f"{named}: write a name, or a shape such as 2x3x4 or 2x3.T")
    return _made_up(tuple(map(int, re.findall(r"\d+", text))), turned=bool(found[1]))


def _of_row(row: TensorRow) -> Source:
    if row.kind == "array":
        raise UserError(f"{row.name} is a NumPy array: torch.from_numpy({row.name}) is a tensor of the same memory")
    if not row.has_shape or len(row.strides) != len(row.shape):
        raise UserError(f"{row.name} has no strides: it isn't laid out as a grid in memory")
    return Source(row.name, row.shape, row.strides)


def _made_up(shape: Size, *, turned: bool) -> Source:
    if (count := math.prod(shape)) > _MOST:
        raise UserError(f"{count:,} elements are more than any memory holds")
    strides = tuple(math.prod(max(size, 1) for size in shape[axis + 1 :]) for axis in range(len(shape)))
    code = f"torch.arange({count})" + (f".reshape{shape}" if len(shape) > 1 else "")
    if not turned:
        return Source(code, shape, strides)
    if len(shape) != 2:
        raise UserError(f".T turns a matrix, such as 2x3; here are {len(shape)} axes")
    return Source(f"{code}.T", shape[::-1], strides[::-1])


def first_arguments(operation: Operation, shape: Size) -> str:
    """With which the operation shows something of itself."""
    axes = len(shape)
    match operation:
        case "reshape":
            return _other_shape(shape)
        case "view":
            return "-1"
        case "squeeze" | "flatten":
            return ""
        case "unsqueeze":
            return "0"
        case "permute":
            return ", ".join(map(str, reversed(range(axes)))) or "()"
        case "transpose":
            return "0, 1" if axes > 1 else "0, 0"


def _other_shape(shape: Size) -> str:
    """The sizes from the end to the start; of a vector a few rows."""
    if shape != shape[::-1]:
        return ", ".join(map(str, reversed(shape)))
    if len(shape) != 1:
        return "-1"
    rows = next((rows for rows in (2, 3, 5, 7) if shape[0] % rows == 0), 1)
    return f"{rows}, -1"
