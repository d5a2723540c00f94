"""Explain the failure of a torch function or operator from the shapes of its arguments."""

import ast
import math
import re
from collections.abc import Sequence
from typing import Any

from fashion_tui.lab.trace.operands import Operand
from fashion_tui.schema.shapes import Fix

from .arithmetic import explain_addition, explain_product
from .changes import replace_number
from .failure import Change, Explanation, Failure
from .functional import (
    explain_batch_norm,
    explain_embedding,
    explain_group_norm,
    explain_instance_norm,
    explain_layer_norm,
    explain_linear,
    explain_spatial,
)
from .joining import explain_joining
from .layers import describe_axes
from .reshaping import explain_expand, explain_permute, explain_repeat, explain_view
from .source import Source
from .windows import explain_window

_DIMENSION = re.compile(r"Dimension out of range \(expected to be in range of \[(-?\d+), (-?\d+)\], but got (-?\d+)\)")


def explain_function(failure: Failure) -> Explanation | None:
    """Return an explanation, or None if the arguments don't explain the failure."""
    name, op = failure.row.name, failure.row.op
    if not failure.row.inputs and not failure.tensors:
        return None
    if (explained := _explain_dimension(failure)) is not None:
        return explained
    if name in _BY_NAME:
        found: Explanation | None = _BY_NAME[name](failure)
        return found
    if "pool" in op.lower() or name.startswith("conv"):
        return explain_spatial(failure) or explain_window(failure)
    if not op[0].isalpha() and "[" not in op:
        return explain_addition(failure)
    return explain_addition(failure) if name in _BROADCASTING or name.endswith("_loss") else None


_BROADCASTING = frozenset({"masked_fill", "masked_fill_", "where", "maximum", "minimum", "lerp", "addcmul"})


def _explain_dimension(failure: Failure) -> Explanation | None:
    """Explain that an axis doesn't exist, such as `dim=2` for an input with two axes."""
    match = _DIMENSION.search(str(failure.error or ""))
    tensors = failure.tensors
    if match is None or not tensors:
        return None
    lowest, highest, dim = map(int, match.groups())
    axes = highest + 1
    tensor = next((tensor for tensor in tensors if len(tensor.shape) == axes), tensors[0])
    counted = {1: "has only axis 0", 2: "has only axes 0 and 1"}.get(axes, f"has only axes 0 to {highest}")
    text = f"{failure.name} uses axis {dim}, but its input {tensor.text} {counted}"
    if failure.row.name in {"transpose", "swapaxes", "swapdims"}:
        return Explanation(text)
    changes = [replace_number(dim, new) for new in (highest if dim > 0 else lowest, 1) if new != dim]
    return Explanation(text, tuple(changes))


def _explain_index(failure: Failure) -> Explanation | None:
    tensors, args = failure.tensors, failure.arguments.args
    index = args[1] if len(args) > 1 else None
    parts = index if isinstance(index, tuple) else (index,)
    if not tensors:
        return None
    tensor = tensors[0]
    used = [part for part in parts if part is not None and part is not Ellipsis]
    if len(used) > len(tensor.shape):
        text = f"{failure.row.settings or 'the index'} uses {len(used)} axes, but the tensor {tensor.text} has "
        return Explanation(text + f"{len(tensor.shape)}")
    for axis, part in enumerate(parts):
        if not isinstance(part, int) or isinstance(part, bool) or axis >= len(tensor.shape):
            continue
        size = tensor.shape[axis]
        if -size <= part < size:
            continue
        if tensor.size(axis) == "N":
            text = f"index {part} selects a single sample: the first axis of {tensor.text} is the batch axis"
            return Explanation(f"{text}; write [:, {part}] for the next axis", (_index_next_axis(part),))
        text = f"index {part} is out of range: axis {axis} of {tensor.text} has {tensor.size(axis)} entries"
        return Explanation(f"{text} (0 to {size - 1})")
    for axis, part in enumerate(parts):
        if isinstance(part, Operand) and part.limits is not None and axis < len(tensor.shape):
            size = tensor.shape[axis]
            if part.limits[1] >= size or part.limits[0] < -size:
                wrong = part.limits[1] if part.limits[1] >= size else part.limits[0]
                text = f"index {wrong} is out of range: axis {axis} of {tensor.text} has {tensor.size(axis)}"
                return Explanation(f"{text} entries")
    return None


def _index_next_axis(part: int) -> Change:
    def change(source: Source) -> Sequence[Fix]:
        node = source.node
        if not isinstance(node, ast.Subscript) or source.text(node.slice) != str(part):
            return []
        return source.edit(source.replace(node.slice, f":, {part}"))

    return change


