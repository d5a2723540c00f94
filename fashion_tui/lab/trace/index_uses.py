"""How torch functions use their arguments: as indices, as masks, as numbers, or in a way that allows any dtype."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .functions import function_name

NEUTRAL = frozenset(
    {
        "eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "isin", "any", "all", "logical_not",
        "logical_and", "logical_or", "logical_xor", "nonzero", "argwhere", "argsort", "argmax", "argmin", "bool",
        "float", "double", "half", "bfloat16", "rand_like", "randn_like", "grad",
    }
)  # fmt: skip
"""Functions that accept any dtype, and whose result isn't an index made of the argument's values."""

VIEWS = frozenset(
    {
        "getitem", "view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "transpose", "permute", "T", "mT",
        "t", "movedim", "moveaxis", "swapaxes", "swapdims", "expand", "expand_as", "repeat", "repeat_interleave",
        "tile", "chunk", "split", "tensor_split", "hsplit", "vsplit", "unbind", "narrow", "select", "flip", "fliplr",
        "roll", "rot90", "clone", "contiguous", "detach", "data", "to", "long", "int", "type", "type_as", "cpu", "cuda",
        "view_as", "reshape_as", "unfold", "as_strided", "broadcast_to", "broadcast_tensors", "atleast_1d",
        "atleast_2d", "meshgrid", "ravel", "requires_grad_", "alias", "index_select", "gather", "take_along_dim",
        "cat", "concat", "concatenate", "stack", "hstack", "vstack", "column_stack", "masked_select", "lift_fresh",
        "swapaxes_", "squeeze_", "unsqueeze_", "t_", "transpose_", "align_to", "rename", "positive", "pos",
    }
)  # fmt: skip
"""Functions whose result consists of values of their argument."""

SHIFTS = frozenset({"add", "add_", "iadd", "radd", "sub", "sub_", "isub"})
"""Functions that add a constant to the values, unless they have a factor."""

FIRST_OUTPUT_ONLY = frozenset({"sort", "topk", "max", "min", "unique", "cummax", "cummin"})
"""Functions whose second output consists of positions instead of values."""

INTEGER_ARITHMETIC = frozenset(
    {
        *SHIFTS, "rsub", "mul", "mul_", "imul", "rmul", "neg", "neg_", "floordiv", "floor_divide", "remainder", "mod",
        "fmod", "round", "floor", "ceil", "trunc", "abs", "clamp", "clamp_", "clip", "clamp_min", "clamp_max",
        "minimum", "maximum", "max", "min", "amax", "amin", "sort", "topk", "unique", "cumsum", "sum", "tril", "triu",
        "diff", "pad", "where", "masked_fill", "masked_fill_", "zeros_like", "ones_like", "full_like", "empty_like",
        "new_zeros", "new_ones", "new_full", "new_empty",
        "setitem", "fill_", "copy_", "scatter", "scatter_", "index_fill", "index_add", "square",
    }
)  # fmt: skip
"""Functions that compute an index from an index. The result may be any function of the argument."""

_MASKS = {"masked_fill": 1, "masked_fill_": 1, "masked_select": 1, "where": 0, "invert": 0, "bitwise_not": 0}
"""Position of the argument that has to be boolean."""


@dataclass(frozen=True, slots=True)
class IndexUse:
    """A use of a tensor as indices from `low` to `high - 1`. `high` is None if every integer is valid."""

    indices: Tensor
    low: int
    high: int | None


def index_uses(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[IndexUse]:
    """Yield the arguments that the function uses as indices."""
    find = _FINDERS.get(function_name(func))
    return find(func, args, kwargs) if find is not None else iter(())


def mask_of(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """Return the argument that has to be boolean, or None if the function has no such argument."""
    name = function_name(func)
    if name not in _MASKS:
        return None
    mask = _argument(args, kwargs, _MASKS[name], "mask", "condition", "input")
    return mask if isinstance(mask, Tensor) else None


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, *names: str) -> Any:
    if position < len(args):
        return args[position]
    return next((kwargs[name] for name in names if name in kwargs), None)


def _uses(value: Any, size: int | None, *, low: int = 0) -> Iterator[IndexUse]:
    if isinstance(value, Tensor) and value.dtype != torch.bool:
        yield IndexUse(value, low, size)


def _in_embedding(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[IndexUse]:
    first, second = _argument(args, kwargs, 0, "input"), _argument(args, kwargs, 1, "weight")
    is_functional = func in {F.embedding, F.embedding_bag}
    indices, table = (first, second) if is_functional else (second, first)  # torch.embedding(weight, indices)
    yield from _uses(indices, table.shape[0])
    if function_name(func) == "embedding_bag":
        yield from _uses(_argument(args, kwargs, 2, "offsets"), 1)  # every bag begins at index 0


def _in_one_hot(_func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[IndexUse]:
    classes = _argument(args, kwargs, 1, "num_classes")
    yield from _uses(_argument(args, kwargs, 0, "tensor", "input"), classes if classes and classes > 0 else None)


def _along_dimension(_func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[IndexUse]:
    table, dim = _argument(args, kwargs, 0, "input"), _argument(args, kwargs, 1, "dim")
    yield from _uses(_argument(args, kwargs, 2, "index"), table.shape[dim] if table.dim() else None)


def _in_take(_func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[IndexUse]:
    table, dim = _argument(args, kwargs, 0, "input"), _argument(args, kwargs, 2, "dim")
    indices = _argument(args, kwargs, 1, "index", "indices")
    yield from _uses(indices, table.numel() if dim is None else table.shape[dim])


def _in_subscript(_func: Any, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Iterator[IndexUse]:
    table, index = args[:2]
    parts = index if isinstance(index, tuple) else (index,)
    axes = sum(_axes_of(part) for part in parts)
    axis = 0
    for part in parts:
        if isinstance(part, Tensor):
            yield from _uses(part, table.shape[axis] if axis < table.dim() else None)
        axis += table.dim() - axes if part is Ellipsis else _axes_of(part)


def _axes_of(part: Any) -> int:
    """Return the number of axes that one part of a subscript stands for."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.dim() if isinstance(part, Tensor) and part.dtype == torch.bool else 1


