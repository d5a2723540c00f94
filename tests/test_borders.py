"""The package has no circular imports, even under TYPE_CHECKING and inside functions."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import fashion_tui

PACKAGE = Path(fashion_tui.__file__).parent


def module_names() -> dict[str, Path]:
    """Return the path of each module of the package, keyed by dotted name."""
    names = {}
    for path in PACKAGE.rglob("*.py"):
        parts = (PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts)
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imported_names(module: str, path: Path) -> Iterator[str]:
    """Yield the absolute dotted names that a module imports anywhere in its source."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def import_graph() -> dict[str, set[str]]:
    """Return the modules that each module imports. Importing a name from a module counts as importing the module."""
    modules = module_names()

    def resolve(name: str) -> str | None:
        return next((known for known in (name, name.rpartition(".")[0]) if known in modules), None)

    return {
        module: {
            imported
            for name in imported_names(module, path)
            if (imported := resolve(name)) is not None and imported != module
        }
        for module, path in modules.items()
    }


def test_there_are_no_circular_imports() -> None:
    try:
        TopologicalSorter(import_graph()).prepare()
    except CycleError as error:
        raise AssertionError(f"circular import: {' → '.join(reversed(error.args[1]))}") from None
