"""A Textual driver for Linux and macOS terminals, which extends `LinuxDriver`."""

import asyncio
import fcntl
import os
import select
import struct
import termios
import threading
import time
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import IO, Any

from textual.drivers.linux_driver import LinuxDriver
from textual.events import CursorPosition
from textual.message import Message

from fashion_tui.settings import user_settings

from .graphics.detection import graphics_protocol
from .graphics.layer import ImageLayer
from .output_flow import QUERY_TIMEOUT, OutputFlow
from .terminal_input import PASTE_LENGTH, InputParser
from .terminal_status import Progress, TerminalStatus

READ_SIZE = 65536
"""Maximum number of bytes per read."""

EXIT_CHECK_SECONDS = 0.1
"""Timeout of each wait for input, in seconds. After each wait, the parser checks for incomplete escape sequences."""

PASTE_GAP = 0.02
"""Timeout for the next piece of a paste, in seconds. It applies as soon as PASTE_LENGTH bytes have arrived."""

MAX_PASTE_SECONDS = 1.0
"""Maximum time to wait for all pieces of a paste, in seconds."""

LAST_REPLY_TIMEOUT = 0.5
"""Timeout for the terminal's last reply at exit, in seconds. A later reply would appear in the shell."""


class TerminalDriver(LinuxDriver):
    """A driver that accepts invalid UTF-8, survives SIGSTOP, and ignores the environment variables COLUMNS and LINES.

    It also speeds up the parsing of pastes and adds flow control for frames.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._loop_of_app = asyncio.get_running_loop()
        self._is_resuming = False
        self.flow = OutputFlow(self._query)
        self._status = TerminalStatus(os.environ)
        protocol = graphics_protocol(os.environ, user_settings().images)
        self.image_layer = ImageLayer(protocol, self.write) if protocol is not None else None
        """Draws an image in pixels. None if the terminal can't."""
        self._reply_arrived = threading.Event()
        """Set if the terminal has replied to the last query."""
        self._write_lock = threading.Lock()
        self._when_ready: Callable[[], object] | None = None
        self._overdue_check: asyncio.TimerHandle | None = None
        self._file: Any = _CountedOutput(self._file, self._output_flushed)

    def terminal_size(self) -> tuple[int, int]:
        """Return the terminal's size in columns and lines, regardless of the variables COLUMNS and LINES."""
        try:
            columns, lines = os.get_terminal_size(self.fileno)
        except OSError:  # the terminal is gone
            columns, lines = 0, 0
        return columns or 80, lines or 24

    def cell_size(self) -> tuple[int, int] | None:
        """Return the height and width of a cell in pixels, or None if the terminal doesn't report them."""
        try:
            size = fcntl.ioctl(self.fileno, termios.TIOCGWINSZ, bytes(8))
        except OSError:
            return None
        lines, columns, width, height = struct.unpack("HHHH", size)
        if not (lines and columns and height >= lines and width >= columns):
            return None
        return height // lines, width // columns

    def _get_terminal_size(self) -> tuple[int, int]:
        return self.terminal_size()

    def run_input_thread(self) -> None:
        """Read and parse input as `LinuxDriver` does, but show invalid bytes as U+FFFD instead of failing."""
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        parser = InputParser(debug=self._debug)
        while not self.exit_event.is_set():
            if self._has_input(EXIT_CHECK_SECONDS):
                data = self._read()
                if not data:  # the terminal is gone; SIGHUP will end the app
                    self.exit_event.wait(EXIT_CHECK_SECONDS)
                for message in parser.feed(decode(data)):
                    self.process_message(message)
            for message in parser.tick():
                self.process_message(message)

    def _has_input(self, timeout: float) -> bool:
        """Wait for input, and return whether there is any."""
        return bool(select.select([self.fileno], [], [], timeout)[0])

    def _read(self) -> bytes:
        """Read the available input. If it is long enough to be pasted text, also read the rest of the paste."""
        data = os.read(self.fileno, READ_SIZE)
        deadline = time.monotonic() + MAX_PASTE_SECONDS
        while len(data) >= PASTE_LENGTH and self._has_input(PASTE_GAP) and time.monotonic() < deadline:
            more = os.read(self.fileno, READ_SIZE)
            if not more:
                break
            data += more
        return data

    def process_message(self, message: Message) -> None:
        if isinstance(message, CursorPosition):
            self._reply_arrived.set()
            self._loop_of_app.call_soon_threadsafe(self._reply_received)
        else:
            super().process_message(message)

    # Output

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self.flow.start()

    def stop_application_mode(self) -> None:
        """Restore the terminal, also after an error in the app."""
        if self.image_layer is not None:
            self.image_layer.remove()
        self.write(self._status.restore())
        super().stop_application_mode()

    def show_progress(self, progress: Progress | None) -> None:
        """Show a run's progress in the terminal's title and tab. If it is None, restore both."""
        if sequence := self._status.show(progress):
            self.write(sequence)

    def disable_input(self) -> None:
        """Wait for the terminal's last reply, then disable input. Otherwise, the shell would receive the reply."""
        if self.flow.awaits_reply:
            self._reply_arrived.wait(LAST_REPLY_TIMEOUT)
        super().disable_input()

    def write(self, data: str) -> None:
        with self._write_lock:
            self.flow.wrote(data)
        super().write(data)

    def _query(self, query: str) -> None:
        self._reply_arrived.clear()
        self.write(query)

    def call_when_ready(self, callback: Callable[[], object]) -> None:
        """Call `callback` in the app's thread as soon as a frame can be written. This replaces an earlier callback."""
        self._when_ready = callback
        self._check_overdue_later()
        if self.flow.is_ready:  # the output may have been flushed in the meantime
            self._loop_of_app.call_soon(self._check_ready)

    def _output_flushed(self, characters: int) -> None:
        """Called by the driver's output thread after each flush."""
        self.flow.flushed(characters)
        if self._when_ready is not None:
            self._loop_of_app.call_soon_threadsafe(self._check_ready)

    def _reply_received(self) -> None:
        self.flow.reply_received()
        self._check_ready()

    def _check_ready(self) -> None:
        if self._when_ready is not None and self.flow.is_ready:
            callback, self._when_ready = self._when_ready, None
            with self._app._context():  # noqa: SLF001 -- Textual has no public way to enter the app's context
                callback()

    def _check_overdue_later(self) -> None:
        if self._overdue_check is None:
            self._overdue_check = self._loop_of_app.call_later(QUERY_TIMEOUT, self._check_overdue)

    def _check_overdue(self) -> None:
        """While a callback is waiting, check periodically whether the terminal's reply is overdue."""
        self._overdue_check = None
        self._check_ready()
        if self._when_ready is not None:
            self._check_overdue_later()

    # SIGCONT

    def _sigcont_application(self, *_: object) -> None:
        """Restore application mode without starting a second input thread.

        `LinuxDriver` always enters application mode here. If the process was stopped by SIGSTOP, or wasn't stopped at
        all, the driver never left that mode. Two threads would then read input, and only one of them would end at exit.
        """
        if self._must_signal_resume:  # the process was stopped by SIGTSTP and has left application mode
            super()._sigcont_application()
        elif self._key_thread is not None and not self._is_resuming:
            self._is_resuming = True
            self._loop_of_app.call_soon_threadsafe(self._resume)

    def _resume(self) -> None:
        """Set all terminal modes again, because the shell may have changed them, and repaint the screen."""
        self._is_resuming = False
        if self._app._exit:  # noqa: SLF001 -- the driver is part of Textual
            return
        self.suspend_application_mode()
        self.resume_application_mode()


class _CountedOutput:
    """A file wrapper that reports the number of flushed characters. Textual's output thread writes to it."""

    def __init__(self, file: IO[str], flushed: Callable[[int], object]) -> None:
        self._file = file
        self._flushed = flushed
        self._characters = 0
        """Number of characters written since the last flush."""

    def write(self, text: str) -> None:
        self._file.write(text)
        self._characters += len(text)

    def flush(self) -> None:
        self._file.flush()
        characters, self._characters = self._characters, 0
        self._flushed(characters)

    def fileno(self) -> int:
        return self._file.fileno()
