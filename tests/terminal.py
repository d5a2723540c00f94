"""A program on an emulated terminal: press keys, read the screen, and measure output, CPU time and memory."""

import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil
import pyte

from fashion_tui.bench.terminal import CONTROL_SEQUENCE, Size, TerminalProgram
from tests.forking.popen import fork_on_terminal

TIMEOUT = 90.0
"""Default timeout of every wait, in seconds."""

_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[(?:[<=>][0-9;]*[A-Za-z]|\?[0-9;]*\$p)")
"""Control sequences of keyboard protocols and queries, which pyte would show as text."""

_FRAME_START, _FRAME_END = b"\x1b[?2026h", b"\x1b[?2026l"
"""Control sequences before and after the output of a frame."""

_INCOMPLETE_SEQUENCE = re.compile(rb"\x1b(?:\[[<=>?0-9;$]*)?$")


class ProgramEndedError(AssertionError):
    """The program ended before the screen showed what the test waited for."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Output and CPU time of a program during a measurement."""

    seconds: float
    bytes: int
    """Output in bytes."""
    writes: int
    """Number of chunks in which the output arrived."""
    cpu_seconds: float
    """CPU time of the program and its descendants, in seconds."""

    @property
    def kib_per_second(self) -> float:
        return self.bytes / 1024 / self.seconds


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Memory of a process, in MiB."""

    pid: int
    command: str
    resident: float
    proportional: float
    """Proportional set size: a page shared by N processes counts 1/N."""


class Terminal(TerminalProgram):
    """A program with an emulated screen. The screen is updated only when a test looks at it."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], size: Size = (120, 40)) -> None:
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._rows: list[str] = []
        """The text of each row when the test last looked at it."""
        self._shown_chunks = 0
        self._shown_bytes = 0
        self._incomplete = b""
        """The beginning of a control sequence whose end hasn't arrived yet."""
        self._in_frame = False
        super().__init__(command, environ, size)

    def _start(self, command: Sequence[str], environ: Mapping[str, str], terminal: int) -> int:
        return fork_on_terminal(command, environ, terminal) or super()._start(command, environ, terminal)

    # Screen

    def _show_next_chunk(self) -> float | None:
        """Show the next chunk of output on the screen and return its arrival time, or None if there is none."""
        with self.changed:
            if self._shown_chunks == len(self.arrivals):
                return None
            arrived, end = self.arrivals[self._shown_chunks]
            data = bytes(self.output[self._shown_bytes : end])
        self._shown_chunks += 1
        self._shown_bytes = end
        data = self._incomplete + data
        if _FRAME_START in data or _FRAME_END in data:
            self._in_frame = data.rfind(_FRAME_START) > data.rfind(_FRAME_END)
        match = _INCOMPLETE_SEQUENCE.search(data)
        self._incomplete = match.group() if match else b""
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", data[: len(data) - len(self._incomplete)]))
        return arrived

    def _show_all(self) -> None:
        while self._show_next_chunk() is not None:
            pass

    def text(self) -> str:
        """Return the text on the screen, without trailing spaces."""
        self._show_all()
        return self._text()

    def _text(self) -> str:
        screen = self._screen
        if len(self._rows) != screen.lines:
            self._rows = [""] * screen.lines
            screen.dirty.update(range(screen.lines))
        changed = screen.dirty | {y - 1 for y in screen.dirty}  # a combining character changes the line before
        for y in changed:
            if 0 <= y < screen.lines:
                row = screen.buffer[y]
                self._rows[y] = "".join([row[x].data for x in range(screen.columns)]).rstrip()
        screen.dirty.clear()
        return "\n".join(self._rows)

    def text_after_exit(self) -> str:
        """Return the output after the program left the alternate screen. The user still sees it in the shell."""
        _, left, rest = bytes(self.output).rpartition(b"\x1b[?1049l")
        assert left, "the program never left the alternate screen"
        return CONTROL_SEQUENCE.sub(b"", rest).decode(errors="replace").strip()

    def colours(self) -> set[str]:
        """Return the colours on the screen: names of the 16 colours, or six hexadecimal digits."""
        self._show_all()
        cells = [cell for row in self._screen.buffer.values() for cell in row.values()]
        return {cell.fg for cell in cells} | {cell.bg for cell in cells}

    def resize(self, size: Size) -> None:
        """Change the size of the terminal and clear the screen, so that the program has to repaint it."""
        self._show_all()
        self._screen.resize(lines=size[1], columns=size[0])
        self._screen.erase_in_display(2)
        super().resize(size)

    def clear(self) -> None:
        """Clear the screen, as some terminals do when their window is made smaller and larger again."""
        self._show_all()
        self._screen.erase_in_display(2)

    # Waiting

    def wait_until(self, condition: Callable[[str], bool], description: str, timeout: float = TIMEOUT) -> float:
        """Wait until the screen's text meets a condition.

        Returns the seconds from the program's start to the arrival of the output that met it. Raises AssertionError,
        with the screen, after `timeout` seconds or if the program ends first.
        """
        end = time.perf_counter() + timeout
        arrived: float | None = time.perf_counter()
        while True:
            if arrived is not None and not self._in_frame and condition(self._text()):
                return arrived - self.started
            arrived = self._show_next_chunk()
            if arrived is not None:
                continue
            with self.changed:
                if self._shown_chunks == len(self.arrivals):
                    if self.closed:
                        raise ProgramEndedError(f"the program ended before: {description}; screen:\n{self._text()}")
                    if not self.changed.wait(end - time.perf_counter()):
                        raise AssertionError(f"not within {timeout:g} s: {description}; screen:\n{self._text()}")

    def wait_for(self, text: str, timeout: float = TIMEOUT) -> float:
        """Wait until the text is on the screen, within one line."""
        return self.wait_until(lambda screen: text in screen, f"{text!r} is on the screen", timeout)

    def wait_gone(self, text: str, timeout: float = TIMEOUT) -> float:
        """Wait until the text is no longer on the screen."""
        return self.wait_until(lambda screen: text not in screen, f"{text!r} is gone", timeout)

    def settle(self, quiet: float = 0.3, timeout: float = TIMEOUT) -> str:
        """Wait until no output arrives for `quiet` seconds, at most `timeout` seconds, and return the screen's text."""
        self.wait_until_quiet(quiet, timeout)
        return self.text()

    def exit_status(self, timeout: float = TIMEOUT) -> int:
        """Wait for the program to end and return its exit status, which is negative if a signal killed it."""
        try:
            status = self.process.wait(timeout)
        except psutil.TimeoutExpired:
            raise AssertionError(f"still running after {timeout:g} s; screen:\n{self.text()}") from None
        assert status is not None
        with self.changed:
            self.changed.wait_for(lambda: self.closed, 1.0)  # the last output may not have arrived yet
        return int(status)

    # Input

    def type(self, text: str) -> None:
        """Type a string, one character at a time."""
        self.press(*text)

    def click(self, column: int, row: int) -> None:
        """Click the left mouse button at a cell, counted from 1."""
        self.send(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m".encode())

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the program, but not to its descendants."""
        self.process.send_signal(number)

    # Measurements

    def process_tree(self) -> list[psutil.Process]:
        """Return the processes of the program and its descendants, except those whose parent has ended."""
        try:
            return [self.process, *self.process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_seconds(self) -> float:
        """Return the CPU time that the live processes of the tree have used, in seconds."""
        total = 0.0
        for process in self.process_tree():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def measure_activity(self, seconds: float) -> Activity:
        """Measure output and CPU time for some seconds."""
        time_before, bytes_before, writes_before = time.perf_counter(), len(self.output), len(self.arrivals)
        cpu_before = self.cpu_seconds()
        time.sleep(seconds)
        return Activity(
            time.perf_counter() - time_before,
            len(self.output) - bytes_before,
            len(self.arrivals) - writes_before,
            self.cpu_seconds() - cpu_before,
        )

    def memory(self) -> list[ProcessMemory]:
        """Return the memory of each process in the tree, starting with the program's own."""
        memories = []
        for process in self.process_tree():
            with suppress(psutil.NoSuchProcess):
                info = process.memory_full_info()
                command = " ".join(process.cmdline())
                memories.append(ProcessMemory(process.pid, command, info.rss / 2**20, info.pss / 2**20))
        return memories


class SlowTerminal(Terminal):
    """A terminal at the end of a slow connection."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], size: Size = (120, 40), *, bytes_per_second: int
    ) -> None:
        self._bytes_per_second = bytes_per_second
        super().__init__(command, environ, size)

    def _read_chunk(self) -> bytes:
        data = os.read(self._master, max(1, self._bytes_per_second // 20))
        time.sleep(len(data) / self._bytes_per_second)
        return data
