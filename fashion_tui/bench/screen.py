"""The app on a pseudo-terminal of its own, as far as a stopwatch needs one: keys go in, what is painted comes out."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from fashion_tui.schema.errors import UserError

_CONTROL = re.compile(rb"\x1b(?:\[[<=>?0-9;$]*[A-Za-z]|[()][A-Z0-9]|[=>])")
_ANSWERS = {b"\x1b[?2026$p": b"\x1b[?2026;2$y", b"\x1b[c": b"\x1b[?62;22c", b"\x1b[6n": b"\x1b[1;1R"}
"""What the app asks its terminal, and what that says."""


class Screen:
    """A program on a terminal of 120 columns and 40 rows. Leaving it as a context manager ends the program."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=dict(environ), start_new_session=True
        )
        os.close(slave)
        self.bytes_painted = 0
        self._text = b""
        """Painted since the last key, without control sequences."""

    def press(self, keys: str) -> float:
        """Type them; when that was."""
        self._text = b""
        os.write(self.master, keys.encode())
        return time.perf_counter()

    def wait_for(self, pattern: str, timeout: float = 30.0) -> float:
        """Until what was painted since the last key matches; when that was. UserError after `timeout` seconds."""
        wanted, end = re.compile(pattern.encode()), time.perf_counter() + timeout
        while not wanted.search(self._text):
            if not self._take_in(end - time.perf_counter()):
                raise UserError(f"the app didn't paint {pattern!r} within {timeout:g} s")
        return time.perf_counter()

    def watch(self, seconds: float) -> None:
        """Take in what is painted for so long."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._take_in(left)

    def _take_in(self, seconds: float) -> bool:
        """Whether anything came within that time."""
        ready, _, _ = select.select([self.master], [], [], max(seconds, 0.0))
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError as error:  # the program has ended
            raise UserError("the app ended while it was measured") from error
        for question, answer in _ANSWERS.items():
            if question in data:
                os.write(self.master, answer)
        self.bytes_painted += len(data)
        self._text += _CONTROL.sub(b"", data)
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.send_signal(signal.SIGTERM)
        end = time.perf_counter() + 5.0
        while self.process.poll() is None and time.perf_counter() < end:
            with suppress(UserError):
                self._take_in(0.1)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
