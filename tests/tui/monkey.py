"""A monkey that types, pastes, clicks and resizes at random. The same seed makes the same input."""

import random
import select
import time
from collections import deque
from collections.abc import Callable

from fashion_tui.bench.terminal import Size, TerminalProgram, key_bytes

MAX_CPU_SECONDS = 2.0
"""Maximum CPU time of the app between a burst of input and the frame that shows its effect."""

MAX_SECONDS = 60.0
"""Maximum time between a burst of input and the frame that shows its effect, on a machine with other load."""

SHOWN_OUTPUT = 20_000
"""Number of bytes of the app's last output in an error message; enough for a traceback."""

_SPECIAL_KEYS = (
    "enter", "tab", "shift+tab", "escape", "space", "backspace", "delete", "up", "down", "right", "left", "home", "end",
    "pageup", "pagedown", "f1", "f2", "f3", "f4", "f5", "f6", "f8",
)  # fmt: skip
_LETTERS = "abcdefghijklmnoprstuvwxyzABCDEFGHIJKLMNOPRSTUVWXYZ1234567890?/.,()[]:;='\"_-+*#!$%@&<>{}|~ "
"""All characters that are bound to actions or can be typed, except `q`, which quits."""

# Without ctrl+q, which quits, and ctrl+p, which opens a list of commands that includes quitting.
_CONTROL_KEYS = tuple(f"ctrl+{letter}" for letter in "acdefgklnortuvwxyz")
_WORDS = (
    "x = torch.ones(3)\r",
    "x = x * 2\r",
    "print('a\\n' * 500)\r",
    "for i in range(9):\r    i\r\r",
)
_PASTES = ("wörter und 測試 🙂\n", "\x00\x07\x1b[31mred", "nn.Linear(28 * 28, 10)\n" * 40, "x" * 5_000)
_ESCAPE_PAUSE = 0.15

_BUSY_INTERVAL = 0.05
"""Interval, in seconds, at which to check whether the app is still busy with a burst of input."""


class StuckError(AssertionError):
    """The app neither paints nor ends."""


