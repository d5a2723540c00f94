"""Following a trainer from the terminal: a progress bar, JSON events, and Ctrl-C."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import click
import msgspec
import psutil

from fashion_tui.report.runs import epoch_line, finished_text
from fashion_tui.runs import control
from fashion_tui.runs.events import EVENTS_FILE
from fashion_tui.runs.follow import EventFollower
from fashion_tui.runs.launch import last_words, launch
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.store import load_config
from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import EpochEnd, Failed, Finished, Resumed, RunEvent, Started, Stopped, Warned

from .output import show, stderr_console
from .progress import TrainingBar

POLL_PERIOD = 0.1
"""Seconds."""

EXIT_TIMEOUT = 10.0
"""Time for a trainer to exit after it has reported the end of its run, in seconds."""

End = Finished | Stopped | Failed


def train_to_end(run_path: Path, *, as_json: bool) -> None:
    """Start the run's trainer and show its progress until the run ends. Raises UserError if the run failed.

    The first Ctrl-C asks the trainer to save a checkpoint and stop, and waits for it; the second one returns
    immediately. Both raise click.Abort. The trainer continues if this process is ended in any other way.
    """
    with _count_interrupts() as interrupts, TrainingBar(stderr_console()) as bar:
        pid = launch(run_path)
        follower = _Follower(run_path, pid, bar, as_json=as_json)
        stopping = False
        try:
            while (end := follower.poll()) is None:
                if interrupts and not stopping:
                    control.ask(run_path, "stop")
                    stopping = True
                    bar.print("saving a checkpoint and stopping; press Ctrl-C again to leave immediately")
                if len(interrupts) > 1:
                    bar.print(f"left {run_path.name}, which is still stopping")
                    raise click.Abort
                time.sleep(POLL_PERIOD)
        except SystemExit:
            with suppress(OSError):  # the terminal may be gone
                bar.print(f"left {run_path.name}, which continues; stop it with: fashion-tui stop {run_path.name}")
            raise
        _wait_for_exit(pid, EXIT_TIMEOUT)  # the next command must see that the run has ended
    _report_end(run_path, end, interrupted=stopping, as_json=as_json)


class _Follower:
    """Prints new events of a run and updates its progress bar."""

    def __init__(self, run_path: Path, pid: int, bar: TrainingBar, *, as_json: bool) -> None:
        self._path = run_path
        self._pid = pid
        self._bar = bar
        self._as_json = as_json
        self._reader = RunReader(run_path)
        self._events = EventFollower(run_path, load_config(run_path).run)

    def poll(self) -> End | None:
        """Return the event that ended the run, if there is one. Raises UserError if the trainer died without one."""
        gone = _is_gone(self._pid)  # checked first, so that all events of a trainer that is gone are read below
        end = None
        for event in self._events.events():
            if isinstance(event, Finished | Stopped | Failed):
                end = event
            self._print(event)
        self._bar.update(self._reader.poll())
        if gone and end is None:
            raise _trainer_died(self._path)
        return end

    def _print(self, event: RunEvent) -> None:
        if self._as_json:
            sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
            sys.stdout.flush()
        if isinstance(event, Warned):
            self._bar.print(f"warning: {event.message}")
        elif isinstance(event, EpochEnd):
            self._bar.print(epoch_line(event, self._bar.epochs))


def _report_end(run_path: Path, end: End, *, interrupted: bool, as_json: bool) -> None:
    how_to_resume = f"resume with: fashion-tui resume {run_path.name}"
    if isinstance(end, Failed):
        raise UserError(f"{run_path.name} failed at step {end.step:,}: {end.message}")
    if isinstance(end, Stopped):
        if interrupted:
            click.echo(f"stopped at step {end.step:,} with a checkpoint; {how_to_resume}", err=True)
            raise click.Abort
        raise UserError(f"{run_path.name} was stopped at step {end.step:,} ({end.reason}); {how_to_resume}")
    if not as_json:
        show(finished_text(end))
        if load_config(run_path).dataset.name == "synthetic":
            show(f"on {SYNTHETIC_NOTICE}")
        show(f"details: fashion-tui eval {run_path.name}")


class NewEvents:
    """The events that are appended to a run's log after this object is created."""

    def __init__(self, run_path: Path) -> None:
        log = run_path / EVENTS_FILE
        size = log.stat().st_size if log.exists() else 0
        # The follower starts after the next newline: one byte earlier is the newline of the last complete line.
        self._follower = EventFollower(run_path, load_config(run_path).run, offset=max(size - 1, 0))

    def read(self) -> Iterator[RunEvent]:
        return self._follower.events()


def wait_for_start(run_path: Path, pid: int, events: NewEvents, timeout: float) -> int | None:
    """Return the step from which a new trainer continues, or None if it doesn't report one within `timeout` seconds.

    Raises UserError if the trainer fails or dies.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        gone = _is_gone(pid)  # checked first, so that all events of a trainer that is gone are read below
        for event in events.read():
            if isinstance(event, Resumed):
                return event.step
            if isinstance(event, Started):
                return 0
            if isinstance(event, Failed):
                raise UserError(f"{run_path.name} failed at step {event.step:,}: {event.message}")
        if gone:
            raise _trainer_died(run_path)
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


def _trainer_died(run_path: Path) -> UserError:
    run, words = run_path.name, last_words(run_path)
    return UserError(
        f"the trainer of {run} died{f': {words}' if words else ''}; see {run_path / 'trainer.log'}; "
        f"resume from the last checkpoint with: fashion-tui resume {run}"
    )


@contextmanager
def _count_interrupts() -> Iterator[list[int]]:
    """Collect SIGINT in a list. SIGTERM and SIGHUP raise SystemExit, so that the terminal's cursor is restored."""
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
