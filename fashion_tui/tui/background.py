"""Functions that run in background threads. They read files and post messages to the app."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from textual.message import Message
from textual.worker import get_current_worker

from fashion_tui.data import datasets
from fashion_tui.data.sources import SYNTHETIC, SYNTHETIC_INFO, requested_title
from fashion_tui.runs.index import RunIndex
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import RunSummary

from .lab_app import (
    DatasetFound,
    DatasetState,
    RunsFolderChecked,
    RunsListed,
    RunsUnreadable,
    Settings,
    UnpreparedFound,
)

RUNS_INTERVAL = 1.0
"""Seconds between reads of the runs directory."""

READ_SECONDS = 0.03
"""Maximum time spent on reading runs between two pauses, in seconds."""

PAUSE_SECONDS = 0.03
"""Length of the pause before more runs are read, in seconds."""

Post = Callable[[Message], object]


def find_dataset(settings: Settings, post: Post) -> None:
    """Find and verify the requested data set. If that fails, use the synthetic data set and report why.

    A data set that has to be read first is only announced.
    """
    requested = requested_title(settings.dataset)
    try:
        ref = datasets.find(settings.dataset, settings.data_directory, image_size=settings.image_size, fit=settings.fit)
        stored = datasets.open_checked(ref)
    except UserError as error:
        post(DatasetFound(DatasetState(SYNTHETIC_INFO, str(error), requested)))
    else:
        info = stored.info if stored is not None else SYNTHETIC_INFO if ref == SYNTHETIC else None
        found = None if info is None else DatasetState(info, requested=requested, stored=stored)
        post(UnpreparedFound(ref) if found is None else DatasetFound(found))


def watch_runs(runs_directory: Path, refresh: threading.Event, post: Post) -> None:
    """List the runs every second, or as soon as `refresh` is set, and post the list whenever it changes.

    If there are many runs, the newest runs are read and posted first. The thread pauses between reads, so that the app
    can paint.
    """
    worker = get_current_worker()
    index = RunIndex(runs_directory)
    listed: tuple[RunSummary, ...] | None = None
    posted = 0.0
    problem: str | None = None
    warned: set[str] = set()
    while not worker.is_cancelled:
        try:
            index.refresh(READ_SECONDS)
            found = None
        except UserError as error:
            found = str(error)
        if found != problem:
            problem = found
            post(RunsFolderChecked(problem))
        if new := [line for line in index.problems if line not in warned]:
            warned.update(new)
            post(RunsUnreadable(new[0] if len(new) == 1 else f"{new[0]}, and {len(new) - 1} more"))
        is_due = listed is None or index.is_complete or time.monotonic() - posted >= RUNS_INTERVAL
        if is_due and index.runs != listed:
            listed, posted = index.runs, time.monotonic()
            post(RunsListed(listed))
        refresh.wait(RUNS_INTERVAL if index.is_complete or problem else PAUSE_SECONDS)
        refresh.clear()
