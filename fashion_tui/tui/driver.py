"""Textual's driver for terminals on Linux and macOS, with fixes."""

import asyncio
import os
import select
from codecs import getincrementaldecoder
from typing import Any

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

READ_SIZE = 4096
"""Maximum number of bytes per read."""

EXIT_CHECK_SECONDS = 0.1
"""Timeout of each wait for input, in seconds. After each wait, the parser checks for incomplete escape sequences."""


class TerminalDriver(LinuxDriver):
    """Accepts input that isn't UTF-8, survives SIGSTOP, and ignores the environment variables COLUMNS and LINES."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._loop_of_app = asyncio.get_running_loop()
        self._is_resuming = False

    def terminal_size(self) -> tuple[int, int]:
        """Return the number of columns and lines that the terminal itself reports."""
        try:
            columns, lines = os.get_terminal_size(self.fileno)
        except OSError:  # the terminal is gone
            columns, lines = 0, 0
        return columns or 80, lines or 24

    def _get_terminal_size(self) -> tuple[int, int]:
        return self.terminal_size()

    def run_input_thread(self) -> None:
        """Read and parse input as `LinuxDriver` does, but show invalid bytes as U+FFFD instead of failing."""
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        parser = XTermParser(self._debug)
        while not self.exit_event.is_set():
            ready, _, _ = select.select([self.fileno], [], [], EXIT_CHECK_SECONDS)
            if ready:
                data = os.read(self.fileno, READ_SIZE)
                if not data:  # the terminal is gone; SIGHUP will end the app
                    self.exit_event.wait(EXIT_CHECK_SECONDS)
                for message in parser.feed(decode(data)):
                    self.process_message(message)
            for message in parser.tick():
                self.process_message(message)

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
