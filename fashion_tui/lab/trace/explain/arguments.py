"""Explain calls that get something other than a tensor: None, a tuple, or a layer that wasn't called."""

import ast
import re
from collections.abc import Sequence
from typing import Any

from torch import nn

from fashion_tui.lab.trace.operands import Operand, find_operands
from fashion_tui.schema.shapes import Fix

from .changes import change_input
from .failure import Change, Explanation, Failure, display_name
from .source import Source

_PAIRS = {
    "LSTM": "the output and a tuple of two states",
    "GRU": "the output and the hidden state",
    "RNN": "the output and the hidden state",
    "MultiheadAttention": "the output and the attention weights",
    "LSTMCell": "the hidden state and the cell state",
    "max": "values and indices",
    "min": "values and indices",
    "sort": "values and indices",
    "topk": "values and indices",
}


def explain_wrong_kind(failure: Failure) -> Explanation | None:
    """Return an explanation if the first input of the failed call isn't a tensor."""
    args = failure.arguments.args
    first = args[0] if args else None
    is_layer = isinstance(failure.call.target, nn.Module) and type(failure.call.target).__module__.startswith(
        "torch.nn"
    )
    if not args or isinstance(first, Operand) or (not is_layer and not _is_about_type(failure)):
        return None
    if isinstance(first, nn.Module):
        modules = failure.model.named_modules() if failure.model is not None else ()
        name = next((path for path, module in modules if module is first), None)
        if name is None:
            return explain_uncalled_layer(failure.name, first)
        code = re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", f"self.{name}")
        text = f"{failure.name} expects a tensor, got the layer {name} itself; call it: {code}(x)"
        return Explanation(text, (change_input(failure, "{}(x)"),))
    if first is None:
        return explain_none(failure)
    if isinstance(first, tuple | list) and find_operands(first):
        return _explain_tuple(failure, first)
    return Explanation(f"{failure.name} expects a tensor, got a value of type {type(first).__name__}")


def _is_about_type(failure: Failure) -> bool:
    return isinstance(failure.error, TypeError) and "must be" in str(failure.error)


def explain_uncalled_layer(name: str, layer: nn.Module) -> Explanation:
    """Explain that `nn.ReLU(x)` creates a layer instead of calling one."""
    kind = type(layer).__name__
    text = f"{name} got an nn.{kind} layer instead of a tensor: nn.{kind}(x) creates a layer; write nn.{kind}()(x)"
    return Explanation(text, (call_layer(kind),))


def call_layer(kind: str) -> Change:
    """Replace `nn.ReLU(x)`, which only creates a layer, with `nn.ReLU()(x)`."""

    def change(source: Source) -> Sequence[Fix]:
        fixes: list[Fix] = []
        for call in source.nodes(kind=ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name == kind and call.args and isinstance(call.args[0], ast.Name | ast.Call | ast.BinOp):
                first = source.text(call.args[0])
                others = [source.text(node) for node in [*call.args[1:], *call.keywords]]
                text = f"{source.text(call.func)}({', '.join(others)})({first})"
                fixes += source.edit(source.replace(call, text))
        return fixes

    return change


def explain_none(failure: Failure) -> Explanation:
    """Explain that the first input of the failed call is None."""
    culprit = next(
        (row for row in reversed(failure.rows) if row.is_module and not row.outputs and not row.failed), None
    )
    if culprit is None:
        return Explanation(f"{failure.name} expects a tensor, got None; a function without `return` returns None")
    name = display_name(culprit, culprit.path)
    return Explanation(
        f"{failure.name} expects a tensor, got None: {name} returns None; its forward needs a `return`",
        (_add_return(culprit.op),),
    )


def _add_return(class_name: str) -> Change:
    """Add `return` to the last statement of the `forward` method of a class."""

    def change(source: Source) -> Sequence[Fix]:
        for cls in source.nodes(kind=ast.ClassDef):
            for function in cls.body if cls.name == class_name else ():
                if isinstance(function, ast.FunctionDef) and function.name == "forward":
                    last = function.body[-1]
                    value = last.value if isinstance(last, ast.Assign | ast.Expr) else None
                    return [] if value is None else source.edit(source.replace(last, f"return {source.text(value)}"))
        return []

    return change


def _explain_tuple(failure: Failure, value: tuple[Any, ...] | list[Any]) -> Explanation:
    source = find_operands(value)[0].source
    row = failure.rows[source] if source is not None and source >= 0 else None
    if row is None or isinstance(value, list):
        count = f"{len(value)} value{'' if len(value) == 1 else 's'}"
        return Explanation(f"{failure.name} expects a tensor, got a {type(value).__name__} of {count}")
    if row.name.isdigit():
        text = f"{failure.name} expects a tensor, got a tuple: {display_name(row, row.path)} returns "
        text += f"{_PAIRS.get(row.op, 'a tuple')}, and nn.Sequential passes on the whole tuple; "
        text += "call the layer in a forward method"
        return Explanation(text)
    return explain_returned_tuple(failure.name, row.name, row.op, len(value), change_input(failure, "{}[0]"))


def explain_returned_tuple(user: str, name: str, op: str, count: int, *others: Change) -> Explanation:
    """Explain that a layer such as nn.LSTM returns a tuple.

    `user` is the call that got the tuple. `name` and `op` are the name and the class of the layer.
    """
    what = _PAIRS.get(op.rpartition(".")[2], f"{count} values")
    text = f"{user} expects a tensor, got a tuple: {name} returns {what}; unpack it: x, _ = {name}(…)"
    return Explanation(text, (unpack(name), *others))


def unpack(name: str) -> Change:
    """Replace `x = lstm(…)` with `x, _ = lstm(…)`."""

    def change(source: Source) -> Sequence[Fix]:
        fixes: list[Fix] = []
        for assignment in source.nodes(kind=ast.Assign):
            value, target = assignment.value, assignment.targets[0]
            callee = value.func if isinstance(value, ast.Call) else None
            called = callee.attr if isinstance(callee, ast.Attribute) else getattr(callee, "id", "")
            if called == name and isinstance(target, ast.Name):
                fixes += source.edit(source.replace(target, f"{target.id}, _"))
        return fixes

    return change
