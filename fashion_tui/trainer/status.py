"""`status.json`, kept fresh by a thread of its own: long steps and evaluations must not make the run look lost."""

import threading
import time
from typing import Any

import msgspec

from fashion_tui.runs.run import Run
from fashion_tui.schema.run import RunStatus

from .console import say

HEARTBEAT = 1.0
"""Seconds between two writings."""


class StatusBoard:
    """The run's status. `update` it from the training at any rate; between `start` and `close` the file follows."""

    def __init__(self, run: Run, status: RunStatus) -> None:
        self.run = run
        self.status = status
        self._closed = threading.Event()
        self._writing = threading.Lock()
        self._failing = False
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._write()
        self._thread.start()

    def update(self, **changes: Any) -> None:
        """Changes fields of the status. A new state, or a first loss, is on disk when this returns, the rest soon."""
        before = self.status
        self.status = msgspec.structs.replace(self.status, **changes)
        if self.status.state != before.state or (before.loss is None and self.status.loss is not None):
            self._write()

    def close(self) -> None:
        """Ends the heartbeat and leaves the last status on disk for good."""
        self._closed.set()
        self._thread.join()
        self._write(durable=True)

    def _beat(self) -> None:
        while not self._closed.wait(HEARTBEAT):
            self._write()

    def _write(self, *, durable: bool = False) -> None:
        with self._writing:
            try:
                self.run.write_status(msgspec.structs.replace(self.status, heartbeat=time.time()), durable=durable)
            except OSError as error:  # a full disk, say: the next beat tries again
                if not self._failing:
                    say(f"status.json can't be written: {error}")
                self._failing = True
            else:
                self._failing = False