def _explain_einsum(failure: Failure) -> Explanation | None:
    equation = failure.arguments.args[0] if failure.arguments.args else None
    if not isinstance(equation, str) or "." in equation:
        return None
    terms, tensors = equation.replace(" ", "").split("->")[0].split(","), failure.tensors
    sizes: dict[str, tuple[str, int]] = {}
    for number, (term, tensor) in enumerate(zip(terms, tensors, strict=False), 1):
        if len(term) != len(tensor.shape):
            text = f"einsum: {term!r} names {len(term)} axes, but input {number} has {len(tensor.shape)}"
            return Explanation(f"{text}: its shape is {tensor.text}")
        for axis, letter in enumerate(term):
            known = sizes.setdefault(letter, (tensor.size(axis), number))
            if known[0] != tensor.size(axis) and "1" not in {known[0], tensor.size(axis)}:
                text = f"einsum: axis {letter!r} has size {known[0]} in input {known[1]}, but {tensor.size(axis)} in "
                return Explanation(f"{text}input {number}; the shapes are {' and '.join(t.text for t in tensors)}")
    return None


def _explain_interpolate(failure: Failure) -> Explanation | None:
    mode, sample = failure.arguments.get(3, "mode", "nearest"), failure.input
    axes = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}.get(str(mode))
    size = failure.arguments.get(1, "size")
    if axes is not None and len(sample) != axes + 1:
        text = (
            f"{failure.name} with mode={mode!r} expects {describe_axes(failure, axes)}, got {failure.input_text}: "
            f"{failure.origin()}"
        )
        return Explanation(text)
    if isinstance(size, tuple) and len(size) != len(sample) - 1:
        text = f"{failure.name} gets {len(size)} output sizes, {list(size)}, but its input {failure.input_text} has "
        return Explanation(f"{text}{len(sample) - 1} spatial axes: {failure.origin()}")
    return None


def _explain_attention(failure: Failure) -> Explanation | None:
    tensors = failure.tensors[:3]
    if len(tensors) != 3:
        return None
    query, key, value = tensors
    if query.shape[-1] != key.shape[-1]:
        text = (
            f"{failure.name} needs queries and keys with the same number of features, got {query.text} and {key.text}"
        )
        return Explanation(text)
    if key.shape[-2] != value.shape[-2]:
        return Explanation(f"{failure.name} needs as many values as keys, got keys {key.text} and values {value.text}")
    return None


def _explain_unflatten(failure: Failure) -> Explanation | None:
    dim, sizes = failure.arguments.get(1, "dim"), failure.arguments.get(2, "sizes")
    tensors = failure.tensors
    if not isinstance(dim, int) or not isinstance(sizes, tuple) or not tensors or -1 in sizes:
        return None
    got = tensors[0].size(dim)
    text = f"{failure.name} arranges {math.prod(sizes)} values as {list(sizes)}, but axis {dim} of {tensors[0].text}"
    return Explanation(f"{text} has {got}")


def _explain_split(failure: Failure) -> Explanation | None:
    sizes, dim = failure.arguments.get(1, "split_size_or_sections"), failure.arguments.get(2, "dim", 0)
    tensors = failure.tensors
    if not isinstance(sizes, tuple) or not tensors or not isinstance(dim, int):
        return None
    text = f"{failure.name} gets the sizes {list(sizes)}, which add up to {sum(sizes)}"
    return Explanation(f"{text}, but axis {dim} of {tensors[0].text} has size {tensors[0].size(dim)}")


def _explain_topk(failure: Failure) -> Explanation | None:
    count, dim, tensors = failure.arguments.get(1, "k"), failure.arguments.get(2, "dim", -1), failure.tensors
    if not isinstance(count, int) or not isinstance(dim, int) or not tensors:
        return None
    size = tensors[0].size(dim)
    return Explanation(f"{failure.name} asks for {count} values, but axis {dim} of {tensors[0].text} has {size}")


_BY_NAME: dict[str, Any] = {
    "linear": explain_linear,
    "batch_norm": explain_batch_norm,
    "layer_norm": explain_layer_norm,
    "group_norm": explain_group_norm,
    "embedding": explain_embedding,
    "getitem": _explain_index,
    "setitem": _explain_index,
    "einsum": _explain_einsum,
    "interpolate": _explain_interpolate,
    "scaled_dot_product_attention": _explain_attention,
    "unflatten": _explain_unflatten,
    "split": _explain_split,
    "topk": _explain_topk,
    "view": explain_view,
    "reshape": explain_view,
    "permute": explain_permute,
    "expand": explain_expand,
    "repeat": explain_repeat,
    "instance_norm": explain_instance_norm,
    **dict.fromkeys(("matmul", "rmatmul", "bmm", "mm", "mv", "addmm", "baddbmm"), explain_product),
    **dict.fromkeys(("cat", "concat", "concatenate", "stack", "hstack", "vstack"), explain_joining),
}
