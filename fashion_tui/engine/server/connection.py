"""The engine's end of the socket. A thread receives calls while the main thread handles and answers them.

This module doesn't import torch, because the thread must be listening while torch is being imported.
"""

import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from queue import SimpleQueue
from types import FrameType

from fashion_tui.engine.protocol import (
    HEADER,
    Call,
    CallState,
    Check,
    Failure,
    Progress,
    Status,
    ToClient,
    ToEngine,
    body_length,
    decode_for_engine,
    encode_frame,
    encode_result,
)
from fashion_tui.files import remove_unfinished_files
from fashion_tui.schema.errors import TimeLimitReached

PROGRESS_PERIOD = 0.05
"""Minimum time between Progress frames of a call, in seconds."""


STUCK_AFTER = 3.0
"""If a call is still running this many seconds after its time limit, it is stuck in code that ignores interrupts."""


class RequestCancelled(BaseException):
    """Raised to stop handling a request. `except Exception` in user code doesn't catch it."""


class Connection:
    """Holds the socket, the queue of received calls, and the call that is being handled."""

    def __init__(self, sock: socket.socket, log: Path) -> None:
        sock.set_inheritable(False)  # processes started by user code must not keep the socket open
        self._socket = sock
        self.log = log
        self.keep_log = False
        """Whether to keep the log because an error message has told the user to read it."""
        self.must_end = False
        """True if this process can't answer any more calls."""
        self._calls: SimpleQueue[Call] = SimpleQueue()
        self._cancelled: set[int] = set()
        self._unanswered: set[int] = set()
        self._is_serving = False
        self._send_lock = threading.Lock()
        """Held while sending a frame, because both threads send frames."""
        self._current: int | None = None
        self._interruptible = False
        self._time_limit: float | None = None
        """The time limit that the current call has reached, in seconds, or None if it hasn't reached its limit."""
        self._main_thread = threading.get_ident()

    def listen(self) -> None:
        """Start the listening thread. Call this from the main thread."""
        signal.signal(signal.SIGUSR1, self._on_interrupt)
        os.register_at_fork(after_in_child=self._close_in_child)
        threading.Thread(target=self._listen, name="listen", daemon=True).start()

    def _close_in_child(self) -> None:
        """Close the socket in a process that user code has forked. The next `send` then ends that process."""
        self._socket.close()
        self.keep_log = True  # the log belongs to the parent

    def calls(self) -> Iterator[Call]:
        """Yield calls as they arrive, except those that were cancelled while they were queued."""
        self._is_serving = True
        while True:
            call = self._calls.get()
            if call.id in self._cancelled:
                self._cancelled.discard(call.id)
                self._unanswered.discard(call.id)
                continue
            self._current = call.id
            try:
                yield call
            finally:
                self._current = None
                self._interruptible = False
                self._cancelled.discard(call.id)
                self._unanswered.discard(call.id)

    def send(self, message: ToClient) -> None:
        """Send a frame. Block while the client isn't reading. Exit the process if the client has disconnected."""
        try:
            with self._send_lock:
                self._socket.sendall(encode_frame(message))
        except OSError:
            self._exit()

    def is_cancelled(self, call: int) -> bool:
        return call in self._cancelled

    @contextmanager
    def interruptible(self, time_limit: float | None = None) -> Iterator[None]:
        """Raise RequestCancelled in the `with` block if the client cancels the call. Don't call `send` in the block.

        After `time_limit` seconds, raise TimeLimitReached once. If the block doesn't end within STUCK_AFTER more
        seconds, report a failure and exit the process.
        """
        timers = [] if time_limit is None else self._start_timers(time_limit)
        try:
            self._interruptible = True
            self._interrupt_if_cancelled()
            yield
        finally:
            self._interruptible = False
            for timer in timers:
                timer.cancel()
            self._time_limit = None

    def _start_timers(self, time_limit: float) -> list[threading.Timer]:
        call = self._current

        def interrupt() -> None:
            self._time_limit = time_limit
            signal.pthread_kill(self._main_thread, signal.SIGUSR1)

        def give_up() -> None:
            if self._interruptible and self._current == call is not None:
                self.send(Failure(call, f"stopped after {time_limit:g} s{_line_of(self._main_thread)}", 1))
                self._exit()

        timers = [threading.Timer(time_limit, interrupt), threading.Timer(time_limit + STUCK_AFTER, give_up)]
        for timer in timers:
            timer.daemon = True
            timer.start()
        return timers

    def _on_interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupt_if_cancelled()

    def _interrupt_if_cancelled(self) -> None:
        if self._interruptible and self._current in self._cancelled:
            raise RequestCancelled
        if self._interruptible and self._time_limit is not None:
            time_limit, self._time_limit = self._time_limit, None
            raise TimeLimitReached(time_limit)

    def _listen(self) -> None:
        try:
            while True:
                self._receive(decode_for_engine(self._read(body_length(self._read(HEADER.size)))))
        except (EOFError, OSError):
            self._exit()
        except BaseException:  # noqa: BLE001 - the process is useless without this thread; the traceback is logged
            traceback.print_exc()
            remove_unfinished_files()
            os._exit(1)

    def _receive(self, message: ToEngine) -> None:
        if isinstance(message, Call):
            self._unanswered.add(message.id)
            self._calls.put(message)
        elif isinstance(message, Check):
            self.send(Status(message.id, self._state_of(message.id)))
        else:
            self._cancelled.add(message.id)
            signal.pthread_kill(self._main_thread, signal.SIGUSR1)

    def _state_of(self, call: int) -> CallState:
        if call not in self._unanswered:
            return "unknown"
        if not self._is_serving:
            return "starting"
        return "running" if call == self._current else "queued"

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            chunk = self._socket.recv(count - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)

    def _exit(self) -> None:
        """Exit at once, even if the main thread is busy. Remove the log unless `keep_log` is True."""
        if not self.keep_log:
            self.log.unlink(missing_ok=True)
        remove_unfinished_files()
        os._exit(0)


class CallContext:
    """Lets a handler report progress and find out whether its call was cancelled."""

    def __init__(self, connection: Connection, call: int) -> None:
        self._connection = connection
        self._call = call
        self._last_report = 0.0

    def progress(self, done: int, total: int, so_far: object = None) -> None:
        """Report progress to the client, at most once every PROGRESS_PERIOD and always at the end.

        `so_far` is the result so far, or None if the client doesn't need it.
        """
        now = time.monotonic()
        if done >= total or now - self._last_report >= PROGRESS_PERIOD:
            self._last_report = now
            self._connection.send(Progress(self._call, done, total, encode_result(so_far)))

    def cancelled(self) -> bool:
        return self._connection.is_cancelled(self._call)

    def interruptible(self, time_limit: float | None = None) -> AbstractContextManager[None]:
        """Raise RequestCancelled in the `with` block if the call is cancelled. Use this for code that may never end.

        After `time_limit` seconds, raise TimeLimitReached once.
        """
        return self._connection.interruptible(time_limit)


def _line_of(thread: int) -> str:
    """Return the line of the user's code that a thread is executing, such as ` in line 12 of net.py`."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - the documented way to see another thread's stack
    while frame is not None:
        file = frame.f_code.co_filename
        if not any(part in file for part in ("site-packages", "fashion_tui/", "/lib/python", "<frozen")):
            return f" in line {frame.f_lineno} of {Path(file).name}"
        frame = frame.f_back
    return ""
