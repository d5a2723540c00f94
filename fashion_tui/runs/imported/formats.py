"""Recognise the log in a folder by the names of the folder's files."""

import os
from collections.abc import Collection

from fashion_tui.runs.folder import Folder

from .hyperparameters import HPARAMS_FILE
from .log import Log
from .metrics_csv import METRICS_FILE, MetricsCsv
from .tensorboard import EVENT_FILE, TensorBoardLog
from .trainer_state import CHECKPOINT_FOLDER, STATE_FILE, TrainerState


def is_log_file(name: str) -> bool:
    """Return whether a file with this name is the log of a run, or part of it."""
    return name in {METRICS_FILE, STATE_FILE} or EVENT_FILE.fullmatch(name) is not None


def log_files(folder: str) -> list[str]:
    """Return the paths of the files that a log consists of, relative to its folder, in no particular order."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - faster
    except OSError:
        return []
    return [
        f"{name}/{STATE_FILE}" if CHECKPOINT_FOLDER.fullmatch(name) else name
        for name in names
        if is_log_file(name) or name == HPARAMS_FILE or CHECKPOINT_FOLDER.fullmatch(name)
    ]


def has_state(folder: str, checkpoints: Collection[str]) -> bool:
    """Return whether any of the folders of checkpoints contains the state of a Trainer."""
    return any(os.path.isfile(f"{folder}/{name}/{STATE_FILE}") for name in checkpoints)  # noqa: PTH113 - fast


def open_log(folder: Folder) -> Log | None:
    """Return the log in a folder, or None if there is none.

    If a library also writes the same metrics to event files, the event files are ignored.
    """
    try:
        names = folder.names()
    except OSError:
        return None
    has_events = any(EVENT_FILE.fullmatch(name) for name in names)
    checkpoints = [name for name in names if CHECKPOINT_FOLDER.fullmatch(name)]
    if METRICS_FILE in names:
        return MetricsCsv(folder, _note(METRICS_FILE) if has_events else None)
    if STATE_FILE in names or has_state(str(folder.path), checkpoints):
        return TrainerState(folder, _note(STATE_FILE) if has_events else None)
    return TensorBoardLog(folder) if has_events else None


def _note(file: str) -> str:
    return f"the event files in this folder aren't read, because {file} has a log of the same run"
