"""Follow a trainer from the terminal: show a progress bar or JSON events, and handle Ctrl-C."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

import click
import psutil

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.runs import epoch_line, finished_text, validation_scores
from fashion_tui.report.verdicts import verdict_text
from fashion_tui.runs.follow import EventFollower
from fashion_tui.runs.launch import launch
from fashion_tui.runs.on_end import TIME_LIMIT
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.requests import request_stop
from fashion_tui.runs.run import Run
from fashion_tui.runs.verdicts import Verdict
from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import EpochEnd, Failed, Finished, Resumed, RunEvent, Started, Stopped, Warned

from .output import print_line, print_warning, show, stderr_console, write_json
from .progress import TrainingBar

POLL_PERIOD = 0.1
"""Time between polls of the run, in seconds."""

EXIT_TIMEOUT = TIME_LIMIT + 10
"""Timeout for a trainer to exit after the end of its run, in seconds. Before it exits, it runs the on-end command."""

End = Finished | Stopped | Failed


def train_to_end(run: Run, *, queue: bool = False, as_json: bool) -> None:
    """Start the run's trainer and show its progress until the run ends. Raises UserError if the run failed.

    If `queue` is true, the trainer first waits until no other run uses the device. After Ctrl-C, the trainer saves a
    checkpoint and stops, and this function raises click.Abort. After a second Ctrl-C, it raises click.Abort without
    waiting for the trainer. If this process ends for any other reason, the trainer continues.
    """
    with _count_interrupts() as interrupts, TrainingBar(stderr_console()) as bar:
        pid = launch(run, queue=queue)
        follower = _Follower(run, pid, bar, as_json=as_json)
        stopping = False
        try:
            while (end := follower.poll()) is None:
                if interrupts and not stopping:
                    request_stop(run)
                    stopping = True
                    what = "leaving the queue" if follower.is_queued else "saving a checkpoint and stopping"
                    bar.print(f"{what}; press Ctrl-C again to leave immediately")
                if len(interrupts) > 1:
                    bar.print(f"{run.id} is still stopping")
                    raise click.Abort
                time.sleep(POLL_PERIOD)
        except SystemExit:
            with suppress(OSError):  # printing fails if the terminal has been closed
                bar.print(f"{run.id} continues to train; stop it with: fashion-tui stop {run.id}")
            raise
        _wait_for_exit(pid, EXIT_TIMEOUT)  # because the on-end command may fail
        follower.show_last_warnings()
    for verdict in follower.verdicts:
        print_warning(verdict_text(verdict, terminal_glyphs()))
    _report_end(run, end, follower.epochs, interrupted=stopping, as_json=as_json)


class _Follower:
    """Prints the new events of a run and updates the progress bar."""

    def __init__(self, run: Run, pid: int, bar: TrainingBar, *, as_json: bool) -> None:
        self._run = run
        self._pid = pid
        self._bar = bar
        self._as_json = as_json
        self._reader = RunReader(run, on_event=self._print)
        self._end: End | None = None
        self.epochs: Sequence[EpochEnd] = ()
        """The completed epochs."""
        self.is_queued = False
        """Whether the run waits in the queue."""
        self.verdicts: Sequence[Verdict] = ()
        """Problems of the run."""

    def poll(self) -> End | None:
        """Return the event that ended the run, or None if the run hasn't ended.

        Raises UserError if the trainer died without writing such an event.
        """
        gone = _is_gone(self._pid)  # checked before reading, because the trainer may write events until it exits
        snapshot = self._reader.poll()
        self.epochs, self.verdicts = snapshot.epochs, snapshot.verdicts
        self.is_queued = snapshot.state == "queued"
        self._bar.update(snapshot)
        if gone and self._end is None:
            raise _trainer_died(self._run)
        return self._end

    def show_last_warnings(self) -> None:
        """Print warnings logged after the end of the run, such as a failure of the on-end command, to stderr."""
        self._as_json = False  # in JSON output, the end of the run is the last line
        self._reader.poll()

    def _print(self, event: RunEvent) -> None:
        if isinstance(event, Finished | Stopped | Failed):
            self._end = event
        if self._as_json:
            write_json(event)
        if isinstance(event, Warned):
            self._bar.print(f"warning: {event.message}")
        elif isinstance(event, EpochEnd):
            self._bar.print(epoch_line(event, self._bar.epochs))


def _report_end(run: Run, end: End, epochs: Sequence[EpochEnd], *, interrupted: bool, as_json: bool) -> None:
    how_to_resume = f"resume with: fashion-tui resume {run.id}"
    if isinstance(end, Failed):
        raise _failure(run, end)
    if isinstance(end, Stopped):
        if interrupted:
            saved = run.checkpoints.latest()
            how = f"stopped at step {end.step:,} with a checkpoint" if saved else "stopped before the first step"
            print_line(f"{how}; {how_to_resume}", err=True)
            raise click.Abort
        raise UserError(f"{run.id} was stopped at step {end.step:,} ({end.reason}); {how_to_resume}")
    if not as_json:
        show(finished_text(end, validation_scores(epochs)))
        if run.config.dataset.name == "synthetic":
            show(f"on {SYNTHETIC_NOTICE}")
        show(f"details: fashion-tui eval {run.id}")


def _failure(run: Run, event: Failed) -> UserError:
    """Return the error that ended a run, with its step. Messages about the loss already contain the step."""
    step = f" at step {event.step:,}"
    return UserError(f"{run.id} failed{'' if step in event.message else step}: {event.message}")


def wait_for_start(run: Run, pid: int, follower: EventFollower, timeout: float) -> int | None:
    """Return the step from which a new trainer continues, or None if no step is reported within `timeout` seconds.

    Raises UserError if the trainer fails or dies.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        gone = _is_gone(pid)  # check before reading the log, because the trainer may write events until it exits
        for event in follower.events():
            if isinstance(event, Resumed):
                return event.step
            if isinstance(event, Started):
                return 0
            if isinstance(event, Failed):
                raise _failure(run, event)
        if gone:
            raise _trainer_died(run)
        time.sleep(POLL_PERIOD)
    return None


def _is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _wait_for_exit(pid: int, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not _is_gone(pid) and time.monotonic() < deadline:
        time.sleep(POLL_PERIOD)


def _trainer_died(run: Run) -> UserError:
    last_line = run.last_log_line()
    return UserError(
        f"the trainer of {run.id} died{f': {last_line}' if last_line else ''}; see {run.path / 'trainer.log'}; "
        f"resume from the last checkpoint with: fashion-tui resume {run.id}"
    )


@contextmanager
def _count_interrupts() -> Iterator[list[int]]:
    """Yield a list that grows by one item with each SIGINT.

    SIGTERM and SIGHUP raise SystemExit, so that the progress bar is removed and the cursor is shown again.
    """
    interrupts: list[int] = []

    def on_interrupt(number: int, _frame: FrameType | None) -> None:
        interrupts.append(number)

    def on_end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    previous = {
        signal.SIGINT: signal.signal(signal.SIGINT, on_interrupt),
        signal.SIGTERM: signal.signal(signal.SIGTERM, on_end),
        signal.SIGHUP: signal.signal(signal.SIGHUP, on_end),
    }
    try:
        yield interrupts
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
