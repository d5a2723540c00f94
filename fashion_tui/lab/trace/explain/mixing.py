"""Find the edit that keeps the samples of a batch apart, for a network in which one sample affects another."""

import ast
from collections.abc import Sequence
from typing import Any

from torch import nn

from fashion_tui.lab.trace.calls import Call
from fashion_tui.schema.shapes import Fix

from .changes import at_calls, set_batch_first, set_layer_argument
from .explaining import find_fix
from .failure import Change
from .repair import Repair
from .source import Source

_OVER_AN_AXIS = frozenset({"softmax", "log_softmax", "softmin", "normalize", "cumsum", "cumprod", "argmax", "argsort"})
_OPERATORS = {"+": ast.Add, "-": ast.Sub, "*": ast.Mult, "/": ast.Div}


def find_mixing_fix(call: Call, rearranging: str | None, model: nn.Module, repair: Repair) -> Fix | None:
    """Return an edit after which the network runs and no sample affects another, or None if none is found.

    `call` is the first call that mixes samples. `rearranging` is the name of an earlier `view` or `reshape` that moved
    the batch axis, or None.
    """

    def keeps_samples_apart(fix: Fix) -> bool:
        table = repair.trace(fix)
        return table is not None and table.error is None and not any(row.mixes_samples for row in table.rows)

    return find_fix(_changes(call, rearranging), Source(repair.file, model, None), keeps_samples_apart)


def _changes(call: Call, rearranging: str | None) -> list[Change]:
    layer: Any = call.target if isinstance(call.target, nn.Module) else None
    if rearranging is not None:
        return [at_calls(rearranging, _transpose)]
    if isinstance(layer, nn.RNNBase | nn.MultiheadAttention):
        return [set_batch_first(call.path)]
    if isinstance(layer, nn.modules.batchnorm._NormBase):  # noqa: SLF001 - the base class of all of them
        return [set_layer_argument(call.path, 4, "track_running_stats", value=True)]
    if layer is not None and getattr(layer, "dim", None) == 0:
        return [set_layer_argument(call.path, 0, "dim", -1)]
    changes: list[Change] = []
    if call.name in _OVER_AN_AXIS:
        changes.append(at_calls(call.name, _use_last_axis))
    if call.op in _OPERATORS:
        changes.append(_remove_axis(_OPERATORS[call.op]))
    return changes


def _transpose(source: Source, call: ast.Call) -> Sequence[Fix]:
    """Move the batch axis with `transpose` instead of `view`."""
    function = call.func
    if not isinstance(function, ast.Attribute) or source.text(function.value) == "torch":
        return []
    return source.edit(source.replace(call, f"{source.text(function.value)}.transpose(0, 1)"))


def _use_last_axis(source: Source, call: ast.Call) -> Sequence[Fix]:
    is_function = isinstance(call.func, ast.Attribute) and source.text(call.func.value) in {"torch", "F"}
    return source.edit(source.set_argument(call, 1 if is_function else 0, "dim", -1))


def _remove_axis(operator: type[ast.operator]) -> Change:
    """Remove the last axis of an operand, for shapes such as `[N]` and `[N, 1]`."""

    def change(source: Source) -> Sequence[Fix]:
        fixes: list[Fix] = []
        for node in source.nodes(kind=ast.BinOp):
            if isinstance(node.op, operator):
                fixes += [*source.wrap(node.right, "{}.squeeze(-1)"), *source.wrap(node.left, "{}.squeeze(-1)")]
        return fixes

    return change
