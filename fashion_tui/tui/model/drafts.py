"""Drafts: unsaved edits to a network's source, which are kept in a file so that they aren't lost when the app ends.

Each instance of the app has its own draft, which it locks while it runs. An unlocked draft was left behind by an
earlier instance.
"""

import fcntl
import os
import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from fashion_tui.files import make_private_folder, read_limited, write_atomically
from fashion_tui.schema.inputs import Inputs
from fashion_tui.schema.models import MAX_MODULES_BYTES, MAX_SOURCE_BYTES, CustomModel

MAX_DRAFT_BYTES = 4 * MAX_SOURCE_BYTES + 2 * MAX_MODULES_BYTES


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Unsaved edits to a network's source."""

    name: str
    """Name of the network, as shown in the pane's title."""
    model: CustomModel
    """The network with the edited source."""
    original: str
    """The source as it was last loaded or saved."""
    inputs: Inputs
    time: float
    """Time of the last edit, in seconds since the epoch."""


class LeftDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A draft that an earlier instance of the app left behind."""

    path: Path
    draft: Draft

    @property
    def description(self) -> str:
        """A description of the draft, such as `unsaved edits to net.py, 30 Nov 14:30`."""
        return f"unsaved edits to {self.draft.name}, {time.strftime('%d %b %H:%M', time.localtime(self.draft.time))}"

    def discard(self) -> None:
        _remove(self.path)


def default_folder() -> Path:
    import platformdirs  # noqa: PLC0415 -- not needed before the first paint

    return platformdirs.user_state_path("fashion-tui", appauthor=False) / "drafts"


class DraftFile:
    """The draft file of this app instance. All methods are thread-safe.

    If the disk is full or the folder isn't writable, no draft is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._mutex = threading.Lock()
        self._path = folder / f"{os.getpid()}-{secrets.token_hex(4)}.json"
        self._lock: int | None = None
        """Descriptor of the lock file, or None while no draft exists."""

    def write(self, draft: Draft) -> None:
        with self._mutex, suppress(OSError):
            if self._lock is None:
                make_private_folder(self._path.parent)
                self._lock = os.open(_lock_path(self._path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
            write_atomically(self._path, msgspec.json.encode(draft), durable=False)

    def remove(self) -> None:
        """Remove the draft. Call this after its edits have been saved or discarded."""
        with self._mutex:
            if self._lock is not None:
                _remove(self._path)
                self._release()

    def release(self) -> None:
        """Release the lock and keep the draft, so that the next instance of the app finds it."""
        with self._mutex:
            self._release()

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def newest_left_draft(folder: Path) -> LeftDraft | None:
    """Return the newest draft that an earlier instance of the app left behind, or None if there is none."""
    drafts = []
    for path in folder.glob("*.json"):
        if not _is_locked(path):
            with suppress(OSError, msgspec.DecodeError):
                draft = msgspec.json.decode(read_limited(path, MAX_DRAFT_BYTES), type=Draft)
                drafts.append(LeftDraft(path=path, draft=draft))
    return max(drafts, key=lambda left: left.draft.time, default=None)


def _remove(path: Path) -> None:
    for file in (path, _lock_path(path)):
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def _is_locked(path: Path) -> bool:
    """Return whether the instance that wrote the draft is still running."""
    try:
        descriptor = os.open(_lock_path(path), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
