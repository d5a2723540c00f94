"""The runs folder: where it is, what is in it, and which run a person means."""

import os
import time
from pathlib import Path

import platformdirs

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import LIVE_STATES, RunConfig, RunSummary

from .create import RUN_ID, new_run
from .disk import usage
from .events import EVENTS_FILE, last_event
from .reader import RunReader
from .records import CONFIG_FILE, STATUS_FILE, DamagedRun, load_config, load_status, write_status
from .state import derive, is_alive, is_fresh
from .text import one_line, reason

__all__ = [
    "DamagedRun",
    "default_runs_dir",
    "find_run",
    "list_runs",
    "load_config",
    "load_status",
    "new_run",
    "summarise",
    "write_status",
]

NAMED_CANDIDATES = 5

RUN_FILES = (CONFIG_FILE, STATUS_FILE, EVENTS_FILE)


def default_runs_dir() -> Path:
    """$FASHION_TUI_RUNS, else the folder `runs` in the platform's state directory."""
    chosen = os.environ.get("FASHION_TUI_RUNS")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return platformdirs.user_state_path("fashion-tui", appauthor=False) / "runs"


def summarise(run_path: Path, *, trust_heartbeat: bool = True) -> RunSummary:
    """The run in a line of the list; of a damaged one what can be known.

    Without `trust_heartbeat` the lock alone tells whether it lives, also in the seconds after its trainer's death.
    """
    damage: list[str] = []
    config: RunConfig | None = None
    try:
        config = load_config(run_path)
    except DamagedRun as error:
        damage.append(error.detail)
    try:
        status = load_status(run_path)
    except DamagedRun as error:
        damage.append(error.detail)
        status = RunReader(run_path).poll().status
    else:
        alive = is_alive(run_path, status, fresh=trust_heartbeat and is_fresh(status))
        status = derive(status, lambda: last_event(run_path), alive=alive)
    disk = usage(run_path)
    return RunSummary(
        run=run_path.name,
        path=str(run_path),
        state=status.state,
        recipe=config.recipe.name if config else None,
        dataset=config.dataset.name if config else None,
        epoch=status.epoch,
        epochs=status.epochs,
        step=status.step,
        total_steps=status.steps_per_epoch * status.epochs,
        test_accuracy=status.test_accuracy,
        pid=status.pid if status.state in LIVE_STATES else None,
        created=config.created if config else _created_by_name(run_path),
        loss=status.loss,
        images_per_second=status.images_per_second,
        train_seconds=status.train_seconds,
        message=status.message,
        damage="; ".join(damage) or None,
        disk_bytes=disk.total,
        checkpoint_bytes=disk.checkpoints,
    )


def list_runs(runs_dir: Path) -> list[RunSummary]:
    """All runs of the folder, newest first, damaged ones included; empty where there is no folder.

    UserError where the folder can't be read.
    """
    summaries = [summarise(path) for path in _run_paths(runs_dir)]
    return sorted(summaries, key=lambda summary: (summary.created, summary.run), reverse=True)


def find_run(runs_dir: Path, text: str) -> Path:
    """The run that a person means by an id, a unique beginning of one (the time may be left out), a path, or `latest`.

    `latest` is the newest whose configuration can be read. UserError where there is none, or several: the message names
    them.
    """
    if text == "latest":
        return _latest(runs_dir)
    paths = {path.name: path for path in _run_paths(runs_dir)}
    if text in paths:
        return paths[text]
    found = [path for name, path in paths.items() if text and name.startswith(text)]
    found = found or [path for name, path in paths.items() if text and _without_time(name).startswith(text)]
    if len(found) > 1:
        raise UserError(f"{text!r} may be any of these runs: {_names(found)}; write more of its id")
    if found:
        return found[0]
    path = _run_at(text)
    if path:
        return path
    if not paths:
        raise UserError(f"no run {text!r}: there is no run in {str(runs_dir)!r}; `fashion-tui train` makes one")
    newest = sorted(paths.values(), key=lambda path: path.name, reverse=True)
    raise UserError(f"no run {text!r} in {str(runs_dir)!r}; there is: {_names(newest)}")


def _latest(runs_dir: Path) -> Path:
    for summary in list_runs(runs_dir):
        if summary.recipe is not None:
            return Path(summary.path)
    raise UserError(f"there is no run in {str(runs_dir)!r}; `fashion-tui train` makes one")


def _run_at(text: str) -> Path | None:
    """The run whose directory lies at that path."""
    try:
        path = Path(text).expanduser()
        return path.resolve() if text and (path / CONFIG_FILE).is_file() else None
    except (OSError, ValueError, RuntimeError):  # too long, a NUL in it, a home that isn't known
        return None


def _run_paths(runs_dir: Path) -> list[Path]:
    try:
        with os.scandir(runs_dir) as entries:
            return [runs_dir.absolute() / entry.name for entry in entries if _is_run(entry)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"can't read the runs in {str(runs_dir)!r}: {reason(error)}") from error


def _is_run(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a directory that holds files of ours, or is named as ours are."""
    try:
        if entry.name.startswith(".") or not entry.is_dir():
            return False
        path = Path(entry.path)
        return bool(RUN_ID.fullmatch(entry.name)) or any((path / name).exists() for name in RUN_FILES)
    except OSError:
        return False


def _without_time(name: str) -> str:
    match = RUN_ID.fullmatch(name)
    return match[2] if match else name


def _created_by_name(run_path: Path) -> float:
    match = RUN_ID.fullmatch(run_path.name)
    try:
        if match:
            return time.mktime(time.strptime(match[1], "%Y%m%d-%H%M%S"))
        return run_path.stat().st_mtime
    except (OSError, ValueError, OverflowError):
        return 0.0


def _names(paths: list[Path]) -> str:
    names = ", ".join(one_line(path.name) for path in paths[:NAMED_CANDIDATES])
    more = len(paths) - NAMED_CANDIDATES
    return f"{names} and {more} more" if more > 0 else names
