"""The app's own watching: which data there is, which runs there are. Threads that read files and post messages."""

from typing import TYPE_CHECKING

from textual.worker import get_current_worker

from fashion_tui.data import files
from fashion_tui.runs import store
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import RunSummary

from .messages import DatasetFound, RunsListed, RunsUnreadable
from .state import DatasetState

if TYPE_CHECKING:
    from .app import FashionApp

RUNS_INTERVAL = 1.0
"""Seconds between two looks at the runs directory."""


def find_dataset(app: "FashionApp") -> None:
    """Find and check the data set that was asked for; where that fails, the drawn one takes its place, saying why."""

    def find() -> None:
        settings = app.settings
        problem = None
        try:
            ref = files.verify(files.find(settings.dataset, settings.data_directory))
        except UserError as error:
            problem = str(error)
            ref = files.find("synthetic", None)
        app.post_message(DatasetFound(DatasetState(ref, problem)))

    app.run_worker(find, thread=True, group="dataset", exclusive=True)


def watch_runs(app: "FashionApp") -> None:
    """Look at the runs directory once a second, and when `look_at_runs` is set, and tell the app what has changed."""

    def watch() -> None:
        worker = get_current_worker()
        known: tuple[RunSummary, ...] | None = None
        told: str | None = None
        while not worker.is_cancelled:
            try:
                runs = tuple(store.list_runs(app.settings.runs_directory))
                told = None
            except UserError as error:
                runs = ()
                if str(error) != told:
                    told = str(error)
                    app.post_message(RunsUnreadable(told))
            if runs != known:
                known = runs
                app.post_message(RunsListed(runs))
            app.look_at_runs.wait(RUNS_INTERVAL)
            app.look_at_runs.clear()

    app.run_worker(watch, thread=True, group="runs", exclusive=True)
