"""A trainer as the command that started it sees it: whether it lives, and its first word."""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from fashion_tui.runs.events import EVENTS_FILE
from fashion_tui.runs.follow import EventFollower
from fashion_tui.runs.launch import last_words
from fashion_tui.runs.store import load_config
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import Failed, Resumed, RunEvent, Started

POLL_PERIOD = 0.1
"""Seconds."""


def is_gone(pid: int) -> bool:
    """Whether that process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for_exit(pid: int, patience: float) -> None:
    """Returns when the process has ended, or after so many seconds."""
    deadline = time.monotonic() + patience
    while not is_gone(pid) and time.monotonic() < deadline:
        time.sleep(POLL_PERIOD)


def died(run_path: Path) -> UserError:
    """What to say of a trainer that is gone without a word in the log of events."""
    run, words = run_path.name, last_words(run_path)
    return UserError(
        f"the trainer of {run} died{f': {words}' if words else ''} (its log: {run_path / 'trainer.log'}); "
        f"go on from its last checkpoint with: fashion-tui resume {run}"
    )


class NewEvents:
    """The events that are appended to a run's log from now on."""

    def __init__(self, run_path: Path) -> None:
        log = run_path / EVENTS_FILE
        size = log.stat().st_size if log.exists() else 0
        # One byte back: the follower begins behind the next line end, which is the one of the line that is there.
        self._follower = EventFollower(run_path, load_config(run_path).run, offset=max(size - 1, 0))

    def read(self) -> Iterator[RunEvent]:
        return self._follower.events()


def wait_for_start(run_path: Path, pid: int, events: NewEvents, patience: float) -> int | None:
    """The step that a new trainer goes on from; None where it hasn't said so within `patience` seconds.

    UserError where it failed instead.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        gone = is_gone(pid)  # looked at first: what it wrote before it went is then read below
        for event in events.read():
            if isinstance(event, Resumed):
                return event.step
            if isinstance(event, Started):
                return 0
            if isinstance(event, Failed):
                raise UserError(f"{run_path.name} failed at step {event.step:,}: {event.message}")
        if gone:
            raise died(run_path)
        time.sleep(POLL_PERIOD)
    return None
