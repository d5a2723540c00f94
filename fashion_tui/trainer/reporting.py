"""What a trainer reports: events, the status, and lines of `trainer.log`."""

import os
import threading
import time
import traceback
from contextlib import suppress
from typing import Any

import msgspec

from fashion_tui.runs.run import Run
from fashion_tui.schema.events import EpochEnd, RunEvent, StepChunk, Warned
from fashion_tui.schema.run import RunStatus

HEARTBEAT_PERIOD = 1.0
"""Seconds between writes of the status."""

MetricEvent = StepChunk | EpochEnd


def print_line(message: str) -> None:
    """Write a line to stderr (`trainer.log`) immediately. A full disk doesn't end training."""
    with suppress(OSError):
        os.write(2, f"{message}\n".encode(errors="replace"))


def print_traceback(error: BaseException) -> None:
    print_line("".join(traceback.format_exception(error)).rstrip())


class StatusUpdater:
    """Keeps `status.json` up to date in a thread, so that the run doesn't look lost during long steps and evaluations.

    Between `start` and `close`, the thread writes the file once a second. `update` rarely writes the file, so it may be
    called after every step.
    """

    def __init__(self, run: Run, status: RunStatus) -> None:
        self.run = run
        self.status = status
        self._closed = threading.Event()
        self._writing = threading.Lock()
        self._is_failing = False
        self._thread = threading.Thread(target=self._write_periodically, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._write()
        self._thread.start()

    def update(self, **changes: Any) -> None:
        """Change fields of the status. If the state changes or the first loss is set, write the file immediately."""
        before = self.status
        self.status = msgspec.structs.replace(self.status, **changes)
        if self.status.state != before.state or (before.loss is None and self.status.loss is not None):
            self._write()

    def close(self) -> None:
        """Stop the heartbeat, write the final status, and wait until it is on disk."""
        self._closed.set()
        self._thread.join()
        self._write(durable=True)

    def _write_periodically(self) -> None:
        while not self._closed.wait(HEARTBEAT_PERIOD):
            self._write()

    def _write(self, *, durable: bool = False) -> None:
        with self._writing:
            try:
                self.run.write_status(msgspec.structs.replace(self.status, heartbeat=time.time()), durable=durable)
            except OSError as error:  # the disk may be full; the next heartbeat retries
                if not self._is_failing:
                    print_line(f"can't write status.json: {error}")
                self._is_failing = True
            else:
                self._is_failing = False


class EventLog:
    """Writes events to the log.

    Events that can't be written, for example because the disk is full, are kept in memory. Metrics that may not be on
    disk are also stored in checkpoints.
    """

    def __init__(self, run: Run, status: StatusUpdater) -> None:
        self.status = status
        self._writer = run.event_writer()
        self._unsynced: list[MetricEvent] = []
        """Metric events since the last successful `sync`, which may not be on disk."""
        self._problem: str | None = None

    @property
    def is_continued(self) -> bool:
        """Whether an earlier trainer of this run has written to the log."""
        return self._writer.is_continued

    def write(self, event: RunEvent) -> None:
        if isinstance(event, MetricEvent):
            self._unsynced.append(event)
        self._writer.write(event)
        self._report_problem()

    def report(self, message: str) -> None:
        """Report a problem that needs the user's attention but doesn't end training."""
        print_line(message)
        self.status.update(message=message)
        self.write(Warned(time=time.time(), message=message))

    def sync(self) -> list[str]:
        """Write all events to disk. Return the metric events that may not be there, encoded for a checkpoint."""
        if self._writer.sync():
            self._unsynced.clear()
        self._report_problem()
        return [msgspec.json.encode(event).decode() for event in self._unsynced]

    def close(self) -> None:
        self._writer.close()
        self._report_problem()

    def _report_problem(self) -> None:
        if self._writer.problem != self._problem:
            self._problem = self._writer.problem
            if self._problem is not None:
                self.report(f"the log can't be written, but training continues: {self._problem}")


def decode_metric_events(encoded: list[str]) -> list[MetricEvent]:
    """Decode the events that `EventLog.sync` returned."""
    return [msgspec.json.decode(event, type=MetricEvent) for event in encoded]
