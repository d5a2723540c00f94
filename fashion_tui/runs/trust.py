"""Custom models of runs, and the list of models whose code may be executed without asking.

A run may come from someone else, so its `model.py` is treated as data until the network is built. Code that builds a
network calls `trusted_model` first, and executes exactly the source that `trusted_model` returns.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import platformdirs

from fashion_tui.files import make_private_folder, write_atomically
from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.run import ModelSource, RunConfig
from fashion_tui.schema.text import one_line

from .errors import reason
from .folder import Folder
from .layout import MODEL_FILE, MODULES_FOLDER
from .model_files import read_files

TRUSTED_FILE = "trusted-networks"
"""File in the platform's state directory, shared by all runs folders: one `StoredModel.key` per line."""

MAX_TRUSTED_BYTES = 16 << 20

MAX_LISTED = 10
"""Maximum number of modules listed in the question whether to trust a model."""


@dataclass(frozen=True)
class StoredModel:
    """A custom model that was read from a run. This source is the one that is displayed, trusted and executed."""

    network: CustomModel
    key: str
    """SHA-256 of everything that determines which code is executed: all files, the class and its arguments.

    The arguments are included because they can make a harmless class do harm. If the run belongs to another user, the
    run's path is included too.
    """
    is_own: bool
    """True if the run's directory and the model's files belong to the current user."""


def read_model(folder: Folder, config: RunConfig) -> StoredModel | None:
    """Read the run's custom model, or return None if it trains a built-in one.

    Raises DamagedRun if a file is missing, unsafe, or has changed since the run was created.
    """
    if config.source is None:
        return None
    files = read_files(folder, config.source)
    path = None if files.is_own else os.path.realpath(folder.path)
    return StoredModel(files.network, _key(config.source, path), files.is_own)


def trusted_model(folder: Folder, config: RunConfig) -> CustomModel | None:
    """Return the run's custom model if it may be executed, or None if the run trains a built-in one.

    Raises UntrustedSource if this user has neither trained nor trusted the model, and DamagedRun as in `read_model`.
    """
    stored = read_model(folder, config)
    if stored is None or config.source is None:
        return None
    if not is_trusted(stored):
        origin = "code that you haven't run before" if stored.is_own else "another user's code"
        raise UntrustedSource(
            f"the network of run {folder.path.name!r} is {origin}; read {_listed(folder, config.source)}, then add "
            "--trust to run it"
        )
    return stored.network


def is_trusted(stored: StoredModel) -> bool:
    """Return whether a model may be executed without asking. Raises UserError if the list can't be read."""
    return stored.key in _read(_file())


def trust(stored: StoredModel) -> None:
    """Allow this model to be executed without asking again. Raises UserError if the list can't be written."""
    file = _file()
    try:
        make_private_folder(file.parent)
        with _locked(file):
            keys = _read(file)
            if stored.key not in keys:
                write_atomically(file, "".join(f"{key}\n" for key in (*keys, stored.key)).encode())
    except OSError as error:
        raise UserError(f"can't write {file}, the list of trusted networks: {reason(error)}") from error


def _key(source: ModelSource, path: str | None) -> str:
    values = (source.sha256, source.class_name, source.arguments, source.main, source.modules, path)
    return hashlib.sha256(msgspec.json.encode(values, order="deterministic")).hexdigest()


def list_modules(paths: Iterable[str]) -> str:
    """Return the paths of a model's modules, separated by commas: the first MAX_LISTED, and the number of others."""
    known = sorted(paths)
    more = len(known) - MAX_LISTED
    return ", ".join(known[:MAX_LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _listed(folder: Folder, source: ModelSource) -> str:
    """Return the paths of the model's files."""
    file = one_line(str(folder.path / MODEL_FILE))
    return f"{file} and, in {MODULES_FOLDER} beside it, {list_modules(source.modules)}" if source.modules else file


def _file() -> Path:
    return platformdirs.user_state_path("fashion-tui", appauthor=False) / TRUSTED_FILE


def _read(file: Path) -> list[str]:
    try:
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise UserError(
                    f"{file} controls which code may be executed, but others can write to it; check its lines, then "
                    "run chmod 600 on it"
                )
            content = opened.read(MAX_TRUSTED_BYTES + 1)
            if len(content) > MAX_TRUSTED_BYTES:
                raise UserError(f"{file} is larger than {MAX_TRUSTED_BYTES:,} bytes; delete it to start a new list")
            return content.decode("ascii", "replace").split()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"can't read {file}, the list of trusted networks: {reason(error)}") from error


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Prevent other processes from adding to the list while the block runs."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(file.with_name(f"{file.name}.lock"), flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
