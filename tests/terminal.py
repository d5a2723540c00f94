"""A program on a pseudo-terminal, for tests: press its keys, read its screen, measure what it costs.

A thread takes in what the program paints, as a terminal does, so that the program never waits for the test; the screen
is worked out (by pyte, a terminal emulator) only when the test looks at it.
"""

import fcntl
import os
import re
import select
import signal
import struct
import termios
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import psutil
import pyte

PATIENCE = 60.0
"""Seconds that a test waits for what it expects."""

ESCAPE_PAUSE = 0.15
"""Seconds after which a program no longer takes an escape for the beginning of another key."""

Size = tuple[int, int]
"""Columns and rows."""

_KEYS = {
    "enter": "\r", "tab": "\t", "shift+tab": "\x1b[Z", "escape": "\x1b", "space": " ", "backspace": "\x7f",
    "delete": "\x1b[3~", "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H",
    "end": "\x1b[F", "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR",
    "f4": "\x1bOS", "f5": "\x1b[15~", "f6": "\x1b[17~", "f7": "\x1b[18~", "f8": "\x1b[19~",
}  # fmt: skip

_ANSWERS = {b"\x1b[?2026$p": b"\x1b[?2026;2$y", b"\x1b[6n": b"\x1b[1;1R", b"\x1b[c": b"\x1b[?62;22c"}
"""What a program asks its terminal at the start (for synchronised output, the cursor, the kind), and what that says."""

