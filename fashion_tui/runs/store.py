"""Locate the folder of the runs, list its runs, and find a run by the name that a user typed."""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.notes import Notes
from fashion_tui.schema.run import LIVE_STATES, RunConfig, RunStatus, RunSummary, StoredConfig
from fashion_tui.schema.text import one_line, printable

from .checkpoints import Report, ignore
from .create import RUN_ID
from .errors import DamagedRun, reason
from .folder import Folder
from .imported.discovery import find_logs
from .imported.formats import open_log
from .layout import CONFIG_FILE, RUN_FILES
from .lock import LockHeld
from .notes import read_notes
from .queue import find_place
from .reader import RunReader
from .run import Contents, Run, run_id
from .state import derive, is_fresh, total_steps, unknown_status

MAX_NAMED = 5
"""Maximum number of runs listed in an error message."""


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """Number of bytes that `prune` has freed, or would free, in one run."""

    run: str
    path: str
    bytes: int


def list_runs(runs_dir: Path, warn: Report = ignore) -> list[RunSummary]:
    """Return all runs in the folder, newest first, including damaged ones and those that other libraries log.

    `warn` is called with a message about each folder that can't be searched for logs of other libraries. If the runs
    folder doesn't exist, return no runs. Raises UserError if the folder can't be read.
    """
    return list(newest_first(summarise_path(path, runs_dir) for path in _run_paths(runs_dir, warn).values()))


def newest_first(summaries: Iterable[RunSummary]) -> tuple[RunSummary, ...]:
    """Return the runs sorted for display, newest first."""
    return tuple(sorted(summaries, key=lambda summary: (summary.created, summary.run), reverse=True))


def run_ids(runs_dir: Path) -> list[str]:
    """Return the ids of all runs in the folder, newest first.

    Raises UserError if the folder can't be read.
    """
    return sorted(_run_paths(runs_dir), reverse=True)


def open_run(runs_dir: Path, name: str) -> Run:
    """Open a run by its id, by a unique prefix of its id (with or without the time), by its path, or as `latest`.

    `latest` is the newest run whose configuration can be read. Raises UserError if no run or several runs match.
    """
    if name == "latest":
        return _open_latest(runs_dir)
    paths = _run_paths(runs_dir)
    path = find_run(paths, name) or _run_at(name)
    if path:
        return Run(path, runs_dir)
    if not paths:
        raise UserError(f"no run {name!r}: {str(runs_dir)!r} has no runs; start one with: fashion-tui train")
    newest = sorted(paths, reverse=True)
    raise UserError(f"no run {name!r} in {str(runs_dir)!r}; choose from {_names(newest)}")


def open_newest_finished(runs_dir: Path) -> Run:
    """Open the newest run that was trained to its end. Raises UserError if there is none."""
    for summary in list_runs(runs_dir):
        if summary.kind == "trained" and summary.state == "finished":
            return Run(Path(summary.path), runs_dir)
    raise UserError(
        f"no run in {str(runs_dir)!r} has finished; train one with: fashion-tui train, or name a run with --run"
    )


def find_run(paths: Mapping[str, Path], name: str) -> Path | None:
    """Find a run by its id or by a unique prefix of its id, with or without the time. Return None if no run matches.

    `paths` maps the id of each run to its path. Raises UserError if several runs match.
    """
    if name in paths:
        return paths[name]
    matches = [run for run in paths if name and run.startswith(name)]
    matches = matches or [run for run in paths if name and _without_time(run).startswith(name)]
    if len(matches) > 1:
        raise UserError(f"{name!r} matches several runs: {_names(matches)}; type more of the id")
    return paths[matches[0]] if matches else None


def summarise(run: Run, *, trust_heartbeat: bool = True) -> RunSummary:
    """Return a run's entry in the list of runs. For a damaged run, unknown fields are None or 0.

    If `trust_heartbeat` is False, only the lock decides whether the run is live, because the heartbeat of a trainer
    that has just ended can still be recent.
    """
    damage: list[str] = []
    config: StoredConfig | None = None
    try:
        config = run.stored_config
    except DamagedRun as error:
        damage.append(error.detail)
    try:
        status = run.read_status()
    except DamagedRun as error:
        damage.append(error.detail)
        status = RunReader(run).poll().status
    else:
        alive = run.is_alive(status, fresh=trust_heartbeat and is_fresh(status))
        status = derive(status, run.last_event, alive=alive)
    notes = Notes()
    try:
        notes = notes if run.imported else read_notes(run.folder)
    except DamagedRun as error:
        damage.append(error.detail)
    contents = run.contents()
    summary = _summary(run.id, run.path, config, status, contents, contents.add_problems(damage), notes)
    if status.state != "queued" or (place := find_place(run.path)) is None:
        return summary
    return msgspec.structs.replace(summary, queue_place=place.place)


def prunable(runs: Iterable[RunSummary]) -> tuple[Pruned, ...]:
    """Return the ended runs in which `prune` would free space, and the number of bytes for each run."""
    found = []
    for summary in runs:
        if summary.state in LIVE_STATES or summary.kind == "imported":
            continue
        try:
            with Run(Path(summary.path)) as run:
                size = 0 if run.is_live() else run.checkpoints.prunable_bytes()
        except DamagedRun:
            continue
        if size:
            found.append(Pruned(run=summary.run, path=summary.path, bytes=size))
    return tuple(found)


