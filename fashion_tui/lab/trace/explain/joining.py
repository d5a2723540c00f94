"""Explain the failure of cat and stack."""

import ast
from collections.abc import Sequence
from typing import Any

from fashion_tui.schema.shapes import Fix

from .arithmetic import is_upsampled, listed
from .changes import at_failure
from .failure import Change, Explanation, Failure, TensorArgument
from .source import Source


def explain_joining(failure: Failure) -> Explanation | None:
    """Explain that tensors can't be joined because their shapes differ."""
    tensors, name = failure.tensors, failure.row.name
    if len(tensors) < 2:
        return None
    shapes, where = listed(tensors), failure.producers()
    if name == "stack":
        text = f"stack can't join {shapes}{where}: all shapes must be equal"
        dim = failure.arguments.get(1, "dim", 0)
        axis = _only_different_axis(tensors)
        if axis is None or not isinstance(dim, int):
            return Explanation(text)
        return Explanation(f"{text}; to join them along axis {axis}, use torch.cat(…, {axis})", (_use_cat(axis),))
    text = f"{name} can't join {shapes}{where}: sizes must match on all axes except the joined axis"
    if len({len(tensor.shape) for tensor in tensors}) > 1:
        text = f"{name} can't join {shapes}{where}: they must have the same number of axes"
        return Explanation(text, _flatten_larger(tensors))
    return _explain_token(text, tensors) or _explain_images(failure, text, tensors) or _explain_axis(text, tensors)


def _explain_token(text: str, tensors: list[TensorArgument]) -> Explanation | None:
    """Explain a parameter with a batch axis of 1, such as a class token, that isn't expanded to the batch."""
    if not any(tensor.has_batch_axis for tensor in tensors):
        return None
    for index, tensor in enumerate(tensors):
        if tensor.has_batch_axis or tensor.shape[0] != 1:
            continue
        name = f"`{tensor.operand.name}`" if tensor.operand.name else f"tensor {index + 1}"
        rest = ", ".join(["-1"] * (len(tensor.shape) - 1))
        data = next(position for position, other in enumerate(tensors) if other.has_batch_axis)
        text += f"; {name} has one row for the whole batch: expand it with expand(x.size(0), {rest})"
        return Explanation(text, (_expand(index, data, rest),))
    return None


def _items(call: ast.Call) -> Sequence[ast.expr]:
    first: Any = call.args[0] if call.args else None
    return first.elts if isinstance(first, ast.List | ast.Tuple) else ()


def _expand(index: int, data: int, rest: str) -> Change:
    def edit(source: Source, call: ast.Call) -> Sequence[Fix]:
        items = _items(call)
        if max(index, data) >= len(items):
            return []
        return source.wrap(items[index], f"{{}}.expand({source.text(items[data])}.size(0), {rest})")

    return at_failure(edit)


def _explain_images(failure: Failure, text: str, tensors: list[TensorArgument]) -> Explanation | None:
    """Explain feature maps of different heights or widths, as in a U-Net."""
    axes = len(tensors[0].shape)
    if axes < 4 or failure.arguments.get(1, "dim", 0) != 1 or len(tensors) != 2:
        return None
    if tensors[0].sample[1:] == tensors[1].sample[1:]:
        return None
    text += "; make their heights and widths equal first, with padding or F.interpolate(…, size=…)"
    first, second = (0, 1) if is_upsampled(failure, 0) else (1, 0)
    return Explanation(text, (_interpolate(first, second),))


def _interpolate(index: int, other: int) -> Change:
    def edit(source: Source, call: ast.Call) -> Sequence[Fix]:
        items = _items(call)
        if len(items) != 2 or not isinstance(items[other], ast.Name):
            return []
        module = "F" if "functional as F" in "".join(source.lines) else "nn.functional"
        return source.wrap(items[index], f"{module}.interpolate({{}}, size={source.text(items[other])}.shape[2:])")

    return at_failure(edit)


def _explain_axis(text: str, tensors: list[TensorArgument]) -> Explanation:
    axis = _only_different_axis(tensors)
    if axis is None:
        return Explanation(text)
    text += f"; only axis {axis} differs: join along it with dim={axis}"
    return Explanation(text, (at_failure(lambda source, call: _set_dim(source, call, axis)),))


def _set_dim(source: Source, call: ast.Call, axis: int) -> Sequence[Fix]:
    name = "axis" if any(keyword.arg == "axis" for keyword in call.keywords) else "dim"
    return source.edit(source.set_argument(call, 1, name, axis))


def _only_different_axis(tensors: list[TensorArgument]) -> int | None:
    """Return the only axis on which the shapes differ, or None if there isn't exactly one."""
    if len({len(tensor.shape) for tensor in tensors}) != 1:
        return None
    different = [
        axis for axis, sizes in enumerate(zip(*(tensor.shape for tensor in tensors), strict=True)) if len({*sizes}) > 1
    ]
    return different[0] if len(different) == 1 else None


def _use_cat(axis: int) -> Change:
    def edit(source: Source, call: ast.Call) -> Sequence[Fix]:
        if not isinstance(call.func, ast.Attribute):
            return []
        name = "axis" if any(keyword.arg == "axis" for keyword in call.keywords) else "dim"
        return source.edit(source.rename_attribute(call.func, "cat"), source.set_argument(call, 1, name, axis))

    return at_failure(edit)


def _flatten_larger(tensors: list[TensorArgument]) -> tuple[Change, ...]:
    """Flatten the only tensor that has more than two axes. Return no change if there are several."""
    larger = [index for index, tensor in enumerate(tensors) if len(tensor.shape) > 2]
    if len(larger) != 1 or any(len(tensor.shape) < 2 for tensor in tensors):
        return ()
    index = larger[0]

    def edit(source: Source, call: ast.Call) -> Sequence[Fix]:
        items = _items(call)
        return source.wrap(items[index], "{}.flatten(1)") if index < len(items) else []

    return (at_failure(edit),)
