"""Explain the failure of view, reshape, permute, repeat and expand."""

import ast
import math
from collections.abc import Sequence

from fashion_tui.schema.shapes import Fix

from .changes import at_failure, rename_method
from .failure import Explanation, Failure
from .products import rewrite_product
from .source import Source


def _requested(failure: Failure) -> list[int]:
    """Return the sizes or axes that the call asks for, whether they are given one by one or as a tuple."""
    values = failure.arguments.args[1:] or failure.call.arguments
    return [size for part in values for size in (part if isinstance(part, tuple | list) else (part,))]


def explain_view(failure: Failure) -> Explanation | None:
    """Explain the failure of a view or reshape: `x.view(-1, 980)` fails if a sample doesn't have 980 values."""
    requested = _requested(failure)
    if not requested or not all(isinstance(size, int) for size in requested) or not failure.row.inputs:
        return None
    if requested.count(-1) > 1:
        return Explanation(f"{failure.name} can compute only one size, but {requested.count(-1)} of {requested} are -1")
    if len(requested) < 2 or not failure.has_batch_axis:
        return _explain_memory_order(failure, requested) or _explain_total(failure, requested)
    return _explain_memory_order(failure, requested) or _explain_sizes(failure, requested)


def _explain_total(failure: Failure, requested: list[int]) -> Explanation | None:
    """Explain that a tensor without a batch axis doesn't have as many values as the requested shape."""
    values, wanted = math.prod(failure.input), math.prod(size for size in requested if size != -1)
    if failure.has_batch_axis or not wanted or (values % wanted == 0 if -1 in requested else values == wanted):
        return None
    return Explanation(f"{failure.name} arranges {wanted} values as {requested}, got {values}: {failure.origin()}")


def _explain_memory_order(failure: Failure, requested: list[int]) -> Explanation | None:
    """Explain that view can't be used after permute or transpose."""
    tensor = next(iter(failure.tensors), None)
    if tensor is None or tensor.operand.is_contiguous or failure.row.name != "view":
        return None
    total, known = math.prod(tensor.shape), math.prod(size for size in requested if size != -1)
    if known < 1 or (total % known if -1 in requested else total != known):
        return None
    return Explanation(
        f"view can't change the shape of {tensor.text}, because its values are not in this order in memory: permute "
        "and transpose change the order of the axes, but not the memory; use reshape",
        (rename_method("reshape"),),
    )


def _explain_sizes(failure: Failure, requested: list[int]) -> Explanation | None:
    values, expected, first = math.prod(failure.input), math.prod(requested[1:]), requested[0]
    if min(requested[1:]) < 1:  # such as view(32, -1)
        rest = math.prod(size for size in requested[1:] if size != -1)
        if rest and values % rest:
            text = f"{failure.name} can't arrange the {values} values of a sample in rows of {rest}"
            return Explanation(f"{text}: {failure.origin()}")
        return _fixed_batch(failure, first) if first > 0 and rest and not _is_batch(failure, first) else None
    if values == expected:
        return _fixed_batch(failure, first)
    text = f"{failure.name} expects {expected} values per sample, got {values}: {failure.origin()}"
    hint = f"check the {'pooling and the ' if failure.pools_before() else ''}sizes before it"
    if len(requested) > 2:
        return Explanation(f"{text}; {hint}")
    resize = at_failure(lambda source, call: _replace_product(source, call, expected, values))
    return Explanation(f"{text}; write {failure.name}(-1, {values}), or {hint}", (resize,))


def _is_batch(failure: Failure, size: int) -> bool:
    """Return whether a size is the batch size of the recording."""
    return size == failure.batches.first and failure.batches.first not in {None, 1}


def _fixed_batch(failure: Failure, size: int) -> Explanation:
    text = f"{failure.name} fixes the batch size at {size}; use -1 or x.size(0) for the batch axis"
    changes = (
        at_failure(lambda source, call: _replace_size(source, call, 0, "-1")),
        at_failure(lambda source, call: _replace_size(source, call, 0, f"{_object(source, call)}.size(0)")),
    )
    return Explanation(text, changes)


