"""The files of a run's custom model: `model.py`, and in `modules/` the modules that it imports from its folder."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.models import MAX_MODULES, MAX_MODULES_BYTES, MAX_SOURCE_BYTES, CustomModel, LocalModules
from fashion_tui.schema.run import ModelSource
from fashion_tui.schema.text import one_line

from .errors import DamagedRun, reason
from .folder import Folder
from .layout import MODEL_FILE, MODULES_FOLDER


@dataclass(frozen=True)
class ModelFiles:
    """The files of a custom model, read from a run and verified against the hashes in its configuration."""

    network: CustomModel
    is_own: bool
    """True if all files belong to the current user."""


def describe_source(network: CustomModel, name: str) -> ModelSource:
    """Return the `config.json` entry of a custom model. `name` is the class name if the model doesn't specify one.

    Raises UsageError if the source or a module is too large.
    """
    modules = network.modules or LocalModules()
    for file, content in {name: network.source, **modules.sources}.items():
        size = len(content.encode())
        if size > MAX_SOURCE_BYTES:
            raise UsageError(f"the source of {file} has {size:,} bytes; a run stores at most {MAX_SOURCE_BYTES:,}")
    return ModelSource(
        class_name=network.class_name or name,
        arguments=network.arguments,
        sha256=_sha256(network.source.encode()),
        main=modules.main,
        modules={path: _sha256(source.encode()) for path, source in modules.sources.items()},
        packages=modules.packages,
    )


def write_model(folder: Folder, network: CustomModel) -> None:
    """Write the files of a custom model to a new run's directory. Raises OSError."""
    folder.write(MODEL_FILE, network.source.encode())
    for path, source in (network.modules or LocalModules()).sources.items():
        *parents, name = PurePosixPath(MODULES_FOLDER, path).parts
        with _subfolder(folder, parents, create=True) as subfolder:
            subfolder.write(name, source.encode())


def read_files(folder: Folder, source: ModelSource) -> ModelFiles:
    """Read the files of a custom model.

    Raises DamagedRun if a file is missing, unsafe, or has changed since the run was created.
    """
    _check_paths(folder, source)
    model, is_own = _read(folder, MODEL_FILE, source.sha256)
    modules = dict[str, str]()
    total = 0
    for path, sha256 in source.modules.items():
        modules[path], is_own_module = _read(folder, f"{MODULES_FOLDER}/{path}", sha256)
        is_own = is_own and is_own_module
        total += len(modules[path])
        if total > MAX_MODULES_BYTES:
            raise DamagedRun(folder.path.name, f"{MODULES_FOLDER} has more than {MAX_MODULES_BYTES:,} bytes")
    network = CustomModel(
        source=model,
        class_name=source.class_name,
        arguments=source.arguments,
        file=str(folder.path / MODEL_FILE),
        modules=LocalModules(
            main=source.main,
            sources=modules,
            folder=str(folder.path / MODULES_FOLDER),
            packages=source.packages,
        ),
    )
    return ModelFiles(network, is_own)


def _check_paths(folder: Folder, source: ModelSource) -> None:
    """Raise DamagedRun if the configuration lists too many files, or a path that isn't valid for a module."""
    if len(source.modules) > MAX_MODULES:
        detail = f"its model has {len(source.modules):,} modules; the maximum is {MAX_MODULES:,}"
        raise DamagedRun(folder.path.name, detail)
    for path in (source.main, *source.modules):
        stem, dot, suffix = path.rpartition(".")
        if (dot, suffix) != (".", "py") or not all(part.isidentifier() for part in stem.split("/")):
            detail = f"{one_line(path, 80)!r} is not a valid path of a module"
            raise DamagedRun(folder.path.name, detail)


def _read(folder: Folder, path: str, expected: str) -> tuple[str, bool]:
    """Return the content of a file, and whether it and its folder belong to the current user."""
    run = folder.path.name
    *parents, name = path.split("/")
    try:
        with _subfolder(folder, parents) as subfolder, subfolder.open_to_read(name, MAX_SOURCE_BYTES) as file:
            owners = {os.fstat(file.fileno()).st_uid, subfolder.owner, folder.owner}
            content = file.read(MAX_SOURCE_BYTES)
    except FileNotFoundError:
        raise DamagedRun(run, f"{path}, which its network is built from, is missing") from None
    except OSError as error:
        raise DamagedRun(run, f"{path} can't be read: {reason(error)}") from error
    sha256 = _sha256(content)
    if sha256 != expected:
        raise DamagedRun(run, f"{path} has been changed: its SHA-256 is {sha256}, not {one_line(expected, 64)}")
    try:
        return content.decode(), owners == {os.geteuid()}
    except UnicodeDecodeError as error:
        raise DamagedRun(run, f"{path} is not UTF-8: {error}") from error


@contextmanager
def _subfolder(folder: Folder, parents: list[str], *, create: bool = False) -> Iterator[Folder]:
    """Open a folder inside the run's directory, or the directory itself if there are no parents."""
    with ExitStack() as stack:
        for name in parents:
            folder = stack.enter_context(folder.subfolder(name, create=create))
        yield folder


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
