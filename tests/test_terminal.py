"""The emulated terminal that other tests use."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.terminal import ProgramEndedError, Terminal

ECHO = "import sys; print('ready', flush=True)\nfor line in sys.stdin: print(f'<{line.strip()}>', flush=True)"
SIZE = (
    "import os, signal\n"
    "def show(*_): print('size', *os.get_terminal_size(), flush=True)\n"
    "signal.signal(signal.SIGWINCH, show); show()\n"
    "while True: signal.pause()"
)
PAINTER = (
    "print('\\x1b[2J\\x1b[3;5H\\x1b[31mred\\x1b[0m\\x1b[>25u\\x1b[?2048$p\\x1b[1;1Hé▅', flush=True); input(); exit(7)"
)


@contextmanager
def _running(program: str, **options: tuple[int, int]) -> Iterator[Terminal]:
    with Terminal([sys.executable, "-c", program], {**os.environ, "PYTHONUTF8": "1"}, **options) as terminal:
        yield terminal


def test_keys_reach_the_program_and_output_reaches_the_screen() -> None:
    with _running(ECHO) as terminal:
        started = terminal.wait_for("ready")
        terminal.type("größe")
        terminal.press("enter")
        assert terminal.wait_for("<größe>") > started > 0


def test_cursor_moves_colours_and_unknown_sequences() -> None:
    with _running(PAINTER) as terminal:
        terminal.wait_for("é▅")
        assert terminal.text().splitlines()[:3] == ["é▅", "", "    red"]
        assert terminal.colours() == {"default", "red"}
        terminal.press("enter")
        assert terminal.exit_status() == 7


def test_resizing_signals_the_program() -> None:
    with _running(SIZE, size=(80, 24)) as terminal:
        terminal.wait_for("size 80 24")
        terminal.resize((61, 21))
        terminal.wait_for("size 61 21")
        assert terminal.text().count("\n") == 20


@pytest.mark.parametrize("inherited", [signal.SIG_DFL, signal.SIG_IGN])
def test_closing_the_terminal_hangs_up(inherited: signal.Handlers) -> None:
    """Programs started by nohup inherit that SIGHUP is ignored."""
    before = signal.signal(signal.SIGHUP, inherited)
    try:
        with _running(ECHO) as terminal:
            terminal.wait_for("ready")
            terminal.hang_up()
            assert terminal.exit_status() == -signal.SIGHUP
    finally:
        signal.signal(signal.SIGHUP, before)


def test_waiting_fails_with_the_screen_when_the_program_ends() -> None:
    with _running("print('last line')") as terminal, pytest.raises(ProgramEndedError, match="last line"):
        terminal.wait_for("something else")
