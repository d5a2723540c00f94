"""The engine's end of the socket: a thread that listens, while the main thread computes and answers.

Knows no torch, so that it listens before torch is imported.
"""

import os
import signal
import socket
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
    Progress,
    ToClient,
    ToEngine,
    body_length,
    decode_for_engine,
    frame,
)

PROGRESS_PERIOD = 0.05
"""Least seconds between two Progress frames of a call."""


class RequestCancelled(BaseException):
    """Ends the work on a request. No Exception, so that a person's `except Exception` can't hold it up."""


class Connection:
    """The socket, the queue of calls and the one call being worked on (`current`)."""

    def __init__(self, link: socket.socket, log: Path) -> None:
        link.set_inheritable(False)  # or a process that a person's code starts would keep it open
        self._link = link
        self.log = log
        self.keep_log = False
        """Set where an answer told a person to look into the log."""
        self._calls: SimpleQueue[Call] = SimpleQueue()
        self._cancelled: set[int] = set()
        self._current: int | None = None
        self._interruptible = False
        self._main_thread = threading.get_ident()

    def listen(self) -> None:
        """Starts the listening thread; called from the main thread."""
        signal.signal(signal.SIGUSR1, self._on_interrupt)
        threading.Thread(target=self._listen, name="listen", daemon=True).start()

    def calls(self) -> Iterator[Call]:
        """Calls as they come, without those that are cancelled before their turn."""
        while True:
            call = self._calls.get()
            if call.id in self._cancelled:
                self._cancelled.discard(call.id)
                continue
            self._current = call.id
            try:
                yield call
            finally:
                self._current = None
                self._interruptible = False
                self._cancelled.discard(call.id)

    def send(self, message: ToClient) -> None:
        """Blocks while the client doesn't read."""
        try:
            self._link.sendall(frame(message))
        except OSError:
            self._leave()

    def is_cancelled(self, call: int) -> bool:
        return call in self._cancelled

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Around code that might never end: there, a Cancel raises RequestCancelled. Nothing may be sent meanwhile."""
        try:
            self._interruptible = True
            self._interrupt_if_cancelled()
            yield
        finally:
            self._interruptible = False

    def _on_interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupt_if_cancelled()

    def _interrupt_if_cancelled(self) -> None:
        if self._interruptible and self._current in self._cancelled:
            raise RequestCancelled

    def _listen(self) -> None:
        try:
            while True:
                self._take(decode_for_engine(self._read(body_length(self._read(HEADER.size)))))
        except (EOFError, OSError):
            self._leave()
        except BaseException:  # noqa: BLE001 - without its listener the engine would be deaf: the log tells why
            traceback.print_exc()
            os._exit(1)

    def _take(self, message: ToEngine) -> None:
        if isinstance(message, Call):
            self._calls.put(message)
            return
        self._cancelled.add(message.id)
        signal.pthread_kill(self._main_thread, signal.SIGUSR1)

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            part = self._link.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def _leave(self) -> None:
        """The client is gone: end at once, whatever the main thread is doing. The log stays only if it was named."""
        if not self.keep_log:
            self.log.unlink(missing_ok=True)
        os._exit(0)


class CallContext:
    """What a handler may know of its call: how to report progress, and whether anyone still waits."""

    def __init__(self, connection: Connection, call: int) -> None:
        self._connection = connection
        self._call = call
        self._reported = 0.0

    def progress(self, done: int, total: int) -> None:
        """Tells the client, not more often than it is worth."""
        now = time.monotonic()
        if done >= total or now - self._reported >= PROGRESS_PERIOD:
            self._reported = now
            self._connection.send(Progress(self._call, done, total))

    def cancelled(self) -> bool:
        return self._connection.is_cancelled(self._call)

    def interruptible(self) -> AbstractContextManager[None]:
        """Around code that might never end, such as a person's: there, a cancelled call raises RequestCancelled."""
        return self._connection.interruptible()
