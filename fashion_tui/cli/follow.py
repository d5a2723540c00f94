"""Following a run from the terminal that started it: a progress bar, the events, and Ctrl-C."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import click
import msgspec

from fashion_tui.report.runs import epoch_line, finished_text
from fashion_tui.runs import control
from fashion_tui.runs.follow import EventFollower
from fashion_tui.runs.launch import launch
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.store import load_config
from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import EpochEnd, Failed, Finished, RunEvent, Stopped, Warned

from .output import diagnostics, show
from .progress import TrainingBar
from .status import DONE, INTERRUPTED
from .trainer import POLL_PERIOD, died, is_gone, wait_for_exit

EXIT_PATIENCE = 10.0
"""Seconds that a trainer gets to exit after it has told of its end."""


def train_to_end(run_path: Path, *, as_json: bool) -> int:
    """Starts the run's trainer and shows the run until it ends; the exit status. UserError where it failed.

    The first Ctrl-C asks the trainer for a checkpoint and its end, which is waited for; a second one leaves at once.
    Whatever ends this process, the trainer goes on.
    """
    with _counted_interrupts() as interrupts, TrainingBar(diagnostics()) as bar:
        pid = launch(run_path)
        follower = _Follower(run_path, pid, bar, as_json=as_json)
        asked = False
        try:
            while (end := follower.poll()) is None:
                if interrupts and not asked:
                    control.ask(run_path, "stop")
                    asked = True
                    bar.say("stopping after a checkpoint; Ctrl-C again leaves at once")
                if len(interrupts) > 1:
                    bar.say(f"left; {run_path.name} stops by itself")
                    return INTERRUPTED
                time.sleep(POLL_PERIOD)
        except SystemExit:
            with suppress(OSError):  # the terminal may be gone
                bar.say(f"left; {run_path.name} goes on; to end it: fashion-tui stop {run_path.name}")
            raise
        wait_for_exit(pid, EXIT_PATIENCE)  # who calls next is to find the run ended
    return _tell_end(run_path, end, interrupted=asked, as_json=as_json)


class _Follower:
    """Hands on what is new in the run's files."""

    def __init__(self, run_path: Path, pid: int, bar: TrainingBar, *, as_json: bool) -> None:
        self._path = run_path
        self._pid = pid
        self._bar = bar
        self._as_json = as_json
        self._reader = RunReader(run_path)
        self._events = EventFollower(run_path, load_config(run_path).run)

    def poll(self) -> Finished | Stopped | Failed | None:
        """The run's end, once it is there; UserError where the trainer is gone without one."""
        gone = is_gone(self._pid)  # looked at first: what it wrote before it went is then read below
        end = None
        for event in self._events.events():
            if isinstance(event, Finished | Stopped | Failed):
                end = event
            self._hand_on(event)
        self._bar.update(self._reader.poll())
        if gone and end is None:
            raise died(self._path)
        return end

    def _hand_on(self, event: RunEvent) -> None:
        if self._as_json:
            sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
            sys.stdout.flush()
        if isinstance(event, Warned):
            self._bar.say(f"warning: {event.message}")
        elif isinstance(event, EpochEnd):
            self._bar.print(epoch_line(event, self._bar.epochs))


def _tell_end(run_path: Path, end: Finished | Stopped | Failed, *, interrupted: bool, as_json: bool) -> int:
    go_on = f"go on with: fashion-tui resume {run_path.name}"
    if isinstance(end, Failed):
        raise UserError(f"{run_path.name} failed at step {end.step:,}: {end.message}")
    if isinstance(end, Stopped):
        if interrupted:
            click.echo(f"stopped at step {end.step:,}, with a checkpoint; {go_on}", err=True)
            return INTERRUPTED
        raise UserError(f"{run_path.name} was stopped at step {end.step:,} ({end.reason}); {go_on}")
    if not as_json:
        show(finished_text(end))
        if load_config(run_path).dataset.name == "synthetic":
            show(f"on {SYNTHETIC_NOTICE}")
        show(f"more about it: fashion-tui eval {run_path.name}")
    return DONE


@contextmanager
def _counted_interrupts() -> Iterator[list[int]]:
    """Collects SIGINT instead of raising; SIGTERM and SIGHUP leave by SystemExit, so that the cursor is shown again."""
    interrupts: list[int] = []

    def on_interrupt(number: int, _frame: FrameType | None) -> None:
        interrupts.append(number)

    def on_end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, on_interrupt),
        signal.SIGTERM: signal.signal(signal.SIGTERM, on_end),
        signal.SIGHUP: signal.signal(signal.SIGHUP, on_end),
    }
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
