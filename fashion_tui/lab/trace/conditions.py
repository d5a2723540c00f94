"""Find, in the source of a network, the condition under which it uses a module or parameter."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from torch import nn

MAX_CONDITION = 40
"""Maximum length of a condition that is quoted."""

_NOT_A_PASS = frozenset({"__init__", "__repr__", "extra_repr", "reset_parameters"})
"""Methods that may mention a layer without using it."""


Conditions = tuple[tuple[ast.expr, bool], ...]
"""Expressions, each with the truth value that it must have."""


@dataclass(frozen=True, slots=True)
class _Mention:
    """A place in a method that mentions a name."""

    method: str
    function: ast.FunctionDef
    conditions: Conditions
    """The conditions under which the place is reached, the outermost first."""


def condition_of_use(model: nn.Module, name: str, missing: Mapping[str, Any]) -> str | None:
    """Return why a pass may not have used a parameter, or None if no condition in the source explains it.

    An example is `the argument y is not given`. `missing` has the arguments of the network's `forward` that the pass
    didn't give, and their default values.
    """
    module: Any = model
    for attribute in name.split("."):
        if not type(module).__module__.startswith("torch."):
            reason = _reason(type(module), attribute, missing if module is model else None, {attribute})
            if reason is not None:
                return reason
        module = getattr(module, attribute)
    return None


def _reason(cls: type, name: str, missing: Mapping[str, Any] | None, seen: set[str]) -> str | None:
    """Return why no method of a class reaches the name, or None if a method always does or none mentions it."""
    reasons = []
    for mention in _mentions(cls, name):
        deciding = [_describe(condition, mention.function, missing) for condition in mention.conditions]
        reason = next((text for text in deciding if text is not None), None)
        if reason is None and mention.method == "forward":
            return None
        if reason is None and mention.method not in seen:
            reason = _reason(cls, mention.method, missing, seen | {mention.method})
            if reason is None and _mentions(cls, mention.method):
                return None
        reasons.append(reason or f"only the method {mention.method} uses it")
    return reasons[0] if reasons else None


def _describe(
    condition: tuple[ast.expr, bool], function: ast.FunctionDef, missing: Mapping[str, Any] | None
) -> str | None:
    """Describe a condition that prevents a pass from reaching a place in the code.

    Return None if the condition is met, or if it never changes.
    """
    test, needed = condition
    arguments = function.args
    itself = {argument.arg for argument in [*arguments.posonlyargs, *arguments.args][:1]}
    names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)} - itself
    if not names:
        return None
    if missing is not None and function.name == "forward" and not names.isdisjoint(missing):
        if names <= missing.keys() and _evaluate(test, missing) is needed:
            return None
        return f"the argument {next(name for name in missing if name in names)} is not given"
    text = ast.unparse(test)
    return f"the condition {text} decides" if len(text) <= MAX_CONDITION else "a condition in its code decides"


def _evaluate(condition: ast.expr, values: Mapping[str, Any]) -> bool | None:
    """Return the truth value of an expression without calls, or None if it is unknown."""
    if any(isinstance(node, ast.Call) for node in ast.walk(condition)):
        return None
    with suppress(Exception):  # the values may be of any type
        return bool(eval(compile(ast.Expression(condition), "", "eval"), {}, {**values}))  # noqa: S307 - no calls
    return None


def _mentions(cls: type, name: str) -> list[_Mention]:
    methods = _methods(cls)
    created = {node.attr for _, tree in methods if tree.name == "__init__" for node in ast.walk(tree)
               if isinstance(node, ast.Attribute)}  # fmt: skip
    found = [
        _Mention(method, tree, conditions)
        for method, tree in methods
        if method not in _NOT_A_PASS
        for conditions in _places(tree.body, name, ())
    ]
    return [mention for mention in found if mention.method == "forward" or mention.method not in created]


def _methods(cls: type) -> list[tuple[str, ast.FunctionDef]]:
    """Return the names and the syntax trees of the methods of a class, except those whose source is unknown."""
    found = {}
    for base in cls.__mro__:
        for name, function in vars(base).items() if base is not nn.Module else ():
            if isinstance(function, FunctionType) and name not in found:
                tree = _parse(function)
                if isinstance(tree, ast.FunctionDef):
                    found[name] = tree
    return [*found.items()]


def _parse(function: FunctionType) -> ast.stmt | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, SyntaxError):
        return None


def _places(nodes: Sequence[ast.AST], name: str, conditions: Conditions) -> Iterator[Conditions]:
    """Yield the conditions of each place that mentions the name. `nodes` are evaluated one after the other."""
    for node in nodes:
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            inner, otherwise = (*conditions, (node.test, True)), (*conditions, (node.test, False))
            yield from _places([node.test], name, conditions)
            yield from _places(_listed(node.body), name, inner)
            yield from _places(_listed(node.orelse), name, otherwise)
            if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Return):
                conditions = otherwise
        elif isinstance(node, ast.For):
            yield from _places([node.iter], name, conditions)
            yield from _places(node.body, name, (*conditions, (node.iter, True)))
        elif isinstance(node, ast.BoolOp):
            yield from _places(node.values[:1], name, conditions)
            yield from _places(node.values[1:], name, (*conditions, (node.values[0], isinstance(node.op, ast.And))))
        elif name in {getattr(node, "attr", None), getattr(node, "value", None)}:
            yield conditions
        else:
            yield from _places([*ast.iter_child_nodes(node)], name, conditions)


def _listed(body: Any) -> list[ast.AST]:
    return body if isinstance(body, list) else [body]
