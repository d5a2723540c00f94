"""Functions that run in background threads. They read files and post messages to the app."""

import threading
from collections.abc import Callable
from pathlib import Path

from textual.message import Message
from textual.worker import get_current_worker

from fashion_tui.data import files
from fashion_tui.runs import store
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import RunSummary

from .lab_app import DatasetFound, DatasetState, RunsListed, RunsUnreadable, Settings

RUNS_INTERVAL = 1.0
"""Seconds between reads of the runs directory."""

Post = Callable[[Message], object]


def find_dataset(settings: Settings, post: Post) -> None:
    """Find and verify the requested data set. If that fails, use the synthetic data set and report why."""
    problem = None
    try:
        ref = files.verify(files.find(settings.dataset, settings.data_directory))
    except UserError as error:
        problem = str(error)
        ref = files.find("synthetic", None)
    post(DatasetFound(DatasetState(ref, problem)))


def watch_runs(runs_directory: Path, refresh: threading.Event, post: Post) -> None:
    """List the runs every second, or as soon as `refresh` is set, and post the list whenever it changes."""
    worker = get_current_worker()
    listed: tuple[RunSummary, ...] | None = None
    reported: str | None = None
    while not worker.is_cancelled:
        try:
            runs = tuple(store.list_runs(runs_directory))
            reported = None
        except UserError as error:
            runs = ()
            if str(error) != reported:
                reported = str(error)
                post(RunsUnreadable(reported))
        if runs != listed:
            listed = runs
            post(RunsListed(runs))
        refresh.wait(RUNS_INTERVAL)
        refresh.clear()
