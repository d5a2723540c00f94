"""The Python files of a custom model, on disk or in memory, and the lookup of imported modules in them."""

import ast
import importlib.util
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import CustomModel, LocalModules, read_source

from .custom import UNSAVED

Parts = tuple[str, ...]
"""A module's name, relative to the top folder of the files and split at the dots: `("models", "blocks")`."""


class SourceFiles(Protocol):
    """The Python files of a custom model. Paths are relative to the top folder, as in `LocalModules`."""

    main: str
    """Path of the model's own file."""

    def read(self, path: str) -> str | None:
        """Return the content of a file, or None if it doesn't exist. Raises UserError if it can't be read."""

    def has_folder(self, path: str) -> bool:
        """Return whether a folder is a namespace package: modules can be imported from it without an `__init__.py`."""

    def location(self, path: str) -> str:
        """Return the path of a file to show in messages and tracebacks."""


class StoredFiles:
    """The files of a model whose modules are stored with it."""

    def __init__(self, source: str, file: str, modules: LocalModules) -> None:
        self.main = modules.main
        self._sources = {**modules.sources, self.main: source}
        self._file = file
        self._folder = modules.folder

    def read(self, path: str) -> str | None:
        return self._sources.get(path)

    def has_folder(self, path: str) -> bool:
        return any(known.startswith(f"{path}/") for known in self._sources)

    def location(self, path: str) -> str:
        return self._file if path == self.main else os.path.join(self._folder, path)  # noqa: PTH118 - keeps "" as it is


class DiskFiles:
    """The files on disk that a model's file can import as its own modules.

    These are the files in its folder or, if it imports from the package that the folder belongs to, all files of the
    package. Symbolic links are followed.
    """

    def __init__(self, source: str, file: Path) -> None:
        """`source` is the content of the file, which may differ from the content on disk."""
        self._source = source
        self._file = file
        folder = file.resolve().parent
        top = _top_of_package(folder)
        self._prefix = "" if top is None or not _uses_package(source, top.name) else f"{_as_name(top.name)}/"
        """Prefix of all paths: the name of the package. Empty if the file doesn't import from its package."""
        self._root = top if top is not None and self._prefix else folder
        inside = "".join(f"{part}/" for part in folder.relative_to(self._root).parts)
        self.main = f"{self._prefix}{inside}{_as_name(file.stem)}.py"

    @property
    def folder(self) -> str:
        """Path of the top folder."""
        return self._shown(self._root.parent if self._prefix else self._root)

    def read(self, path: str) -> str | None:
        if path == self.main:
            return self._source
        file = self._on_disk(path)
        try:
            return read_source(file) if file is not None and file.is_file() else None
        except OSError as error:
            raise UserError(f"can't read {file}: {error.strerror or error}") from error

    def has_folder(self, path: str) -> bool:
        folder = self._on_disk(path)
        if folder is None or not folder.is_dir():
            return False
        return PurePosixPath(path).parent != PurePosixPath(self.main).parent or not _is_installed(folder.name)

    def location(self, path: str) -> str:
        file = self._on_disk(path)
        return str(self._file) if path == self.main or file is None else self._shown(file)

    def _on_disk(self, path: str) -> Path | None:
        path = f"{path}/"
        return self._root / path.removeprefix(self._prefix) if path.startswith(self._prefix) else None

    def _shown(self, path: Path) -> str:
        """Return a path that is relative to the working directory if the path of the model's file is relative."""
        return str(path) if self._file.is_absolute() else os.path.relpath(path).removeprefix(os.curdir)


def files_of(network: CustomModel) -> SourceFiles:
    """Return the files of a custom model: the stored ones if there are any, else those in the folder of its file."""
    if network.modules is None and network.file is not None:
        return DiskFiles(network.source, Path(network.file))
    return StoredFiles(network.source, network.file or UNSAVED, network.modules or LocalModules())


@dataclass(frozen=True, slots=True)
class FoundModule:
    """A module of a custom model."""

    path: str | None
    """Path of its file, or None for a folder without `__init__.py`."""
    source: str
    is_package: bool


def find_module(files: SourceFiles, name: Parts) -> FoundModule | None:
    """Return a module by its name relative to the top folder, or None. Raises UserError if its file can't be read."""
    base = "/".join(name)
    for path, is_package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
        source = files.read(path)
        if source is not None:
            return FoundModule(path, source, is_package)
    return FoundModule(None, "", is_package=True) if files.has_folder(base) else None


def folder_of_import(files: SourceFiles, name: str) -> Parts | None:
    """Return the folder in which an absolute import finds the model's top-level module `name`.

    Return None if the model has no such module. As in a script, a module in the folder of the model's file hides an
    installed one of the same name, except for modules that are built into Python.
    """
    if name in sys.builtin_module_names:
        return None
    folder = PurePosixPath(files.main).parts[:-1]
    if find_module(files, (*folder, name)) is not None:
        return folder
    return () if folder[:1] == (name,) else None


def parse(source: str, location: str) -> ast.Module:
    """Return the syntax tree of a source. Raises SyntaxError, with the location as its file."""
    try:
        return ast.parse(source.encode(), location)
    except SyntaxError as error:
        error.filename = location  # missing if the source contains a null byte
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error) or "the source is nested too deeply", (location, None, None, None)) from error


def _top_of_package(folder: Path) -> Path | None:
    """Return the topmost folder of the package that a folder belongs to, or None if it isn't part of a package."""
    if not (folder / "__init__.py").exists():
        return None
    while folder.name.isidentifier() and (folder.parent / "__init__.py").exists():
        folder = folder.parent
    return folder


def _uses_package(source: str, package: str) -> bool:
    """Return whether a source has relative imports, or absolute imports from the package."""
    try:
        nodes = ast.walk(parse(source, UNSAVED))
    except SyntaxError:  # executing the source raises the error again
        return False
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.level > 0 or first_name(node.module or "") == package):
            return True
        if isinstance(node, ast.Import) and any(first_name(alias.name) == package for alias in node.names):
            return True
    return False


def first_name(dotted: str) -> str:
    """Return the name before the first dot."""
    return dotted.partition(".")[0]


def _as_name(name: str) -> str:
    """Return the name of a file or folder as an identifier, for use in a module's name."""
    return name if name.isidentifier() else "_" + re.sub(r"\W", "_", name)


def _is_installed(name: str) -> bool:
    """Return whether a module can be imported and isn't a mere namespace package."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return name in sys.modules
    return spec is not None and spec.origin is not None
