"""The queue of each device: the runs that use it, and the runs that wait for it.

Each trainer has an entry in the folder `RUNS/.queue/HOST-DEVICE`: an empty file that it keeps locked with `flock`. When
a trainer ends, even by SIGKILL or a power failure, the kernel releases the lock, and the entry no longer counts. No
process manages the queue. The name of the file is the state of the entry:

- `waiting-ORDER-RUN`: the run waits. Waiting runs are sorted by ORDER, and then by RUN.
- `training-RUN`: the run trains. A run that was started without the queue doesn't wait, but has such an entry, too.

A waiting run starts when the folder has no other locked entry that is training or waits with a lower ORDER. To start,
it renames its entry. The entry stays locked. Paused runs keep their entry.

Concurrent changes and failures:

- Two trainers check the folder at the same time. A process that adds, renames or removes an entry locks the folder
  itself, so the second trainer sees the entry of the first. The kernel releases this lock, too.
- A trainer is killed. Its entry isn't locked, so others ignore it, and a waiting trainer removes it. A new entry is
  locked before the folder is unlocked, so it is never mistaken for one of a killed trainer.
- A run starts while the user moves it. `move` then finds no waiting entry, and reports that.
- The process that moves a run is killed. A move exchanges the ORDER of two entries. If only one of them has been
  renamed, both have the same ORDER. All trainers then sort these two by the id.
- The folder is deleted. Each waiting trainer adds its entry again, with its last ORDER. Trainers that have started
  don't, so a waiting run may start while they train.
- On a GPU, a run that was started without the queue knows its device only after importing torch. A queued run that
  checks the folder during these seconds starts, too.
- The file system can't lock folders, which is true of some network file systems. Two trainers may then start at the
  same time.
"""

import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from fashion_tui.machine.host import host_name
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.text import one_line

from .errors import reason
from .folder import SAFE, Folder
from .lock import hold, is_free, release

QUEUE_FOLDER = ".queue"
"""Folder in the runs folder. Its name starts with a dot, so it isn't listed as a run."""

_WAITING = re.compile(r"waiting-(?P<order>\d{20})-(?P<run>.+)", re.DOTALL)
_TRAINING = re.compile(r"training-(?P<run>.+)", re.DOTALL)


class QueuePlace(msgspec.Struct, frozen=True, kw_only=True):
    """The place of a run in the queue of its device."""

    device: str
    """`cpu`, `mps` or `gpu-UUID`."""
    place: int
    """Position among the waiting runs, counted from 1."""
    length: int
    """Number of waiting runs."""
    training: tuple[str, ...]
    """Ids of the runs that have started on the device. Some of them may have been killed."""