class Monkey:
    """Sends random input to an app, and checks after each burst that the app still paints."""

    def __init__(self, terminal: TerminalProgram, seed: int, size: Size) -> None:
        self._terminal = terminal
        self._random = random.Random(seed)
        self._seed = seed
        self._size = size
        self._is_narrower = False
        self._recent: deque[bytes] = deque(maxlen=30)
        """The last inputs, for the error message."""
        self._earlier_output = b""
        """The app's last output before `check` resized the terminal, for the error message."""
        self.keys = 0
        """Number of keys, pastes and mouse events so far."""
        self.slowest = 0.0
        """The longest CPU time that the app needed for a burst, in seconds."""
        actions: list[tuple[Callable[[], bytes], int]] = [
            (self._letter, 40), (self._special_key, 40), (self._control_key, 8), (self._word, 2), (self._paste, 1),
            (self._mouse, 8), (self._noise, 1),
        ]  # fmt: skip
        self._actions = [action for action, _ in actions]
        self._weights = [weight for _, weight in actions]

    def burst(self, length: int) -> None:
        """Send some random input, and wait until the app has painted its effect."""
        cpu = self._cpu_seconds()
        for action in self._random.choices(self._actions, self._weights, k=length):
            data = action()
            self._send(data)
            self.keys += 1
            if data == b"\x1b":
                time.sleep(_ESCAPE_PAUSE)
        self.check(cpu)
        self._wait_while_busy()

    def check(self, cpu_before: float | None = None) -> None:
        """Resize the terminal by one column and wait for the frame in the new size."""
        cpu = self._cpu_seconds() if cpu_before is None else cpu_before
        self._is_narrower = not self._is_narrower
        columns, rows = self._size
        terminal = self._terminal
        with terminal.changed:
            self._earlier_output = bytes(terminal.output[-SHOWN_OUTPUT:])
            terminal.output.clear()
            terminal.arrivals.clear()
        terminal.resize((columns - self._is_narrower, rows))
        end = time.monotonic() + MAX_SECONDS
        last_row = f"\x1b[{rows};".encode()  # a frame of the whole screen reaches the last row
        with terminal.changed:
            while last_row not in terminal.output and terminal.output.count(b"\n") < rows - 1:
                if terminal.closed:
                    raise AssertionError(f"the app ended; {self._history()}:\n{self._output()}")
                if not terminal.changed.wait(end - time.monotonic()) and time.monotonic() >= end:
                    raise StuckError(f"no frame within {MAX_SECONDS:g} s; {self._history()}")
        used = self._cpu_seconds() - cpu
        self.slowest = max(self.slowest, used)
        assert used <= MAX_CPU_SECONDS, f"{used:.1f} s of CPU; {self._history()}"

    def _wait_while_busy(self) -> None:
        """Wait until the app uses less than half of a core.

        Otherwise, input would arrive faster than the app handles it, and the waiting input would use more and more
        memory.
        """
        end = time.monotonic() + MAX_SECONDS
        while time.monotonic() < end:
            before = self._cpu_seconds()
            time.sleep(_BUSY_INTERVAL)
            if self._cpu_seconds() - before < _BUSY_INTERVAL / 2:
                return

    def wait_for_exit(self, timeout: float) -> None:
        """Wait until the app has closed its terminal. Raises StuckError after `timeout` seconds."""
        with self._terminal.changed:
            if not self._terminal.changed.wait_for(lambda: self._terminal.closed, timeout):
                raise StuckError(f"the app doesn't end; {self._history()}:\n{self._output()}")

    def resident_mib(self) -> float:
        """Return the memory of the app itself, without its child processes."""
        return float(self._terminal.process.memory_info().rss / 2**20)

    def _cpu_seconds(self) -> float:
        times = self._terminal.process.cpu_times()
        return float(times.user + times.system)

    def _history(self) -> str:
        return f"seed {self._seed}, size {self._size}, after {self.keys} keys, the last: {list(self._recent)}"

    def _output(self) -> str:
        return (self._earlier_output + self._terminal.output)[-SHOWN_OUTPUT:].decode(errors="replace")

    def _send(self, data: bytes) -> None:
        """Send data, but don't wait forever for an app that reads no input."""
        self._recent.append(data[:80])
        for start in range(0, len(data), 512):
            if not select.select([], [self._terminal._master], [], MAX_SECONDS)[1]:
                raise StuckError(f"no input is read within {MAX_SECONDS:g} s; {self._history()}")
            self._terminal.send(data[start : start + 512])

    # Input

    def _letter(self) -> bytes:
        return self._random.choice(_LETTERS).encode()

    def _special_key(self) -> bytes:
        return key_bytes(self._random.choice(_SPECIAL_KEYS))

    def _control_key(self) -> bytes:
        return key_bytes(self._random.choice(_CONTROL_KEYS))

    def _word(self) -> bytes:
        return self._random.choice(_WORDS).encode()

    def _paste(self) -> bytes:
        return b"\x1b[200~" + self._random.choice(_PASTES).encode() + b"\x1b[201~"

    def _mouse(self) -> bytes:
        columns, rows = self._size
        column, row = (
            self._random.randint(1, columns),
            self._random.randint(1, rows - 2),
        )  # above the footer, which can quit
        button = self._random.choice((0, 0, 0, 2, 35, 64, 65))  # left, right, move, scroll up, scroll down
        release = f"\x1b[<{button};{column};{row}m" if button < 3 else ""
        return f"\x1b[<{button};{column};{row}M{release}".encode()

    def _noise(self) -> bytes:
        """Return bytes that aren't UTF-8, or an unknown escape sequence."""
        return self._random.choice((b"\xff\xfe", b"\xc3", b"\x1b[99;99~", b"\x1b]0;x\x07", b"\x1b[1;1R"))
