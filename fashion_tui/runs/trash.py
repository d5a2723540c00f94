"""Move runs to the trash, `RUNS/.trash`, and back."""

import os
import shutil
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from fashion_tui.files import make_private_folder
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import LIVE_STATES, RunSummary

from .errors import DamagedRun, reason
from .lock import LockHeld
from .run import Run
from .store import find_run, run_names, summarise, summarise_path

TRASH_FOLDER = ".trash"
"""Folder in the runs folder. Its name starts with a dot, so its runs aren't listed."""

KEPT_DAYS = 7
"""Days for which a deleted run can be restored."""

REMOVED_SUFFIX = ".removed"
"""Suffix of runs that are being removed from the trash."""


def trash_folder(runs_dir: Path) -> Path:
    """Return the path of the trash, which may not exist."""
    return runs_dir.absolute() / TRASH_FOLDER


def check_deletable(run: Run, runs_dir: Path) -> None:
    """Raise LockHeld if the run is live, and UserError if it isn't a directory of the runs folder or is imported."""
    run.check_writable()
    if run.path.is_symlink() or run.path.resolve().parent != runs_dir.resolve():
        raise UserError(
            f"{str(run.path)!r} isn't a directory of the runs folder {str(runs_dir.absolute())!r}; choose another "
            "folder with --runs, or delete it with rm -r"
        )
    if run.is_live() or summarise(run).state in LIVE_STATES:
        raise LockHeld(run.folder)


def delete(run: Run, runs_dir: Path) -> Path:
    """Move an ended run to the trash, and return its new path. A damaged run can be deleted, too.

    The run's lock is held meanwhile, so that no trainer can start. The modification time of the run's directory becomes
    the time of the deletion. Raises the errors of `check_deletable`, and UserError if the run can't be moved.
    """
    check_deletable(run, runs_dir)
    trash = trash_folder(runs_dir)
    path = trash / run.id
    with ExitStack() as stack:
        with suppress(DamagedRun):  # no trainer can hold a lock whose file isn't a regular file
            stack.enter_context(run.lock())
        try:
            make_private_folder(trash)
            if path.exists():
                raise UserError(f"the trash already contains a run {run.id!r}; restore or remove {str(path)!r} first")
            now = time.time()
            os.utime(run.path, (now, now))
            run.path.rename(path)
        except OSError as error:
            raise UserError(f"can't move run {run.id!r} to {str(trash)!r}: {reason(error)}") from error
    return path


def restore(runs_dir: Path, name: str) -> Path:
    """Move a run from the trash back to the runs folder, and return its path.

    `name` is the run's id or a unique prefix of the id, with or without the time. Raises UserError if no run or several
    runs match, if the folder has a run with this id, or if the run can't be moved.
    """
    trash = trash_folder(runs_dir)
    paths = {run: trash / run for run in run_names(trash)}
    deleted = find_run(paths, name)
    if deleted is None:
        choice = f"choose from {', '.join(sorted(paths, reverse=True)[:5])}" if paths else "the trash is empty"
        raise UserError(f"no run {name!r} in {str(trash)!r}; {choice}")
    path = runs_dir.absolute() / deleted.name
    if path.exists():
        raise UserError(f"{str(runs_dir)!r} already contains a run {deleted.name!r}; move one of them elsewhere first")
    try:
        deleted.rename(path)
    except OSError as error:
        raise UserError(f"can't restore run {deleted.name!r}: {reason(error)}") from error
    return path


def deleted_runs(runs_dir: Path) -> list[tuple[RunSummary, float]]:
    """Return the runs in the trash and the times of their deletion, last deleted first. Raises UserError."""
    trash = trash_folder(runs_dir)
    found = []
    for name in run_names(trash):
        with suppress(OSError):  # another process has restored or removed the run
            found.append((summarise_path(trash / name), (trash / name).stat().st_mtime))
    return sorted(found, key=lambda deleted: deleted[1], reverse=True)


def remove_old(runs_dir: Path, *, days: float = KEPT_DAYS) -> list[str]:
    """Remove the runs that were deleted more than `days` days ago, and return their ids.

    A run that can't be removed stays in the trash. If this process is killed meanwhile, the next call removes the rest.
    """
    trash, removed = trash_folder(runs_dir), []
    oldest = time.time() - days * 86400
    with suppress(UserError):
        for name in run_names(trash):
            with suppress(OSError):
                if not (trash / name).is_symlink() and (trash / name).stat().st_mtime < oldest:
                    # The new name starts with a dot, so a run that is partly removed can't be restored.
                    (trash / name).rename(trash / f".{name}{REMOVED_SUFFIX}")
                    removed.append(name)
    for path in trash.glob(f".*{REMOVED_SUFFIX}"):
        shutil.rmtree(path, ignore_errors=True)
    return removed
