"""The lock of a run, `run.lock`, held by its trainer. The system releases the lock even if the trainer is killed."""

import fcntl
import os
import time
from contextlib import suppress
from typing import Self

import msgspec

from fashion_tui.machine.host import host_name
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.text import one_line

from .errors import DamagedRun, reason
from .folder import Folder, UnsafeFile
from .layout import LOCK_FILE, MAX_BYTES

RETRY_SECONDS = 0.02

HOLDER_BYTES = 512
"""Size of the file's content in bytes. The content is padded with spaces, so that one write replaces it completely."""

_held: set[int] = set()
"""Descriptors of the locks that this process holds."""


def hold(descriptor: int) -> None:
    """Lock an open file, and wait if another process has locked it. Child processes don't inherit the lock.

    Raises OSError if the file system has no locks.
    """
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    _held.add(descriptor)


def release(descriptor: int) -> None:
    """Close a file that `hold` has locked, which releases the lock. Do nothing in a forked child."""
    if descriptor in _held:
        _held.remove(descriptor)
        os.close(descriptor)


def is_free(descriptor: int) -> bool:
    """Return True if no process holds an exclusive lock on an open file. Raises OSError."""
    # Take a shared lock so that viewers don't mistake each other for a trainer. Closing the file releases the lock.
    return _try_lock(descriptor, fcntl.LOCK_SH)


def _close_inherited() -> None:
    """Close the locks in a forked child, so that the child doesn't hold them after the parent has ended."""
    for descriptor in _held:
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_inherited)


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """The last process that took the lock, as recorded in the file."""

    pid: int
    host: str


class LockHeld(UserError):
    """Raised when a trainer or script holds the lock. The message identifies its process and says how to stop it."""

    def __init__(self, folder: Folder) -> None:
        process = holder(folder)
        user = f"process {process.pid} on {one_line(process.host)!r}" if process else "another process"
        run = folder.path.name
        super().__init__(f"run {run!r} is in use by {user}; stop it first, with: fashion-tui stop {run}")


class RunLock:
    """Exclusive permission to write to a run, as a context manager. Child processes don't inherit the lock."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def acquire(self, timeout: float = 2.0) -> None:
        """Take the lock. If it is held, retry for `timeout` seconds.

        Raises LockHeld if another process still holds it, DamagedRun if the file is unsafe, and UserError if the file
        can't be opened or locked.
        """
        path = self._folder.path / LOCK_FILE
        deadline = time.monotonic() + timeout
        try:
            descriptor = self._folder.open_file(LOCK_FILE, os.O_RDWR | os.O_CREAT, MAX_BYTES[LOCK_FILE])
        except UnsafeFile as error:
            raise DamagedRun(self._folder.path.name, f"{LOCK_FILE} can't be opened: {reason(error)}") from error
        except OSError as error:
            raise UserError(f"can't open {str(path)!r}: {reason(error)}; a trainer must be able to write it") from error
        try:
            while not _try_lock(descriptor, fcntl.LOCK_EX):
                if time.monotonic() >= deadline:
                    raise LockHeld(self._folder)  # noqa: TRY301 - the descriptor is also closed in this case
                time.sleep(RETRY_SECONDS)
        except OSError as error:
            os.close(descriptor)
            raise UserError(f"can't lock {str(path)!r}: {reason(error)}; keep runs on another file system") from error
        except BaseException:
            os.close(descriptor)
            raise
        _held.add(descriptor)
        self._descriptor = descriptor
        with suppress(OSError):  # the disk may be full; the lock works without the content
            content = msgspec.json.encode(Holder(pid=os.getpid(), host=host_name()))
            os.pwrite(descriptor, content.ljust(HOLDER_BYTES), 0)

    def release(self) -> None:
        """Release the lock, if it is held."""
        if self._descriptor is not None:
            release(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_held(folder: Folder) -> bool:
    """Return whether a process holds the lock. Return True if this is unknown, because the trainer may be alive."""
    try:
        descriptor = folder.open_file(LOCK_FILE, os.O_RDONLY, MAX_BYTES[LOCK_FILE])
    except (FileNotFoundError, UnsafeFile):
        return False
    except OSError:
        return True
    try:
        return not is_free(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)


def holder(folder: Folder) -> Holder | None:
    """Return the process that took the lock last, or None if the lock's file can't be read."""
    try:
        return msgspec.json.decode(folder.read(LOCK_FILE, MAX_BYTES[LOCK_FILE]), type=Holder)
    except (OSError, ValueError):
        return None


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
