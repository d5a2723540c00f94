"""Explain failures that an earlier call caused by joining the samples of a batch or removing the batch axis."""

import ast
from collections.abc import Sequence
from typing import Any

from torch import nn

from fashion_tui.lab.trace.calls import Call
from fashion_tui.schema.shapes import Fix

from .changes import at_calls, replace_layer
from .failure import Change, Explanation, Failure, display_name
from .source import Source

_FLATTENING = frozenset({"flatten", "Flatten", "ravel"})
_REDUCING = frozenset({"mean", "sum", "amax", "amin", "max", "min", "norm", "prod", "logsumexp"})


def explain_lost_batch_axis(failure: Failure) -> Explanation | None:
    """Return an explanation if an earlier call removed the batch axis from the failed call's input."""
    tensor = next(iter(failure.activations), None)
    if tensor is None or tensor.has_batch_axis or tensor.operand.source is None:
        return None
    found = _losing_call(failure, tensor.operand.source)
    if found is None:
        return None
    call, other, index = found
    before = failure.batches.format_shape(call.inputs[0], other.inputs[0] if other else None)
    after = failure.batches.format_shape(call.outputs[0], other.outputs[0] if other else None)
    row = failure.rows[index]
    label = display_name(row, row.path if row.is_module else row.name)
    wanted = _expected(failure)
    text, changes = _describe(call, label, f"{before} becomes {after}", row.path)
    return Explanation(f"{text}{f', but {failure.name} {wanted}' if wanted else ''}{_advice(call)}", changes)


def _losing_call(failure: Failure, source: int | None) -> tuple[Call, Call | None, int] | None:
    """Return the call that removed the batch axis, the same call in the second recording, and its index.

    Return None if no such call is found.
    """
    while source is not None and source >= 0:
        call, other = failure.calls[source], failure.others[source]
        if not call.inputs or not call.outputs:
            return None
        outputs = other.outputs[0] if other is not None and other.outputs else None
        inputs = other.inputs[0] if other is not None and other.inputs else None
        if failure.batches.has_batch_axis(call.inputs[0], inputs):
            lost = not failure.batches.has_batch_axis(call.outputs[0], outputs)
            return (call, other, source) if lost else None
        source = call.sources[0]
    return None


def _expected(failure: Failure) -> str:
    layer: Any = failure.call.target
    for attribute, unit in (("in_features", "features"), ("in_channels", "channels"), ("num_features", "channels")):
        if isinstance(layer, nn.Module) and hasattr(layer, attribute):
            return f"expects {getattr(layer, attribute)} {unit} per sample"
    return ""


def _describe(call: Call, label: str, change: str, path: str) -> tuple[str, tuple[Change, ...]]:
    if call.name in _FLATTENING or call.op == "Flatten":
        changes = (
            replace_layer(path, "nn.Flatten()"),
            at_calls("flatten", lambda source, node: source.edit(_set_start(source, node))),
        )
        return f"{label} joins the batch axis with the others: {change}", changes
    if call.name in {"view", "reshape"}:
        return f"{label} joins the batch axis with the others: {change}", (at_calls(call.name, _keep_batch),)
    if call.name == "getitem":
        return f"the index selects one sample, which removes the batch axis: {change}", (_change_index(call),)
    if call.name in _REDUCING:
        return f"{label} also reduces the batch axis: {change}", (at_calls(call.name, _reduce_others(call)),)
    if call.name == "squeeze":
        return f"{label} removes the batch axis: {change}", ()
    return f"{label} drops the batch axis: {change}", ()


def _advice(call: Call) -> str:
    if call.name in _FLATTENING or call.op == "Flatten":
        return "; write flatten(1)" if not call.is_module else "; write nn.Flatten()"
    if call.name in {"view", "reshape"}:
        return f"; write {call.name}(x.size(0), -1)"
    if call.name == "getitem":
        return "; write [:, …] to index the axis after the batch axis, or leave out the index"
    if call.name in _REDUCING:
        return "; pass the axes to reduce as dim=…"
    return ""


def _set_start(source: Source, call: ast.Call) -> Any:
    is_function = isinstance(call.func, ast.Attribute) and source.text(call.func.value) == "torch"
    position = 1 if is_function or isinstance(call.func, ast.Name) else 0
    given = source.argument(call, position, "start_dim")
    if given is not None:
        return source.replace(given, "1")
    if not is_function and not call.args and not call.keywords and call.end_lineno and call.end_col_offset:
        return call.end_lineno, call.end_col_offset - 1, call.end_col_offset - 1, "1"
    return source.insert_argument(call, "1")


def _keep_batch(source: Source, call: ast.Call) -> Sequence[Fix]:
    if not isinstance(call.func, ast.Attribute) or not call.args:
        return []
    owner = source.text(call.func.value)
    first, last = call.args[0], call.args[-1]
    if first.lineno != last.end_lineno or last.end_col_offset is None:
        return []
    return source.edit((first.lineno, first.col_offset, last.end_col_offset, f"{owner}.size(0), -1"))


def _change_index(call: Call) -> Change:
    """Index the axis after the batch, or remove the index."""

    def change(source: Source) -> Sequence[Fix]:
        fixes: list[Fix] = []
        nodes = [
            node
            for node in source.nodes(kind=ast.Subscript)
            if isinstance(node.slice, ast.Constant | ast.UnaryOp) and f"[{source.text(node.slice)}]" == call.settings
        ]
        for node in nodes:
            fixes += source.edit(source.replace(node.slice, f":, {source.text(node.slice)}"))
            fixes += source.edit(source.replace(node, source.text(node.value)))
        for assignment in source.nodes(kind=ast.Assign):
            target, value = assignment.targets[0], assignment.value
            if value in nodes and source.text(target) == source.text(value.value):  # x = x[0]
                fixes = [*source.wrap(assignment, "# {}"), *fixes]
        return fixes

    return change


def _reduce_others(call: Call) -> Any:
    axes = len(call.inputs[0])

    def edit(source: Source, node: ast.Call) -> Sequence[Fix]:
        is_function = isinstance(node.func, ast.Attribute) and source.text(node.func.value) == "torch"
        position = 1 if is_function else 0
        values = ["1"] if axes == 2 else [f"({', '.join(map(str, range(2, axes)))}{',' if axes == 3 else ''})", "1"]
        return [fix for value in values for fix in source.edit(source.set_argument(node, position, "dim", value))]

    return edit
