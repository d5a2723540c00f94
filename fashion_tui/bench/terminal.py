"""Run a program on a pseudo-terminal, press keys, and read the program's output."""

import fcntl
import os
import re
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Self

import psutil

from fashion_tui.schema.errors import UserError

Size = tuple[int, int]
"""Columns and rows."""

ESCAPE_PAUSE = 0.15
"""Seconds to wait after sending escape, so that the program doesn't combine it with the next key."""

CONTROL_SEQUENCE = re.compile(rb"\x1b(?:\[[<=>?0-9;$]*[A-Za-z]|[()][A-Z0-9]|[=>])")

_KEYS = {
    "enter": "\r", "tab": "\t", "shift+tab": "\x1b[Z", "escape": "\x1b", "space": " ", "backspace": "\x7f",
    "delete": "\x1b[3~", "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H",
    "end": "\x1b[F", "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR",
    "f4": "\x1bOS", "f5": "\x1b[15~", "f6": "\x1b[17~", "f7": "\x1b[18~", "f8": "\x1b[19~",
}  # fmt: skip

_QUERY_REPLIES = {b"\x1b[?2026$p": b"\x1b[?2026;2$y", b"\x1b[6n": b"\x1b[1;1R", b"\x1b[c": b"\x1b[?62;22c"}
"""A terminal's replies to queries about synchronised output, the cursor position and the terminal type."""

_QUERY = re.compile(b"|".join(map(re.escape, _QUERY_REPLIES)))
_LONGEST_QUERY = max(map(len, _QUERY_REPLIES))


def key_bytes(key: str) -> bytes:
    """Return the bytes that a terminal sends for a key. `key` is Textual's name for the key."""
    if key in _KEYS:
        return _KEYS[key].encode()
    if len(key) == 1:
        return key.encode()
    modifier, _, letter = key.partition("+")
    if modifier == "ctrl" and len(letter) == 1:
        return bytes([ord(letter.upper()) & 0x1F])
    raise ValueError(f"unknown key {key!r}")