_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[(?:[<=>][0-9;]*[A-Za-z]|\?[0-9;]*\$p)")
"""Keyboard protocols and questions, which pyte would paint as text."""

_FRAME_BEGINS, _FRAME_ENDS = b"\x1b[?2026h", b"\x1b[?2026l"
"""Between them a screen is half painted."""

_CONTROL = re.compile(rb"\x1b\[[<=>?0-9;]*[A-Za-z]")

_UNFINISHED = re.compile(rb"\x1b(?:\[[<=>?0-9;$]*)?$")


class EndedError(AssertionError):
    """The program has ended, and what the test waited for never came."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What a program painted within some time."""

    seconds: float
    bytes: int
    writes: int
    cpu_seconds: float
    """Of the program and all that it started."""

    @property
    def kib_per_second(self) -> float:
        return self.bytes / 1024 / self.seconds


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process, in MiB."""

    pid: int
    command: str
    resident: float
    proportional: float
    """Pages that several processes share count for a part in each (Pss)."""


def key_bytes(key: str) -> bytes:
    """What a terminal sends for a key, named as Textual names it."""
    if key in _KEYS:
        return _KEYS[key].encode()
    if len(key) == 1:
        return key.encode()
    modifier, _, letter = key.partition("+")
    if modifier == "ctrl" and len(letter) == 1:
        return bytes([ord(letter.upper()) & 0x1F])
    raise ValueError(f"no key is called {key!r}")


class Terminal:
    """Starts a command as the leader of a session of its own, as a login on a terminal does.

    Leaving it as a context manager ends the program; what that detached into other sessions is left alone.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], size: Size = (120, 40)) -> None:
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._chunks: deque[tuple[float, bytes]] = deque()
        self._arrived = threading.Condition()
        self._closed = False
        self._rest = b""
        self._in_frame = False
        self.sent = bytearray()
        """Everything that the program has painted so far, as it was sent."""
        self.writes = 0
        self._master, slave = os.openpty()
        self._set_size(size)
        self.attributes_before = termios.tcgetattr(slave)
        self.started = time.perf_counter()
        self.pid = os.posix_spawn(
            command[0],
            list(command),
            dict(environ),
            # the leader of a session without a terminal gets the first one that it opens
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.ttyname(slave), os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 0, 1),
                (os.POSIX_SPAWN_DUP2, 0, 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGPIPE],
        )
        os.close(slave)
        self.process = psutil.Process(self.pid)
        self._wake, self._woken = os.pipe()[::-1]
        self._thread = threading.Thread(target=self._take_in, daemon=True)
        self._thread.start()

    # What the program paints

    def _take_in(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._woken], [], [])
            if self._woken in ready:
                break
            try:
                data = os.read(self._master, 65536)
            except OSError:  # nobody has the terminal open any more
                break
            if not data:
                break
            for question, answer in _ANSWERS.items():
                if question in data:
                    os.write(self._master, answer)
            with self._arrived:
                self._chunks.append((time.perf_counter(), data))
                self.sent += data
                self.writes += 1
                self._arrived.notify_all()
        with self._arrived:
            self._closed = True
            self._arrived.notify_all()

    def _paint(self) -> float | None:
        """Bring the screen up to the next chunk; when that came, or None where there is none."""
        with self._arrived:
            if not self._chunks:
                return None
            arrived, data = self._chunks.popleft()
        data = self._rest + data
        if _FRAME_BEGINS in data or _FRAME_ENDS in data:
            self._in_frame = data.rfind(_FRAME_BEGINS) > data.rfind(_FRAME_ENDS)
        unfinished = _UNFINISHED.search(data)
        self._rest = unfinished.group() if unfinished else b""
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(b"", data[: len(data) - len(self._rest)]))
        return arrived

    def _paint_all(self) -> None:
        while self._paint() is not None:
            pass

    def text(self) -> str:
        """The screen as it is now, its lines without the blanks at their ends."""
        self._paint_all()
        return self._text()

    def _text(self) -> str:
        screen = self._screen
        rows = ("".join(screen.buffer[y][x].data for x in range(screen.columns)) for y in range(screen.lines))
        return "\n".join(row.rstrip() for row in rows)

    def left_behind(self) -> str:
        """What the program wrote after it gave the screen back: all that a shell's user still sees of it."""
        _, gave_back, rest = bytes(self.sent).rpartition(b"\x1b[?1049l")
        assert gave_back, "the screen was never given back"
        return _CONTROL.sub(b"", rest).decode(errors="replace").strip()

    def colours(self) -> set[str]:
        """Of all that is on the screen: names of the 16 colours, or six hexadecimal digits."""
        self._paint_all()
        cells = [cell for row in self._screen.buffer.values() for cell in row.values()]
        return {cell.fg for cell in cells} | {cell.bg for cell in cells}

    # Waiting

    def wait_until(self, holds: Callable[[str], bool], what: str, timeout: float = PATIENCE) -> float:
        """Wait until the screen's text is as it should be; seconds from the start to the painting that made it so.

        AssertionError, with the screen, where that takes longer than `timeout` seconds or the program ends first.
        """
        end = time.perf_counter() + timeout
        arrived: float | None = time.perf_counter()
        while True:
            if arrived is not None and not self._in_frame and holds(self._text()):
                return arrived - self.started
            arrived = self._paint()
            if arrived is not None:
                continue
            with self._arrived:
                if not self._chunks:
                    if self._closed:
                        raise EndedError(f"the program ended before: {what}; its screen:\n{self._text()}")
                    if not self._arrived.wait(end - time.perf_counter()):
                        raise AssertionError(f"not within {timeout:g} s: {what}; the screen:\n{self._text()}")

    def wait_for(self, text: str, timeout: float = PATIENCE) -> float:
        """Until the text is on the screen, within one line."""
        return self.wait_until(lambda screen: text in screen, f"{text!r} is on the screen", timeout)

    def wait_gone(self, text: str, timeout: float = PATIENCE) -> float:
        """Until the text is no longer on the screen."""
        return self.wait_until(lambda screen: text not in screen, f"{text!r} is gone", timeout)

    def settle(self, quiet: float = 0.3, timeout: float = PATIENCE) -> str:
        """The screen once nothing was painted for `quiet` seconds; as it is after `timeout` where that never is."""
        end = time.perf_counter() + timeout
        while time.perf_counter() < end:
            with self._arrived:
                if self._closed or not self._arrived.wait(quiet):
                    break
        return self.text()

    def exit_status(self, timeout: float = PATIENCE) -> int:
        """Wait for the program's end; its status, negative for the signal that killed it."""
        try:
            status = self.process.wait(timeout)
        except psutil.TimeoutExpired:
            raise AssertionError(f"still there after {timeout:g} s; the screen:\n{self.text()}") from None
        assert status is not None
        self._thread.join(1.0)  # what it painted last is still on its way
        return int(status)

    # What a person does

    def press(self, *keys: str) -> None:
        """Press keys, one after the other; an escape is followed by a pause, as it is by a person's."""
        for key in keys:
            os.write(self._master, key_bytes(key))
            if key == "escape":
                time.sleep(ESCAPE_PAUSE)

    def type(self, text: str) -> None:
        """Type a text, a character at a time."""
        self.press(*text)

    def click(self, column: int, row: int) -> None:
        """Left click at a cell, counted from 1."""
        os.write(self._master, f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m".encode())

    def resize(self, size: Size) -> None:
        """As dragging the window does; nothing is on the screen until the program paints it anew."""
        self._paint_all()
        self._screen.resize(lines=size[1], columns=size[0])
        self._screen.erase_in_display(2)
        self._set_size(size)

    def wipe(self) -> None:
        """Lose what was painted so far, as a terminal does that was dragged smaller and back."""
        self._paint_all()
        self._screen.erase_in_display(2)

    def _set_size(self, size: Size) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does."""
        os.write(self._wake, b"x")
        self._thread.join()  # a terminal that is being read isn't closed
        for descriptor in (self._master, self._wake, self._woken):
            os.close(descriptor)
        self._master = -1

    def send_signal(self, number: signal.Signals) -> None:
        """To the program alone."""
        self.process.send_signal(number)

    # What it costs, and how it leaves the terminal

    def attributes(self) -> list[object]:
        """The terminal's modes as `termios` tells them, to be compared with `attributes_before`."""
        return list(termios.tcgetattr(self._master))

    def tree(self) -> list[psutil.Process]:
        """The program and all that it started and that hasn't lost its parent."""
        try:
            return [self.process, *self.process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_seconds(self) -> float:
        """Of the whole tree since its start."""
        total = 0.0
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def flow(self, seconds: float) -> Flow:
        """What comes within so many seconds."""
        time_before, bytes_before, writes_before = time.perf_counter(), len(self.sent), self.writes
        cpu_before = self.cpu_seconds()
        time.sleep(seconds)
        return Flow(
            time.perf_counter() - time_before,
            len(self.sent) - bytes_before,
            self.writes - writes_before,
            self.cpu_seconds() - cpu_before,
        )

    def latency(self, key: str, presses: int) -> list[float]:
        """Seconds from a press of the key to the first byte that is painted, one for each press."""
        times = []
        for _ in range(presses):
            self.settle(quiet=0.05, timeout=1.0)
            with self._arrived:
                pressed, writes = time.perf_counter(), self.writes
                self.press(key)
                painted = self._arrived.wait_for(lambda before=writes: self.writes > before, PATIENCE)  # type: ignore[misc]
                assert painted, f"{key} paints nothing"
                times.append(time.perf_counter() - pressed)
        return times

    def memory(self) -> list[Memory]:
        """Of each process of the tree, the program's own first."""
        found = []
        for process in self.tree():
            with suppress(psutil.NoSuchProcess):
                info = process.memory_full_info()
                found.append(Memory(process.pid, " ".join(process.cmdline()), info.rss / 2**20, info.pss / 2**20))
        return found

    # The end

    def close(self) -> None:
        """End the program, if need be by force, and close the terminal. A second time does nothing."""
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
