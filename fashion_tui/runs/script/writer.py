"""The thread that writes a run while its script computes."""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import msgspec

from fashion_tui.machine.host import boot_id, host_name, process_start_time
from fashion_tui.runs.errors import reason
from fashion_tui.runs.events import EventWriter
from fashion_tui.runs.run import Run
from fashion_tui.runs.state import after, unknown_status
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import End, RequestHandled, Warned
from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.run import RunStatus
from fashion_tui.schema.text import printable

from .rows import Rows

FLUSH_PERIOD = 0.25
"""Seconds between writes of the log."""

STATUS_PERIOD = 1.0
"""Seconds between writes of the status."""

CLOSE_TIMEOUT = 60.0
"""Seconds to wait at the end of the script until everything is written."""


def print_warning(message: str) -> None:
    """Print a line to stderr. Errors are ignored, so that they don't stop the script."""
    with suppress(Exception):
        print(f"fashion-tui: {printable(message)}", file=sys.stderr, flush=True)


class RunWriter:
    """Writes the rows that a script logs, the status and the answers to requests. Errors never reach the script."""

    def __init__(self, run: Run) -> None:
        """Start writing a run, and hold its lock until `close`. Raises UserError if the log can't be opened."""
        self.rows = Rows(self.warn)
        self.should_stop = False
        """Whether a user has asked the script to stop."""
        self._run = run
        self._started = time.time()
        self._status = msgspec.structs.replace(
            unknown_status("running"),
            pid=os.getpid(),
            pid_started=process_start_time(),
            boot_id=boot_id(),
            host=host_name(),
        )
        self._status_due = 0.0
        self._warned: set[str] = set()
        """The kinds of warnings that have been given. Each kind is given only once."""
        self._warnings: deque[Warned] = deque()
        """Warnings to add to the log. Only the writing thread may use the log."""
        self._is_lost = False
        """Whether nothing can be written any more."""
        self._end: Callable[[int, float], End] | None = None
        self._closing = threading.Event()
        self._lock = run.lock()
        self._lock.acquire()
        try:
            self._log: EventWriter = run.event_writer()
        except UserError:
            self._lock.release()
            raise
        self._write_status()
        self._thread = threading.Thread(target=self._write_until_closed, name=f"log {run.id}", daemon=True)
        self._thread.start()

    def warn(self, kind: str, message: str) -> None:
        """Print a warning and add it to the log, unless a warning of the same kind was given before."""
        if kind in self._warned:
            return
        self._warned.add(kind)
        print_warning(message)
        self._warnings.append(Warned(time=time.time(), message=message))

    def close(self, end: Callable[[int, float], End]) -> None:
        """Write everything that was logged, and the event that `end` returns for the last step and the run's duration.

        Wait until this is done, but not for more than CLOSE_TIMEOUT.
        """
        self._end = end
        self._closing.set()
        self._thread.join(CLOSE_TIMEOUT)
        if self._thread.is_alive():
            print_warning(f"{str(self._run.path)!r} couldn't be written within {CLOSE_TIMEOUT:g} s")

    def _write_until_closed(self) -> None:
        try:
            while not self._closing.wait(FLUSH_PERIOD):
                self._try(self._write)
            self._try(self._write)
            self._try(self._write_end)
        finally:
            self._log.close()
            self._lock.release()

    def _try(self, function: Callable[[], object]) -> None:
        try:
            function()
        except Exception as error:  # noqa: BLE001 - the script continues whatever happens here
            self._lose(f"{type(error).__name__}: {error}")

    def _write(self) -> None:
        if not self._is_lost and self._run.folder.is_removed:
            self._lose(f"{str(self._run.path)!r} was deleted")
        if self._is_lost:
            self.rows.clear()
            return
        for chunk in self.rows.chunks():
            self._log.write(chunk)
        while self._warnings:
            self._log.write(self._warnings.popleft())
        self._answer_requests()
        self._log.flush()
        if self._log.problem is not None:
            self.warn("log", f"{self._log.problem}; the script continues")
        if time.monotonic() >= self._status_due:
            self._write_status()

    def _lose(self, problem: str) -> None:
        self._is_lost = True
        self.warn("lost", f"{problem}; the script continues, but nothing more is logged")

    def _answer_requests(self) -> None:
        for request in self._run.control.pending():
            if request.action == "stop":
                self.should_stop = True
                step = self.rows.last_step
                self._log.write(RequestHandled(time=time.time(), action="stop", request=request.id, step=step))
            else:
                message = f"{request.action} doesn't apply to a run that a script logs; only stop does"
                self._log.write(Warned(time=time.time(), message=message))
            self._run.control.finish(request)

    def _current_status(self) -> RunStatus:
        loss = self.rows.loss
        return msgspec.structs.replace(
            self._status,
            step=self.rows.last_step,
            heartbeat=time.time(),
            loss=None if loss is None else encode_float(loss),
            train_seconds=time.time() - self._started,
        )

    def _write_status(self, end: End | None = None) -> None:
        status = self._current_status()
        try:
            if end is None:
                self._run.write_status(status)
            else:
                self._run.write_status(after(status, end), durable=True)
        except OSError as error:
            self.warn("log", f"can't write {str(self._run.path)!r}: {reason(error)}; the script continues")
        self._status_due = time.monotonic() + STATUS_PERIOD

    def _write_end(self) -> None:
        if self._is_lost or self._end is None:
            return
        end = self._end(self.rows.last_step, time.time() - self._started)
        self._log.write(end)
        self._write_status(end)
