"""What runs take on the disk, and taking away of it what nobody will miss."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import LIVE_STATES, RunSummary

from .checkpoints import CHECKPOINTS_FOLDER, CheckpointStore
from .lock import LockHeld, RunLock
from .state import is_live
from .text import reason


class Usage(msgspec.Struct, frozen=True):
    """Bytes of a run's files."""

    total: int
    checkpoints: int


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken away of a run, or would be."""

    run: str
    path: str
    bytes: int


def usage(run_path: Path) -> Usage:
    """What the run takes now; files that can't be read count for nothing."""
    checkpoints = _folder_size(run_path / CHECKPOINTS_FOLDER)
    return Usage(_folder_size(run_path) + checkpoints, checkpoints)


def prunable(runs: Iterable[RunSummary]) -> tuple[Pruned, ...]:
    """The ended runs of which `prune` would take something away, and how much."""
    found = []
    for run in runs:
        path = Path(run.path)
        if run.state in LIVE_STATES or is_live(path):
            continue
        size = sum(_size(file) for file in CheckpointStore(path).older())
        if size:
            found.append(Pruned(run=run.run, path=run.path, bytes=size))
    return tuple(found)


def prune(run_path: Path) -> Pruned:
    """Take away the older checkpoints of an ended run, under its lock: no trainer can begin meanwhile.

    What stays: the newest whole checkpoint, from which the run can be resumed, the best one, the configuration and the
    log. A live run isn't touched: LockHeld. UserError where a file can't be removed.
    """
    if is_live(run_path):
        raise LockHeld(run_path)
    size = 0
    with RunLock(run_path):
        try:
            for file in CheckpointStore(run_path).older():
                size += _size(file)
                file.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"can't remove checkpoints of run {run_path.name!r}: {reason(error)}") from error
    return Pruned(run=run_path.name, path=str(run_path), bytes=size)


def _folder_size(folder: Path) -> int:
    """Of the files that lie in it, not of its folders."""
    try:
        with os.scandir(folder) as entries:
            return sum(_size(Path(entry.path)) for entry in entries if entry.is_file(follow_symlinks=False))
    except OSError:
        return 0


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0
