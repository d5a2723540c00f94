"""Carry out the user's requests: pause, resume or stop a run, write a checkpoint, or delete old checkpoints."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual.notifications import SeverityLevel

from fashion_tui.report.formatting import format_bytes
from fashion_tui.runs import launch, queue, requests, store
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.run import LIVE_STATES, RunSummary, short_name
from fashion_tui.tui.actions import key_of
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.dialogs.trust import NOT_TRUSTED, confirm_trust
from fashion_tui.tui.pane import Pane

OUTCOME_SECONDS = 4.0
"""Seconds for which the outcome of a request is shown."""


class RunRequests:
    """Carries out requests on runs in threads, asks for confirmation where necessary, and shows the outcomes."""

    def __init__(self, pane: Pane, show_pending: Callable[[str | None], None]) -> None:
        """Carry out the requests of a pane.

        `show_pending` shows which request hasn't been answered yet. None means that all have been answered.
        """
        self._pane = pane
        self._show_pending = show_pending
        self._pausing: set[str] = set()
        """Ids of runs that the user has asked to pause. Their status may not have changed yet."""

    def start(self, path: Path, pending: str, request: Callable[[], str]) -> None:
        """Start carrying out a request in a thread. `request` returns the outcome in words.

        Show that the request is pending, then show its outcome. If the request would execute a model that isn't
        trusted, ask the user to trust the model, then try again. If a resumed run would differ from an uninterrupted
        run, ask for confirmation first.
        """
        self._pane.start_worker(partial(self._show_outcome, path, pending, request), "requests")

    async def _show_outcome(self, path: Path, pending: str, request: Callable[[], str]) -> None:
        self._show_pending(pending)
        severity: SeverityLevel = "information"
        try:
            outcome = await self._carry_out(path, request)
        except UserError as error:
            outcome, severity = str(error), "error"
            self._pausing.discard(path.name)
            self._pane.refresh_bindings()
        self._show_pending(None)
        self._pane.app.clear_notifications()  # older notifications are out of date
        self._pane.notify(outcome, severity=severity, timeout=OUTCOME_SECONDS, markup=False)

    async def _carry_out(self, path: Path, request: Callable[[], str]) -> str:
        app = self._pane.app
        while True:
            try:
                return await asyncio.to_thread(request)
            except UntrustedSource:
                if not await confirm_trust(app, path):
                    return NOT_TRUSTED
            except launch.InexactResume as error:
                question = (
                    f"The checkpoint of {short_name(path.name)} is missing part of the network's state:\n"
                    f"{error.unsaved}\nThe resumed run would differ from an uninterrupted one. Resume it anyway?"
                )
                if not await app.push_screen_wait(ConfirmDialog(question)):
                    return "Not resumed."
                request = partial(_resume, path, inexact=True)

    def _start_on_run(self, summary: RunSummary, pending: str, request: Callable[[Run], str]) -> None:
        path = Path(summary.path)

        def request_on_run() -> str:
            with Run(path) as run:
                return request(run)

        self.start(path, pending, request_on_run)

    # Pause and resume

    def runs_changed(self, runs: tuple[RunSummary, ...]) -> None:
        """Forget the requests to pause that have been answered."""
        self._pausing &= {run.run for run in runs if run.state in LIVE_STATES and run.state != "paused"}

    def is_paused(self, run: RunSummary) -> bool:
        """Return whether the run is paused or the user has asked to pause it."""
        return run.state == "paused" or run.run in self._pausing

    def pause_or_continue(self, summary: RunSummary) -> None:
        """Pause a live run, or resume it if it is paused."""
        if self.is_paused(summary):
            self._pausing.discard(summary.run)
            self._start_on_run(summary, "resuming", lambda run: f"{short_name(run.id)} is {launch.resume(run).state}")
        else:
            self._pausing.add(summary.run)
            self._start_on_run(summary, "pausing", lambda run: f"{short_name(run.id)} is {requests.pause(run).state}")
        self._pane.refresh_bindings()

    # Other requests

    def stop(self, summary: RunSummary) -> None:
        self._start_on_run(summary, "stopping", _stop)

    def checkpoint(self, summary: RunSummary) -> None:
        self._start_on_run(
            summary,
            "saving checkpoint",
            lambda run: f"Checkpoint saved at step {requests.checkpoint(run).from_step:,}",
        )

    def move_in_queue(self, summary: RunSummary, places: int) -> None:
        """Move a queued run towards the end of the queue, or towards the front if `places` is negative."""
        path = Path(summary.path)
        self.start(path, "moving in the queue", partial(self._move_in_queue, path, places))

    def _move_in_queue(self, path: Path, places: int) -> str:
        place = queue.move(path, places)
        self._pane.lab_app.refresh_runs()
        return f"{short_name(path.name)} is {place.place} of {place.length} in the queue."

    def resume(self, summary: RunSummary) -> None:
        """Resume a run that has ended from its newest checkpoint."""
        path = Path(summary.path)
        self.start(path, "resuming", partial(_resume, path))

    def offer_prune(self) -> None:
        """Ask whether to delete the old checkpoints of all ended runs."""
        self._pane.lab_app.hold_input(self._pane.start_worker(self._offer_prune, "prune"))

    async def _offer_prune(self) -> None:
        lab_app = self._pane.lab_app
        prunable = await asyncio.to_thread(store.prunable, lab_app.runs)
        if not prunable:
            self._pane.notify("Ended runs have no old checkpoints to delete.")
            return
        size = format_bytes(sum(run.bytes for run in prunable))
        runs = f"{len(prunable)} run{'s' if len(prunable) > 1 else ''}"
        question = (
            f"Delete old checkpoints of {runs} ({size})?\n"
            "The newest checkpoints are kept, so every run can still be resumed."
        )
        if await self._pane.app.push_screen_wait(ConfirmDialog(question)):
            paths = [Path(run.path) for run in prunable]
            self.start(lab_app.settings.runs_directory, "deleting checkpoints", lambda: _prune(paths))


def _stop(run: Run) -> str:
    was_queued = store.summarise(run).state == "queued"
    stopped = f"{short_name(run.id)} is {requests.stop(run).state}"
    if was_queued:
        return f"{short_name(run.id)} left the queue; press {key_of('train', 'resume')} to start it"
    return stopped if run.is_logged else f"{stopped}; press {key_of('train', 'resume')} to resume"


def _resume(path: Path, *, inexact: bool = False) -> str:
    with Run(path) as run:
        return f"{short_name(run.id)} resumed from step {launch.resume(run, inexact=inexact).from_step:,}"


def _prune(paths: list[Path]) -> str:
    """Delete the old checkpoints of these runs."""
    freed = 0
    for path in paths:
        with Run(path) as run:
            freed += store.prune(run).bytes
    return f"Freed {format_bytes(freed)}"
