"""Explain in-place changes that autograd forbids, and in-place changes of tensors whose elements share memory."""

import ast
from collections.abc import Sequence

from fashion_tui.schema.shapes import Fix

from .changes import at_calls
from .failure import Explanation, Failure
from .source import Source


def explain_leaf(failure: Failure) -> Explanation | None:
    """Return an explanation if the failed call changes a parameter in place."""
    if "leaf Variable that requires grad" not in str(failure.error):
        return None
    name = next((operand.name for operand in failure.arguments.operands if operand.name is not None), None)
    what = f"`{name}` is a parameter" if name is not None else "the tensor is a leaf"
    text = f"{what} that requires a gradient, so autograd forbids changing it in place"
    return Explanation(
        f"{text}; change it inside torch.no_grad(), or make it a buffer", (_without_gradient, _out_of_place)
    )


def explain_shared_memory(failure: Failure) -> Explanation | None:
    """Return an explanation if the failed call changes a tensor in place whose elements share memory."""
    if "more than one element of the written-to tensor" not in str(failure.error):
        return None
    text = f"{failure.name} can't change a tensor in place whose elements share memory, as after expand; clone it first"
    return Explanation(text, tuple(at_calls(name, _clone) for name in ("expand", "expand_as")))


def _clone(source: Source, call: ast.Call) -> Sequence[Fix]:
    return source.wrap(call, "{}.clone()")


def _without_gradient(source: Source) -> Sequence[Fix]:
    for statement in source.nodes(kind=ast.stmt):
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr) and statement.lineno == source.line:
            return source.wrap(statement, "with torch.no_grad(): {}")
    return []


def _out_of_place(source: Source) -> Sequence[Fix]:
    """Call the function without the underscore, as in `F.relu(x)` instead of `F.relu_(x)`."""
    function = source.node.func if isinstance(source.node, ast.Call) else None
    if not isinstance(function, ast.Attribute) or not function.attr.endswith("_"):
        return []
    return source.edit(source.rename_attribute(function, function.attr.rstrip("_")))