def _sizes(call: ast.Call) -> Sequence[ast.expr]:
    """Return the nodes of the sizes in `x.view(…)`, `x.view((…))` or `torch.reshape(x, (…))`."""
    for argument in call.args:
        if isinstance(argument, ast.Tuple | ast.List):
            return argument.elts
    return call.args


def _object(source: Source, call: ast.Call) -> str:
    """Return the expression of the tensor that the method is called on."""
    text = source.text(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    return source.text(call.args[0]) if text in {"torch", "F"} and call.args else text


def _replace_size(source: Source, call: ast.Call, index: int, text: str) -> Sequence[Fix]:
    sizes = _sizes(call)
    return source.edit(source.replace(sizes[index], text)) if index < len(sizes) else []


def _replace_product(source: Source, call: ast.Call, old: int, new: int) -> Sequence[Fix]:
    """Replace the second size, whose value is `old`. If it is a product, change only one of its numbers if possible."""
    sizes = _sizes(call)
    product = rewrite_product(source, sizes[1], old, new) if len(sizes) > 1 else None
    return _replace_size(source, call, 1, product or str(new))


def explain_permute(failure: Failure) -> Explanation | None:
    """Explain that permute doesn't list as many axes as its input has."""
    axes, tensors = _requested(failure), failure.tensors
    if not tensors or len(axes) == len(tensors[0].shape) or not all(isinstance(axis, int) for axis in axes):
        return None
    shape = tensors[0]
    text = f"permute lists {len(axes)} axes, but its input {shape.text} has {len(shape.shape)}"
    if len(axes) + 1 != len(shape.shape) or not shape.has_batch_axis:
        return Explanation(text)
    order = ", ".join(map(str, [0, *(axis + 1 if axis >= 0 else axis for axis in axes)]))
    change = at_failure(lambda source, call: _replace_sizes(source, call, order))
    return Explanation(f"{text}: axis 0 is the batch axis; write permute({order})", (change,))


def _replace_sizes(source: Source, call: ast.Call, text: str) -> Sequence[Fix]:
    sizes = _sizes(call)
    if not sizes or sizes[0].lineno != sizes[-1].end_lineno or sizes[-1].end_col_offset is None:
        return []
    return source.edit((sizes[0].lineno, sizes[0].col_offset, sizes[-1].end_col_offset, text))


def explain_repeat(failure: Failure) -> Explanation | None:
    """Explain that repeat gets fewer numbers than its input has axes."""
    counts, tensors = _requested(failure), failure.tensors
    if not tensors or len(counts) >= len(tensors[0].shape) or not all(isinstance(count, int) for count in counts):
        return None
    text = f"repeat gets {len(counts)} numbers, but its input {tensors[0].text} has {len(tensors[0].shape)} axes"
    more = ", ".join(map(str, [1] * (len(tensors[0].shape) - len(counts)) + counts))
    change = at_failure(lambda source, call: _replace_sizes(source, call, more))
    return Explanation(f"{text}; write repeat({more})", (change,))


def explain_expand(failure: Failure) -> Explanation | None:
    """Explain that expand can't change the size of an axis whose size isn't 1."""
    sizes, tensors = _requested(failure), failure.tensors
    if not tensors or not all(isinstance(size, int) for size in sizes):
        return None
    tensor = tensors[0]
    if len(sizes) < len(tensor.shape):
        return Explanation(f"expand gets {len(sizes)} sizes, but its input {tensor.text} has {len(tensor.shape)} axes")
    offset = len(sizes) - len(tensor.shape)
    for axis, size in enumerate(tensor.shape):
        wanted = sizes[axis + offset]
        if size not in {1, wanted} and wanted != -1:
            label = "N" if _is_batch(failure, wanted) else str(wanted)
            text = f"expand can only repeat axes of size 1: axis {axis} of {tensor.text} has size {tensor.size(axis)}"
            return Explanation(f"{text}, but {label} was requested")
    return None
