"""Let a file import other files of its package by relative imports, such as `from .blocks import Block`."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from .custom import explain_error

_PACKAGE = "fashion_tui_custom_package"
"""Name under which the user's package is imported. It can't be the name of an installed package."""


@contextmanager
def package_of(file: Path, source: str) -> Iterator[str | None]:
    """Yield the `__package__` that makes the relative imports in `source` work, or None if it has none.

    The package is the folder of the file. If the folder has an `__init__.py`, the package also includes the parent
    folders that have one. The package is unloaded at the end, so that the next import reads the user's changes.

    Raises UserError if the code in an `__init__.py` fails.
    """
    if not _has_relative_imports(source):
        yield None
        return
    folder = file.resolve().parent
    root = folder
    while (root / "__init__.py").exists() and (root.parent / "__init__.py").exists():
        root = root.parent
    outer = _unload_package()  # a `with` block may be inside another one
    try:
        _load_package(root)
        yield ".".join([_PACKAGE, *folder.relative_to(root).parts])
    finally:
        _unload_package()
        sys.modules.update(outer)


def _has_relative_imports(source: str) -> bool:
    try:
        nodes = ast.walk(ast.parse(source))
    except (SyntaxError, ValueError):  # executing the source raises the error again
        return False
    return any(isinstance(node, ast.ImportFrom) and node.level > 0 for node in nodes)


def _unload_package() -> dict[str, ModuleType]:
    """Unload the package and return its modules."""
    names = [name for name in sys.modules if name == _PACKAGE or name.startswith(f"{_PACKAGE}.")]
    return {name: sys.modules.pop(name) for name in names}


def _load_package(root: Path) -> None:
    """Import the folder as a package, including its `__init__.py` if it has one."""
    file = root / "__init__.py"
    spec = importlib.util.spec_from_file_location(_PACKAGE, file, submodule_search_locations=[str(root)])
    if spec is None or spec.loader is None or not file.exists():
        module = ModuleType(_PACKAGE)
        module.__path__ = [str(root)]
        sys.modules[_PACKAGE] = module
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise explain_error(error, str(file)) from error
