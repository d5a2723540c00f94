"""Who trains a run: the process that holds `run.lock`. The system frees the lock with its process, even on SIGKILL."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec

from fashion_tui.machine.host import host_name
from fashion_tui.schema.errors import UserError

from .files import read_whole
from .text import one_line, reason

LOCK_FILE = "run.lock"
RETRY_SECONDS = 0.02

HOLDER_BYTES = 512
"""Always so many are written, blanks at the end: one holder's text covers the last one's, and is never half there."""

_held: set[int] = set()
"""Descriptors of this process's locks."""


def _close_inherited() -> None:
    """A forked child shares its parent's descriptors, and would keep the lock alive after the parent's death."""
    for descriptor in _held:
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_inherited)


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """What the lock's file says of the process that took it last."""

    pid: int
    host: str


class LockHeld(UserError):
    """Another trainer has the run; the message says which."""

    def __init__(self, run_path: Path) -> None:
        who = holder(run_path)
        process = f"process {who.pid} on {one_line(who.host)!r}" if who else "another process"
        super().__init__(f"run {run_path.name!r} is being trained by {process}; stop that one first")


class RunLock:
    """The right to write a run. Child processes don't inherit it."""

    def __init__(self, run_path: Path) -> None:
        self.run_path = run_path
        self._descriptor: int | None = None

    def acquire(self, timeout: float = 2.0) -> None:
        """Take the lock, trying for `timeout` seconds.

        Raises LockHeld where another process keeps it, UserError where the file can't be locked at all.
        """
        path = self.run_path / LOCK_FILE
        deadline = time.monotonic() + timeout
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UserError(f"can't open {str(path)!r}: {reason(error)}; a trainer has to write there") from error
        try:
            while not _try_lock(descriptor, fcntl.LOCK_EX):
                if time.monotonic() >= deadline:
                    raise LockHeld(self.run_path)  # noqa: TRY301 - the descriptor is closed on this way too
                time.sleep(RETRY_SECONDS)
        except OSError as error:
            os.close(descriptor)
            raise UserError(f"can't lock {str(path)!r}: {reason(error)}; keep runs on another file system") from error
        except BaseException:
            os.close(descriptor)
            raise
        _held.add(descriptor)
        self._descriptor = descriptor
        with suppress(OSError):  # who holds it is a courtesy: a full disk takes nothing from the lock
            content = msgspec.json.encode(Holder(pid=os.getpid(), host=host_name()))
            os.pwrite(descriptor, content.ljust(HOLDER_BYTES), 0)

    def release(self) -> None:
        """Give the lock back; nothing happens where it isn't held."""
        if self._descriptor in _held:
            _held.remove(self._descriptor)
            os.close(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_held(run_path: Path) -> bool:
    """Whether a process holds the run's lock now. True also where that can't be found out: the status is believed."""
    try:
        descriptor = os.open(run_path / LOCK_FILE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        # Shared, so that two viewers who look at once don't see each other; gone again with the descriptor.
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    except OSError:
        return True
    finally:
        os.close(descriptor)


def holder(run_path: Path) -> Holder | None:
    """Who took the lock last; None where that can't be read."""
    try:
        return msgspec.json.decode(read_whole(run_path / LOCK_FILE), type=Holder)
    except (OSError, ValueError):
        return None


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
