"""Requests to a live trainer: files in the folder `control`, each answered by an `RequestHandled` event.

A request's name says all: when it was made (so that names sort by time), and what is asked. The file itself is empty:
it is whole as soon as it is there, and can be made on a disk that is full.
"""

import os
import re
import secrets
import time
from pathlib import Path
from typing import cast, get_args

import msgspec

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import RequestHandled
from fashion_tui.schema.run import ControlAction

from .events import EVENTS_FILE
from .follow import EventFollower, LogReplaced
from .state import is_live
from .text import reason

CONTROL_FOLDER = "control"
REQUEST = re.compile(rf"\d{{20}}-[0-9a-f]{{8}}\.({'|'.join(get_args(ControlAction))})")

TAIL_BYTES = 256 << 10
"""How much of the log's end is searched for an answer."""

POLL_SECONDS = 0.02


class ControlRequest(msgspec.Struct, frozen=True):
    id: str
    """The file's name; goes into `Answered.request`."""
    action: ControlAction


def ask(run_path: Path, action: ControlAction) -> str:
    """Leave a request for the trainer; its id. UserError where the folder can't be written."""
    request = f"{time.time_ns():020d}-{secrets.token_hex(4)}.{action}"
    folder = run_path / CONTROL_FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(folder / request, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise UserError(f"can't ask run {run_path.name!r} to {action}: {str(folder)!r}: {reason(error)}") from error
    return request


class ControlBox:
    """The trainer's side of the folder."""

    def __init__(self, run_path: Path) -> None:
        self.folder = run_path / CONTROL_FOLDER
        self._settled: set[str] = set()
        """Names that are done with, also where their file can't be removed."""

    def pending(self) -> list[ControlRequest]:
        """Requests that aren't done, oldest first; some 10 µs where there is none. What is no request is removed."""
        try:
            with os.scandir(self.folder) as entries:
                found = sorted((entry.name, entry.is_file(follow_symlinks=False)) for entry in entries)
        except OSError:
            return []
        requests = []
        for name, is_file in found:
            if name in self._settled:
                continue
            match = REQUEST.fullmatch(name)
            if match and is_file:
                requests.append(ControlRequest(name, cast("ControlAction", match[1])))
            else:
                self._settle(name)
        return requests

    def done(self, request: ControlRequest) -> None:
        """Take the request away; to be called once its `RequestHandled` event is written."""
        self._settle(request.id)

    def _settle(self, name: str) -> None:
        try:
            (self.folder / name).unlink()
        except FileNotFoundError:
            pass
        except OSError:
            self._settled.add(name)


def clear(run_path: Path) -> None:
    """Take all requests away: they were meant for a trainer that is gone."""
    box = ControlBox(run_path)
    for request in box.pending():
        box.done(request)


def is_waiting(run_path: Path, request: str) -> bool:
    """Whether the trainer hasn't dealt with the request yet."""
    return (run_path / CONTROL_FOLDER / request).exists()


def wait_answered(run_path: Path, request: str, timeout: float) -> RequestHandled | None:
    """The trainer's answer; None where none came within `timeout` seconds, or will never come.

    It won't where the trainer is gone, or took the request away without an answer: it couldn't do what was asked.
    """
    deadline = time.monotonic() + timeout
    follower = _tail(run_path)
    while True:
        # Asked before the log is read: an answer that was given before is in it then.
        last_look = time.monotonic() >= deadline or not is_waiting(run_path, request) or not is_live(run_path)
        try:
            for event in follower.events():
                if isinstance(event, RequestHandled) and event.request == request:
                    return event
        except LogReplaced:
            follower = _tail(run_path)
            continue
        except OSError:
            pass  # the file system may come back before the time is up
        if last_look:
            return None
        time.sleep(POLL_SECONDS)


def _tail(run_path: Path) -> EventFollower:
    try:
        size = (run_path / EVENTS_FILE).stat().st_size
    except OSError:
        size = 0
    return EventFollower(run_path, offset=max(0, size - TAIL_BYTES))
