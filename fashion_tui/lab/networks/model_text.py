"""Our own networks as texts that stand for themselves: the imports and definitions that a network needs, and it."""

import ast
import inspect
import sys
from collections.abc import Iterator

from fashion_tui.schema.errors import UsageError

from .builtin import MODELS

Definition = ast.ClassDef | ast.FunctionDef | ast.Assign | ast.AnnAssign


def text_of(name: str) -> tuple[str, str]:
    """The source of the network of that name, ready to be run by itself, and the name of its class.

    UsageError for an unknown name.
    """
    if name not in MODELS:
        raise UsageError(f"no model is called {name!r}; there is: {', '.join(MODELS)}")
    kind = MODELS[name]
    module = sys.modules[kind.__module__]
    text = inspect.getsource(module)
    statements = ast.parse(text).body
    definitions = {own: node for node in statements if isinstance(node, Definition) for own in _defined(node)}
    needed = _closure(kind.__name__, definitions)
    used = {word for node in needed for word in _words(node)}
    imports = [line for node in statements for line in _imports(node, used, module.__package__ or "")]
    parts = [_segment(text, node) for node in statements if node in needed]
    return "\n\n\n".join(["\n".join(imports), *parts]) + "\n", kind.__name__


def _closure(name: str, definitions: dict[str, Definition]) -> set[ast.stmt]:
    """The definition of that name and all that it makes use of."""
    needed: set[ast.stmt] = set()
    waiting = [name]
    while waiting:
        node = definitions.get(waiting.pop())
        if node is not None and node not in needed:
            needed.add(node)
            waiting += _words(node)
    return needed


def _defined(node: Definition) -> Iterator[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        yield node.name
    else:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def _words(node: ast.AST) -> list[str]:
    """Every name in it."""
    return [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]


def _imports(node: ast.stmt, used: set[str], package: str) -> Iterator[str]:
    """The statement with only what is used of it, if it is an import and anything is."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return
    names = [alias for alias in node.names if (alias.asname or alias.name).partition(".")[0] in used]
    if not names:
        return
    if isinstance(node, ast.Import):
        yield ast.unparse(ast.Import(names=names))
        return
    parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    whole = ".".join([*parents, *([node.module] if node.module else [])])
    yield ast.unparse(ast.ImportFrom(module=whole, names=names, level=0))


def _segment(text: str, node: ast.stmt) -> str:
    """The statement as it was written, with its decorators."""
    decorators = node.decorator_list if isinstance(node, ast.ClassDef | ast.FunctionDef) else []
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    return "\n".join(text.splitlines()[first - 1 : node.end_lineno])
