"""Find the modules and packages that a custom model imports. Its files are parsed, but not executed.

Imports in functions, conditions and `try` blocks are included. Imports under `if TYPE_CHECKING:` are left out, because
they are never executed. A module can't be found if its name is computed at run time.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from fashion_tui.machine.libraries import package_of
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import MAX_MODULES, MAX_MODULES_BYTES, CustomModel, LocalModules

from .custom import UNSAVED, explain_error
from .source_files import DiskFiles, FoundModule, Parts, SourceFiles, find_module, first_name, folder_of_import, parse

_ALWAYS_RECORDED = {"fashion_tui", "torch", "torchvision"}
"""Packages whose versions every run records."""


@dataclass(frozen=True, slots=True)
class Import:
    """A module that a file imports."""

    module: str
    """Name of the module without leading dots, such as `torch.nn`."""
    names: tuple[str, ...] = ()
    """Names that are imported from the module. Each may be a module, too."""
    level: int = 0
    """Number of leading dots of a relative import; 0 for an absolute one."""


def with_modules(network: CustomModel) -> CustomModel:
    """Return a custom model together with the modules that it imports from the folder of its file.

    A model that already has its modules is returned unchanged. Raises UserError if a file can't be read or the modules
    are too large to be stored, and SourceError if a file has a syntax error.
    """
    if network.modules is not None:
        return network
    if network.file is None:
        return msgspec.structs.replace(network, modules=LocalModules())
    return msgspec.structs.replace(network, modules=find_modules(DiskFiles(network.source, Path(network.file))))


def find_modules(files: DiskFiles) -> LocalModules:
    """Return the modules that a model's file imports, directly or through other modules. See `with_modules`."""
    sources, packages = dict[str, str](), set[str]()
    folder = PurePosixPath(files.main).parts[:-1]
    main = FoundModule(files.main, files.read(files.main) or "", is_package=False)
    pending = [main, *_modules_on_path(files, (), folder)]
    while pending:
        module = pending.pop()
        if module.path is None or module.path in sources:
            continue
        sources[module.path] = module.source
        _check_size(files, sources)
        for item in imports_in(_parse(module.source, files.location(module.path))):
            start = _start(files, module.path, item)
            if start is None:
                packages.add(first_name(item.module))
            else:
                pending += _modules_of(files, start, item)
    del sources[files.main]
    return LocalModules(
        main=files.main, sources=dict(sorted(sources.items())), folder=files.folder, packages=_packages(packages)
    )


def imports_in(tree: ast.Module) -> Iterator[Import]:
    """Yield the imports in a file, including calls of `import_module` and `__import__` with a constant name."""
    for node in _executed(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield Import(node.module or "", tuple(alias.name for alias in node.names), node.level)
        elif isinstance(node, ast.Call) and node.args and _call_name(node) in {"import_module", "__import__"}:
            name = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if isinstance(name, str):
                module = name.lstrip(".")
                yield Import(module, level=len(name) - len(module))


def _executed(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield all nodes of a tree, except code that only type checkers read."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            pending += node.orelse
        else:
            pending += ast.iter_child_nodes(node)


def _is_type_checking(test: ast.expr) -> bool:
    return "TYPE_CHECKING" in {getattr(test, "id", None), getattr(test, "attr", None)}


def _call_name(call: ast.Call) -> str | None:
    return getattr(call.func, "attr", getattr(call.func, "id", None))


def _parse(source: str, location: str) -> ast.Module:
    """Return the syntax tree of a file. Raises SourceError."""
    try:
        return parse(source, location)
    except SyntaxError as error:
        raise explain_error(error) from error


def _start(files: SourceFiles, path: str, item: Import) -> Parts | None:
    """Return the folder of a module that the file `path` imports, or None if it isn't one of the model's files."""
    if item.level == 0:
        return folder_of_import(files, first_name(item.module))
    folder = PurePosixPath(path).parts[:-1]
    up = item.level - 1
    return folder[: len(folder) - up] if up <= len(folder) else folder  # too many dots; executing such an import fails


def _modules_of(files: SourceFiles, start: Parts, item: Import) -> list[FoundModule]:
    """Return the modules that an import may load: the module, the packages that contain it, and imported submodules."""
    target = (*start, *(part for part in item.module.split(".") if part))
    found = _modules_on_path(files, start, target)
    package = find_module(files, target) if target else None
    names = item.names
    if "*" in names:
        names = _exported(package.source) if package is not None and package.is_package else ()
    if package is None or package.is_package:
        found += (module for name in names if (module := find_module(files, (*target, name))) is not None)
    return found


def _modules_on_path(files: SourceFiles, start: Parts, target: Parts) -> list[FoundModule]:
    """Return the module `target` and the packages between `start` and `target`."""
    lengths = range(len(start) + 1, len(target) + 1)
    found = (find_module(files, target[:length]) for length in lengths)
    return [module for module in found if module is not None]


def _exported(source: str) -> tuple[str, ...]:
    """Return the names in the `__all__` of a package. `from package import *` imports these."""
    try:
        tree = parse(source, UNSAVED)
    except SyntaxError:  # reported when the package's own imports are parsed
        return ()
    lists = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(getattr(target, "id", None) == "__all__" for target in node.targets)
    )
    constants = (node for each in lists for node in ast.walk(each) if isinstance(node, ast.Constant))
    return tuple(node.value for node in constants if isinstance(node.value, str))


def _check_size(files: DiskFiles, sources: dict[str, str]) -> None:
    modules = [source for path, source in sources.items() if path != files.main]
    size = sum(len(source.encode()) for source in modules)
    if len(modules) > MAX_MODULES or size > MAX_MODULES_BYTES:
        raise UserError(
            f"{files.location(files.main)} imports {len(modules):,} modules with {size:,} bytes from {files.folder!r}; "
            f"a run stores at most {MAX_MODULES:,} modules with {MAX_MODULES_BYTES:,} bytes"
        )


def _packages(modules: set[str]) -> tuple[str, ...]:
    """Return the names on PyPI of the packages that provide these top-level modules, without the standard library."""
    return tuple(sorted({package_of(name) for name in modules - sys.stdlib_module_names - _ALWAYS_RECORDED}))
