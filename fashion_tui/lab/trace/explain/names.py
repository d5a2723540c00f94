"""Explain misspelled names and attributes."""

import ast
import difflib
import re
from collections.abc import Sequence

from torch import Tensor, nn

from fashion_tui.schema.shapes import Fix

from .arguments import explain_returned_tuple, explain_uncalled_layer
from .context import ErrorContext
from .definitions import find_constructor
from .failure import Change, Explanation
from .source import Source

_IMPORTS = {
    "F": "import torch.nn.functional as F",
    "nn": "from torch import nn",
    "torch": "import torch",
    "np": "import numpy as np",
    "math": "import math",
}


def explain_attribute(context: ErrorContext) -> Explanation | None:
    """Explain a misspelled attribute, or a tensor method that is called on another type."""
    error, node = context.error, context.node
    if not isinstance(error, AttributeError):
        return None
    owner = context.value(node.value) if isinstance(node, ast.Attribute) else error.obj
    name = str(error.name or "")
    if isinstance(owner, tuple) and isinstance(node, ast.Attribute) and any(isinstance(item, Tensor) for item in owner):
        return _explain_tuple_method(node, name, context)
    if "'NoneType'" in context.message:
        return Explanation(f"the value before .{name} is None: a function without `return` returns None")
    if isinstance(owner, nn.Module) and type(owner).__module__.startswith("torch.nn") and hasattr(Tensor, name):
        return explain_uncalled_layer(f".{name}", owner)
    if owner is None:
        return None
    own = [*getattr(owner, "_modules", ()), *getattr(owner, "_parameters", ()), *getattr(owner, "_buffers", ())]
    close = _nearest(name, own) or difflib.get_close_matches(name, dir(owner), 1)
    text = f"AttributeError: {context.message}; did you mean {' or '.join(map(repr, close))}?"
    return Explanation(text, tuple(_rename(name, other) for other in close)) if close else None


def _nearest(name: str, others: Sequence[str]) -> list[str]:
    """Return the names that are most similar to a misspelled name: several if they are equally similar."""
    close = difflib.get_close_matches(name, others, len(others) or 1, 0.5)
    ratios = [difflib.SequenceMatcher(None, other, name).ratio() for other in close]
    return sorted(other for other, ratio in zip(close, ratios, strict=True) if ratio == ratios[0])


def _explain_tuple_method(node: ast.Attribute, name: str, context: ErrorContext) -> Explanation:
    """Explain `x.relu()` if `x` is the tuple that a layer such as nn.LSTM returned."""
    variable = node.value.id if isinstance(node.value, ast.Name) else None
    for assignment in ast.walk(context.tree) if context.tree is not None else ():
        if not isinstance(assignment, ast.Assign) or not isinstance(assignment.value, ast.Call):
            continue
        target, function = assignment.targets[0], assignment.value.func
        if isinstance(target, ast.Name) and target.id == variable and isinstance(function, ast.Attribute):
            layer = context.value(function)
            if isinstance(layer, nn.Module):
                return explain_returned_tuple(f".{name}", function.attr, type(layer).__name__, 2)
    return Explanation(f".{name} needs a tensor, got a tuple; unpack it first, or take one item with [0]")


def _rename(old: str, new: str) -> Change:
    def change(source: Source) -> Sequence[Fix]:
        node = source.node.func if isinstance(source.node, ast.Call) else source.node
        if not isinstance(node, ast.Attribute) or node.attr != old:
            return []
        return source.edit(source.rename_attribute(node, new))

    return change


def explain_name(context: ErrorContext) -> Explanation | None:
    """Explain a name without `self.`, a missing import, or a misspelled name."""
    if not isinstance(context.error, NameError) or context.frame is None:
        return None
    name, text = str(context.error.name or ""), f"NameError: {context.message}"
    own = context.frame.f_locals.get("self")
    if isinstance(own, nn.Module) and hasattr(own, name):
        return Explanation(f"{text}; write self.{name}", (_replace_name(name, f"self.{name}"),))
    if name in _IMPORTS:
        return Explanation(f"{text}; add {_IMPORTS[name]!r} at the top of the file")
    close = difflib.get_close_matches(name, [*context.frame.f_locals, *context.frame.f_globals], 1)
    if not close:
        return None
    return Explanation(f"{text}; did you mean {close[0]!r}?", (_replace_name(name, close[0]),))


def _replace_name(old: str, new: str) -> Change:
    def change(source: Source) -> Sequence[Fix]:
        names = [node for node in source.nodes(kind=ast.Name) if node.id == old and node.lineno == source.line]
        return source.edit(source.replace(names[0], new)) if names else []

    return change


def explain_missing_forward(context: ErrorContext) -> Explanation | None:
    """Explain a call of a list of layers, and a misspelled `forward`."""
    match = re.search(r'Module \[(\w+)\] is missing the required "forward" function', context.message)
    if match is None:
        return None
    kind, node = match.group(1), context.node
    if kind not in {"ModuleList", "ModuleDict"}:
        return Explanation(f"{kind} doesn't define forward; is the method's name misspelled?", (_rename_forward(kind),))
    name = ast.unparse(node.func) if isinstance(node, ast.Call) else "it"
    text = f"{name} is an nn.{kind}, which can't be called: loop over its layers, or use nn.Sequential"
    attribute = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
    return Explanation(text, (_loop_over_layers, _use_sequential(attribute)))


def _loop_over_layers(source: Source) -> Sequence[Fix]:
    for assignment in source.nodes(kind=ast.Assign):
        call, target = assignment.value, source.text(assignment.targets[0])
        if assignment.lineno == source.line and isinstance(call, ast.Call) and len(call.args) == 1:
            if target != source.text(call.args[0]):
                return []
            text = f"for layer in {source.text(call.func)}: {target} = layer({target})"
            return source.edit(source.replace(assignment, text))
    return []


def _use_sequential(name: str | None) -> Change:
    def change(source: Source) -> Sequence[Fix]:
        call = find_constructor(source, name) if name is not None else None
        if call is None or len(call.args) != 1:
            return []
        items = call.args[0]
        inner = ", ".join(map(source.text, items.elts)) if isinstance(items, ast.List) else f"*{source.text(items)}"
        return source.edit(source.replace(call, f"nn.Sequential({inner})"))

    return change


def _rename_forward(class_name: str) -> Change:
    def change(source: Source) -> Sequence[Fix]:
        for cls in source.nodes(kind=ast.ClassDef):
            methods = [item for item in cls.body if isinstance(item, ast.FunctionDef)] if cls.name == class_name else []
            for method in methods:
                if difflib.get_close_matches(method.name, ["forward"], 1):
                    start = source.lines[method.lineno - 1].encode().find(b"def ") + 4
                    return source.edit((method.lineno, start, start + len(method.name.encode()), "forward"))
        return []

    return change