def prune(run: Run) -> Pruned:
    """Remove the older checkpoints of an ended run. Hold the run's lock meanwhile, so that no trainer can start.

    Keep the newest intact checkpoint, from which the run can be resumed, and the best one. Raises LockHeld if the run
    is live, and UserError if a file can't be removed.
    """
    run.check()
    if run.is_live():
        raise LockHeld(run.folder)
    with run.lock():
        try:
            size = run.checkpoints.prune()
        except OSError as error:
            raise UserError(f"can't remove checkpoints of run {run.id!r}: {reason(error)}") from error
    return Pruned(run=run.id, path=str(run.path), bytes=size)


def summarise_path(path: Path, runs_dir: Path | None = None) -> RunSummary:
    """Return a summary of the run in this directory. If the run can't be opened, `damage` says why.

    `runs_dir` is the runs folder, by default the parent of the directory.
    """
    try:
        with Run(path, runs_dir) as run:
            return summarise(run)
    except DamagedRun as error:
        return _summary(
            run_id(path, runs_dir), path, None, unknown_status("lost"), Contents(0, 0, ()), [error.detail], Notes()
        )


def _summary(  # noqa: PLR0913
    run: str,
    path: Path,
    config: StoredConfig | None,
    status: RunStatus,
    contents: Contents,
    damage: list[str],
    notes: Notes,
) -> RunSummary:
    return RunSummary(
        run=run,
        path=str(path),
        state=status.state,
        kind=config.kind if config else None,
        recipe=config.recipe.name if isinstance(config, RunConfig) else None,
        dataset=config.dataset.short_name if isinstance(config, RunConfig) else None,
        epoch=status.epoch,
        epochs=status.epochs,
        step=status.step,
        total_steps=total_steps(status),
        test_accuracy=status.test_accuracy,
        pid=status.pid if status.state in LIVE_STATES else None,
        created=config.created if config else _created_by_name(path),
        loss=status.loss,
        images_per_second=status.images_per_second,
        train_seconds=status.train_seconds,
        message=status.message,
        damage="; ".join(damage) or None,
        disk_bytes=contents.bytes,
        checkpoint_bytes=contents.checkpoint_bytes,
        title=printable(notes.title),
        tags=tuple(map(printable, notes.tags)),
        note=notes.note,
    )


def _open_latest(runs_dir: Path) -> Run:
    for summary in list_runs(runs_dir):
        if summary.kind is not None:
            return Run(Path(summary.path), runs_dir)
    raise UserError(f"{str(runs_dir)!r} has no runs; start one with: fashion-tui train")


def _run_at(name: str) -> Path | None:
    """Resolve the path `name`. Return None if it isn't the directory of a run."""
    try:
        path = Path(name).expanduser()
        if not name or not path.is_dir():
            return None
        if (path / CONFIG_FILE).is_file():
            return path.resolve()
        with Folder.open(path) as folder:
            return path.resolve() if open_log(folder) else None
    except (OSError, ValueError, RuntimeError):
        # The path can't be read, is too long, contains a NUL or starts with `~` although the home directory is unknown.
        return None


def run_names(runs_dir: Path) -> list[str]:
    """Return the names of all run directories, in no particular order. Raises UserError if the folder can't be read."""
    try:
        with os.scandir(runs_dir) as entries:
            return [entry.name for entry in entries if _is_run(entry)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"can't read the runs in {str(runs_dir)!r}: {reason(error)}") from error


def _run_paths(runs_dir: Path, warn: Report = ignore) -> dict[str, Path]:
    """Return the paths of all runs, keyed by id. Raises UserError if the folder can't be read."""
    folder = runs_dir.absolute()
    own = run_names(runs_dir)
    finder = find_logs(folder, frozenset(own))
    for problem in finder.problems:
        warn(problem)
    paths = [folder / name for name in (*own, *sorted(finder.names))]
    return {run_id(path, folder): path for path in paths}


def _is_run(entry: "os.DirEntry[str]") -> bool:
    """Return whether an entry is a run directory: its name is a run id, or it contains files of a run."""
    try:
        if entry.name.startswith(".") or not entry.is_dir():
            return False
        return bool(RUN_ID.fullmatch(entry.name)) or any(Path(entry.path, name).exists() for name in RUN_FILES)
    except OSError:
        return False


def _without_time(name: str) -> str:
    match = RUN_ID.fullmatch(name)
    return match[2] if match else name


def _created_by_name(path: Path) -> float:
    match = RUN_ID.fullmatch(path.name)
    try:
        if match:
            return time.mktime(time.strptime(match[1], "%Y%m%d-%H%M%S"))
        return path.stat().st_mtime
    except (OSError, ValueError, OverflowError):
        return 0.0


def _names(runs: Sequence[str]) -> str:
    names = ", ".join(one_line(run) for run in runs[:MAX_NAMED])
    more = len(runs) - MAX_NAMED
    return f"{names} and {more} more" if more > 0 else names