class TerminalProgram:
    """A program that runs on its own pseudo-terminal, in its own session.

    A thread reads the output, so the program never blocks while writing. On exit, the context manager ends the program,
    but not any processes that the program has detached.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], size: Size = (120, 40)) -> None:
        self.output = bytearray()
        """The program's output so far."""
        self.arrivals: list[tuple[float, int]] = []
        """Time at which each chunk of output arrived, and the length of `output` after that chunk."""
        self.closed = False
        """Whether the program has closed its terminal."""
        self.changed = threading.Condition()
        """Notified when `output`, `arrivals` or `closed` changes."""
        self._plain_text = bytearray()
        """The output that `wait_for_output` has read since the last key press, without control sequences."""
        self._plain_text_end = 0
        """Number of bytes of `output` that `wait_for_output` has read."""
        self._incomplete_query = b""
        """The end of the output if it may be the beginning of a query, otherwise empty."""
        self._master, slave = os.openpty()
        self._set_size(size)
        self.attributes_before = termios.tcgetattr(slave)
        self.started = time.perf_counter()
        self.pid = self._start(command, environ, slave)
        os.close(slave)
        self.process = psutil.Process(self.pid)
        self._stop_reading, self._stop_requested = os.pipe()[::-1]
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    def _start(self, command: Sequence[str], environ: Mapping[str, str], terminal: int) -> int:
        """Start the program in a new session with `terminal`, a file descriptor. Return the process id."""
        return os.posix_spawn(
            command[0],
            list(command),
            dict(environ),
            # the first terminal that a session leader opens becomes its controlling terminal
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.ttyname(terminal), os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 0, 1),
                (os.POSIX_SPAWN_DUP2, 0, 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGHUP, signal.SIGPIPE],  # nohup ignores SIGHUP
        )

    # Output

    def _read_output(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._stop_requested], [], [])
            if self._stop_requested in ready:
                break
            try:
                data = self._read_chunk()
            except OSError:  # no process has the terminal open
                break
            if not data:
                break
            self._reply_to_queries(data)
            with self.changed:
                self.output += data
                self.arrivals.append((time.perf_counter(), len(self.output)))
                self.changed.notify_all()
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def _read_chunk(self) -> bytes:
        return os.read(self._master, 65536)

    def _reply_to_queries(self, data: bytes) -> None:
        data = self._incomplete_query + data
        end = 0
        for match in _QUERY.finditer(data):
            os.write(self._master, _QUERY_REPLIES[match.group()])
            end = match.end()
        start = data.rfind(b"\x1b", end)
        self._incomplete_query = data[start:] if start >= 0 and len(data) - start < _LONGEST_QUERY else b""

    def wait_for_output(self, pattern: str, timeout: float = 30.0) -> float:
        """Wait until the output since the last key press matches `pattern`.

        Return the time at which the matching output arrived. Control sequences are removed before matching. Raises
        UserError after `timeout` seconds, or if the program ends.
        """
        regex, end = re.compile(pattern.encode()), time.perf_counter() + timeout
        with self.changed:
            while True:
                self._plain_text += CONTROL_SEQUENCE.sub(b"", self.output[self._plain_text_end :])
                self._plain_text_end = len(self.output)
                if regex.search(self._plain_text):
                    return self.arrivals[-1][0]
                if self.closed:
                    raise UserError(f"the program ended before it wrote {pattern!r}")
                if not self.changed.wait(end - time.perf_counter()):
                    raise UserError(f"the program didn't write {pattern!r} within {timeout:g} s")

    def wait_until_quiet(self, quiet: float, timeout: float) -> None:
        """Wait until no output arrives for `quiet` seconds, at most `timeout` seconds."""
        end = time.perf_counter() + timeout
        while time.perf_counter() < end:
            with self.changed:
                if self.closed or not self.changed.wait(quiet):
                    break

    def latency(self, key: str, presses: int) -> list[float]:
        """Press a key several times and return the seconds from each press to the first output."""
        latencies = []
        for _ in range(presses):
            self.wait_until_quiet(quiet=0.05, timeout=1.0)
            with self.changed:
                pressed, chunks = time.perf_counter(), len(self.arrivals)
                self.press(key)
                if not self.changed.wait_for(lambda before=chunks: len(self.arrivals) > before, 30.0):  # type: ignore[misc]
                    raise UserError(f"the program wrote nothing after {key!r}")
                latencies.append(time.perf_counter() - pressed)
        return latencies

    # Input

    def press(self, *keys: str) -> None:
        """Press keys. Each is identified by its name in Textual, such as `ctrl+t`."""
        for key in keys:
            self._plain_text.clear()
            self._plain_text_end = len(self.output)
            self.send(key_bytes(key))
            if key == "escape":
                time.sleep(ESCAPE_PAUSE)

    def send(self, data: bytes) -> None:
        """Send bytes to the program, as a terminal does when keys or mouse buttons are pressed."""
        os.write(self._master, data)

    def resize(self, size: Size) -> None:
        """Change the size of the terminal, as if the user resized its window."""
        self._set_size(size)

    def _set_size(self, size: Size) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def attributes(self) -> list[object]:
        """Return the terminal's modes as reported by `termios`, for comparison with `attributes_before`."""
        return list(termios.tcgetattr(self._master))

    # End

    def hang_up(self) -> None:
        """Close the terminal, as if the connection were lost."""
        os.write(self._stop_reading, b"x")
        self._reader.join()  # the thread must not read from a closed terminal
        for descriptor in (self._master, self._stop_reading, self._stop_requested):
            os.close(descriptor)
        self._master = -1

    def close(self) -> None:
        """End the program, by SIGKILL if necessary, and close the terminal. A second call has no effect."""
        if self.process.is_running():
            self.process.terminate()
            try:
                self.process.wait(5)
            except psutil.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        if self._master >= 0:
            self.hang_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