def _in_loss(_func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[IndexUse]:
    scores, target = _argument(args, kwargs, 0, "input"), _argument(args, kwargs, 1, "target")
    if target.shape != scores.shape:  # otherwise the target consists of probabilities
        yield from _uses(target, scores.shape[1 if scores.dim() > 1 else 0])


def _in_packing(_func: Any, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Iterator[IndexUse]:
    sequence, lengths, batch_first = args
    longest = sequence.shape[1 if batch_first else 0]
    yield from _uses(lengths, longest + 1, low=longest)  # different lengths would have to be sorted


def _in_bit_operation(_func: Any, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Iterator[IndexUse]:
    for argument in args:
        yield from _uses(argument, None)


_FINDERS: dict[str, Callable[[Any, tuple[Any, ...], dict[str, Any]], Iterator[IndexUse]]] = {
    **dict.fromkeys(("embedding", "embedding_bag"), _in_embedding),
    "one_hot": _in_one_hot,
    **dict.fromkeys(
        (
            "gather", "scatter", "scatter_", "scatter_add", "scatter_add_", "scatter_reduce", "scatter_reduce_",
            "index_select", "index_add", "index_add_", "index_copy", "index_copy_", "index_fill", "index_fill_",
        ),
        _along_dimension,
    ),
    **dict.fromkeys(("take", "take_along_dim"), _in_take),
    **dict.fromkeys(("getitem", "setitem"), _in_subscript),
    **dict.fromkeys(("cross_entropy", "cross_entropy_loss", "nll_loss", "multi_margin_loss"), _in_loss),
    "_pack_padded_sequence": _in_packing,
    **dict.fromkeys(
        (
            "and", "or", "xor", "iand", "ior", "ixor", "rand", "ror", "rxor", "lshift", "rshift", "bitwise_and",
            "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift", "bincount", "gcd", "lcm",
        ),
        _in_bit_operation,
    ),
}  # fmt: skip
"""Finds the indices in the arguments of a function, keyed by the function's name."""
