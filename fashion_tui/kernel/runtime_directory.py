"""A private directory for the sockets, connection files and logs of an app's kernels.

Other processes, such as `fashion-tui kernel`, find the kernels of open apps in these directories.
"""

import contextlib
import fcntl
import os
import shlex
import shutil
import tempfile
from pathlib import Path

import msgspec

from fashion_tui.schema.paths import is_utf8

MAX_SOCKET_PATH = 100
"""Maximum length of a Unix socket's path in bytes. Linux allows 107, macOS 103."""

_PREFIX = "fashion-tui-kernel-"
_LONGEST_SUFFIX = f"/{_PREFIX}12345678/99-5"
_LOCK = "lock"


class RuntimeDirectory:
    """A new directory with mode 0700 and a path short enough for sockets.

    The constructor also removes the runtime directories of apps that were killed.
    """

    def __init__(self) -> None:
        """Create the directory. Raises OSError if no directory can be created."""
        self.path = _create()
        self._lock = os.open(self.path / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(self._lock, str(os.getpid()).encode())
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # the lock is released when this process ends, even if it is killed
        for directory in self.path.parent.glob(f"{_PREFIX}*"):
            _remove_if_abandoned(directory)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


class OpenKernel(msgspec.Struct, frozen=True):
    """The kernel of an open app."""

    connection_file: str
    command: str
    """Shell command that connects a second front end to the kernel."""
    app_pid: int
    started: float
    """Time at which the kernel was started, in seconds since the epoch."""


def open_kernels() -> list[OpenKernel]:
    """Return the kernels of the current user's open apps, newest first."""
    kernels = []
    for directory, app_pid in _owned_directories().items():
        with contextlib.suppress(OSError):  # the app may have been closed in the meantime
            started = {file: file.stat().st_mtime for file in directory.glob("*.json")}
            if started:
                newest = max(started, key=started.__getitem__)
                kernels.append(OpenKernel(str(newest), console_command(newest), app_pid, started[newest]))
    return sorted(kernels, key=lambda kernel: kernel.started, reverse=True)


def console_command(connection_file: Path) -> str:
    """Return the shell command that opens a console on the kernel in another terminal."""
    return f"jupyter console --existing {shlex.quote(str(connection_file))}"


def _owned_directories() -> dict[Path, int]:
    """Return the runtime directories of the current user's open apps, with the process ids of the apps."""
    directories = {directory for parent in _parents() for directory in Path(parent).glob(f"{_PREFIX}*")}
    return {directory: owner for directory in directories if (owner := _owner(directory)) is not None}


def _parents() -> list[str]:
    """Return the parent directories to try for a new runtime directory, in order of preference."""
    parents = [os.environ.get("XDG_RUNTIME_DIR", ""), "/tmp", tempfile.gettempdir()]  # noqa: S108 -- mkdtemp is safe there
    return [parent for parent in parents if parent and is_utf8(parent)]  # ZeroMQ and JSON need UTF-8 paths


def _create() -> Path:
    parents = _parents()
    short_enough = [parent for parent in parents if len(os.fsencode(parent + _LONGEST_SUFFIX)) <= MAX_SOCKET_PATH]
    for parent in short_enough:
        with contextlib.suppress(OSError):
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    raise OSError(f"can't create a directory for the kernel's sockets in {' or '.join(short_enough or parents)}")


def _remove_if_abandoned(directory: Path) -> None:
    """Remove a runtime directory if its app has ended.

    Keep directories of other users and directories that are still being created.
    """
    with contextlib.suppress(OSError):
        lock = _open_lock(directory)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        finally:
            os.close(lock)


def _owner(directory: Path) -> int | None:
    """Return the id of the process that holds a directory's lock.

    Return None if no process holds the lock, or if the directory belongs to another user.
    """
    with contextlib.suppress(OSError, ValueError):
        lock = _open_lock(directory)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.read(lock, 20))
        finally:
            os.close(lock)
    return None


def _open_lock(directory: Path) -> int:
    """Open a directory's lock file. Raises OSError if there is none, or if the directory belongs to another user."""
    if directory.is_symlink() or directory.stat().st_uid != os.getuid():
        raise PermissionError(f"{directory} belongs to another user")
    return os.open(directory / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