class QueueEntry:
    """The entry of a run in the queue of a device. Its trainer keeps it until the trainer ends."""

    def __init__(self, run: Path, device: str, *, waits: bool) -> None:
        """Add an entry for a run behind all waiting runs, and start the run if the device is free.

        `run` is the run's directory, and `device` is `cpu`, `mps` or `gpu-UUID`. If `waits` is false, the run starts in
        any case. The caller must hold the run's lock. Raises OSError.
        """
        self._run = run.name
        self._queue = run.parent / QUEUE_FOLDER
        self._folder = self._queue / _folder_name(device)
        self._order = time.time_ns()
        self._descriptors: list[int] = []
        self._has_started = not waits
        self._make_folders()
        with _locked(self._folder):
            remove_entries(run)
            if waits:
                self._order = max([self._order, *(order + 1 for order, _ in _waiting(_names(self._folder)))])
                self._start_if_first()
            else:
                self._add(f"training-{self._run}")

    def try_start(self) -> bool:
        """Start the run if the device is free and no other run waits before this one. Return whether it has started.

        Raises OSError.
        """
        if not self._has_started:
            self._make_folders()
            with _locked(self._folder):
                self._start_if_first()
        return self._has_started

    def _start_if_first(self) -> None:
        names = _names(self._folder)
        waiting = _waiting(names)
        order = next((order for order, run in waiting if run == self._run), None)
        if order is None:  # the entry is new, or the folder was deleted
            self._add(_waiting_name(self._order, self._run))
        else:
            self._order = order
        before = [entry for entry in waiting if entry < (self._order, self._run)]
        others = [*(_waiting_name(*entry) for entry in before), *(f"training-{run}" for run in _training(names))]
        live = [name for name in others if _is_live(self._folder / name)]
        if not live:
            name = _waiting_name(self._order, self._run)
            (self._folder / name).rename(self._folder / f"training-{self._run}")
            self._has_started = True

    def remove(self) -> None:
        """Remove the entry, so that the next run can start."""
        with suppress(OSError), _locked(self._folder):
            remove_entries(self._queue.parent / self._run)
        for descriptor in self._descriptors:
            release(descriptor)
        self._descriptors.clear()

    def _add(self, name: str) -> None:
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | SAFE, 0o600)
        try:
            os.fchmod(descriptor, _mode(self._queue.parent) & 0o666)
            hold(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptors.append(descriptor)

    def _make_folders(self) -> None:
        """Create the folders with the permissions of the runs folder, so that all its users can add their runs."""
        for folder in (self._queue, self._folder):
            if not folder.is_dir():
                with suppress(FileExistsError):
                    folder.mkdir()
                    folder.chmod(_mode(self._queue.parent))


def remove_entries(run: Path) -> None:
    """Remove all entries of a run. The caller must hold the run's lock, or know that the run has no live trainer."""
    for entry in _entries(run):
        with suppress(OSError):
            entry.unlink()


def is_device_free(runs_dir: Path, device: str) -> bool:
    """Return whether a device has no entries. Some entries may belong to killed trainers."""
    return not _names(runs_dir / QUEUE_FOLDER / _folder_name(device))


def find_place(run: Path) -> QueuePlace | None:
    """Return the place of the run in this directory in the queue of its device, or None if it isn't waiting.

    Entries of killed trainers are counted until a trainer that waits behind them removes them, which takes less than a
    second.
    """
    with suppress(OSError):
        for folder in (run.parent / QUEUE_FOLDER).iterdir():
            names = _names(folder)
            waiting = [waiting for _, waiting in _waiting(names)]
            if run.name in waiting:
                return QueuePlace(
                    device=folder.name.removeprefix(_folder_name("")),
                    place=waiting.index(run.name) + 1,
                    length=len(waiting),
                    training=tuple(_training(names)),
                )
    return None


def move(run: Path, places: int) -> QueuePlace:
    """Move a waiting run by some places towards the end of the queue, or towards the front if `places` is negative.

    A run at the end of the queue isn't moved further. Raises UserError if the run isn't waiting, or if an entry can't
    be renamed.
    """
    step = 1 if places > 0 else -1
    try:
        if (before := find_place(run)) is not None:
            folder = run.parent / QUEUE_FOLDER / _folder_name(before.device)
            with _locked(folder):
                for _ in range(abs(places)):
                    _exchange(folder, run.name, step)
    except OSError as error:
        raise UserError(f"can't move run {one_line(run.name)!r} in the queue: {reason(error)}") from error
    place = find_place(run)
    if place is None:
        raise UserError(f"run {one_line(run.name)!r} isn't in the queue; only a queued run can be moved")
    return place


def _exchange(folder: Path, run: str, step: int) -> None:
    """Exchange a run with the next one in the queue or, if `step` is -1, with the previous one, if there is one."""
    waiting = _waiting(_names(folder))
    index = next((index for index, (_, name) in enumerate(waiting) if name == run), None)
    if index is None or not 0 <= index + step < len(waiting):
        return
    (order, _), (other_order, other) = waiting[index], waiting[index + step]
    new_order = other_order if other_order != order else order + step  # an interrupted move leaves equal orders
    (folder / _waiting_name(order, run)).rename(folder / _waiting_name(new_order, run))
    (folder / _waiting_name(other_order, other)).rename(folder / _waiting_name(order, other))


def _folder_name(device: str) -> str:
    """Return the name of a device's folder, which includes the host, because hosts may share a runs folder."""
    return f"{re.sub(r'[^A-Za-z0-9.]', '_', host_name())}-{device}"


def _waiting_name(order: int, run: str) -> str:
    return f"waiting-{order:020d}-{run}"


def _waiting(names: Sequence[str]) -> list[tuple[int, str]]:
    """Return the order and the id of each waiting run, sorted."""
    matches = map(_WAITING.fullmatch, names)
    return sorted((int(match["order"]), match["run"]) for match in matches if match)


def _training(names: Sequence[str]) -> list[str]:
    matches = map(_TRAINING.fullmatch, names)
    return sorted(match["run"] for match in matches if match)


def _entries(run: Path) -> list[Path]:
    """Return the entries of a run in the queues of all devices. `run` is its directory."""
    found = []
    with suppress(FileNotFoundError):
        for folder in (run.parent / QUEUE_FOLDER).iterdir():
            for name in _names(folder):
                match = _TRAINING.fullmatch(name) or _WAITING.fullmatch(name)
                if match is not None and match["run"] == run.name:
                    found.append(folder / name)
    return found


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - twice as fast as Path.iterdir
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_live(entry: Path) -> bool:
    """Return whether a trainer holds an entry. If none does, remove the entry. The folder must be locked."""
    try:
        descriptor = os.open(entry, os.O_RDONLY | SAFE)
    except OSError:
        return False
    try:
        if not is_free(descriptor):
            return True
    except OSError:  # the file system has no locks, so waiting would never end
        return False
    finally:
        os.close(descriptor)
    with suppress(OSError):
        entry.unlink()
    return False


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder, so that no other process changes its entries."""
    with Folder.open(folder) as opened, opened.locked():
        yield


def _mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)
