"""The private folder where a kernel's sockets, connection file and log lie."""

import contextlib
import fcntl
import os
import shlex
import shutil
import tempfile
from pathlib import Path

import msgspec

MAX_SOCKET_PATH = 100
"""Bytes; a Unix socket's path has room for 107 on Linux and 103 on macOS."""

_PREFIX = "fashion-tui-kernel-"
_LONGEST_INSIDE = f"/{_PREFIX}12345678/99-5"
_LOCK = "lock"


class RuntimeDirectory:
    """Mode 0700, its path short enough for sockets. `remove` ends it; a killed owner's goes when the next one comes."""

    def __init__(self) -> None:
        """OSError where no folder can be made."""
        self.path = _make()
        self._lock = os.open(self.path / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(self._lock, str(os.getpid()).encode())
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # the system frees it with our process, even on SIGKILL
        for left in self.path.parent.glob(f"{_PREFIX}*"):
            _remove_if_left(left)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def living() -> dict[Path, int]:
    """The folders of this person's whose owners live, with the owners' process ids."""
    folders = {folder for place in _places() for folder in Path(place).glob(f"{_PREFIX}*")}
    return {folder: owner for folder in folders if (owner := _owner(folder)) is not None}


def _places() -> list[str]:
    places = [os.environ.get("XDG_RUNTIME_DIR", ""), "/tmp", tempfile.gettempdir()]  # noqa: S108 -- mkdtemp is safe there
    return [place for place in places if place]


def _make() -> Path:
    places = _places()
    tried = [place for place in places if len(os.fsencode(place + _LONGEST_INSIDE)) <= MAX_SOCKET_PATH]
    for place in tried:
        with contextlib.suppress(OSError):
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    raise OSError(f"no folder can be made for its sockets in {' or '.join(tried or places)}")


def _remove_if_left(folder: Path) -> None:
    """Removes a folder whose owner is dead; not one of another person, nor one that is just being made."""
    with contextlib.suppress(OSError):
        lock = _open_lock(folder)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def _owner(folder: Path) -> int | None:
    """The process that holds the folder; None where there is none, or the folder is another person's."""
    with contextlib.suppress(OSError, ValueError):
        lock = _open_lock(folder)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(os.read(lock, 20))
        finally:
            os.close(lock)
    return None


def _open_lock(folder: Path) -> int:
    """Its descriptor; OSError where the folder isn't this person's, or has no lock yet."""
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} isn't this person's")
    return os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)


class OpenKernel(msgspec.Struct, frozen=True):
    """The kernel of an open app."""

    connection_file: str
    command: str
    """Opens a second front end on it."""
    app_pid: int
    started: float
    """Seconds since the epoch."""


def open_kernels() -> list[OpenKernel]:
    """Those of this person's open apps, the newest first."""
    found = []
    for place, owner in living().items():
        with contextlib.suppress(OSError):  # ended meanwhile
            files = {file: file.stat().st_mtime for file in place.glob("*.json")}
            if files:
                newest = max(files, key=files.__getitem__)
                found.append(OpenKernel(str(newest), console_command(newest), owner, files[newest]))
    return sorted(found, key=lambda kernel: kernel.started, reverse=True)


def console_command(connection_file: Path) -> str:
    """What a person types in another terminal, to work in the kernel from there too."""
    return f"jupyter console --existing {shlex.quote(str(connection_file))}"
