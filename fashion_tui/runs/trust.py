"""Whose code may be executed unasked: networks that this user has trained, or has said to be trusted.

A run's directory may come from anywhere, and what lies in it is only data until its network is made. Whoever makes it
takes the source from `trusted_network`, at that moment, and executes what it was given.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.run import RunConfig

from .files import write_atomically
from .source import StoredModel, read_model
from .text import one_line, reason

TRUSTED_FILE = "trusted-networks"
"""In the platform's state directory, wherever the runs lie: one `StoredModel.key` a line."""


def trusted_network(run_path: Path, config: RunConfig) -> CustomModel | None:
    """The run's own network, to be executed; None where it has one of ours.

    UntrustedSource where it is neither one that this user has trained nor said to be trusted; DamagedRun where it
    isn't the one that the run was made with.
    """
    stored = read_model(run_path, config)
    if stored is None:
        return None
    if not is_trusted(stored):
        whose = "is code that you haven't run before" if stored.is_own else "is another user's code"
        file = one_line(stored.network.file or "")
        raise UntrustedSource(f"the network of run {run_path.name!r} {whose}: read {file}, then add --trust to run it")
    return stored.network


def is_trusted(stored: StoredModel) -> bool:
    """Whether it may be executed unasked. UserError where the list can't be read."""
    return stored.key in _read(_file())


def trust(stored: StoredModel) -> None:
    """From now on it may be executed unasked. UserError where the list can't be written."""
    file = _file()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(file):
            known = _read(file)
            if stored.key not in known:
                write_atomically(file, "".join(f"{key}\n" for key in (*known, stored.key)).encode())
    except OSError as error:
        raise UserError(f"{file}, the list of trusted networks, can't be written: {reason(error)}") from error


def _file() -> Path:
    return platformdirs.user_state_path("fashion-tui", appauthor=False) / TRUSTED_FILE


def _read(file: Path) -> list[str]:
    try:
        with file.open("rb") as opened:
            found = os.fstat(opened.fileno())
            if found.st_uid != os.getuid() or found.st_mode & 0o022:
                raise UserError(
                    f"{file} can be written by others, and says what code is run: see to it, then chmod 600"
                )
            return opened.read().decode("ascii", "replace").split()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"{file}, the list of trusted networks, can't be read: {reason(error)}") from error


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """No other process adds to the list meanwhile."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(file.with_name(f"{file.name}.lock"), flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
