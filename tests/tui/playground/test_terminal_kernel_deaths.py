"""The Playground on a real terminal stays responsive when the kernel dies or hangs, and starts a new kernel."""

import statistics
from collections.abc import Callable

import pytest

from tests.terminal import Terminal
from tests.tui.apps import AppLauncher

pytestmark = pytest.mark.xdist_group("cost")

MAX_LATENCY = 0.1
"""Maximum median time from a key press to its paint, in seconds."""

PRESSES = 12

DEATHS = {
    "import os; os._exit(1)": "the kernel ended with exit code 1",
    "import ctypes; ctypes.string_at(0)": "the kernel was killed by SIGSEGV",
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)": "the kernel was killed by SIGKILL",
    "import sys; sys.exit()": "exit() ended the kernel",
}


@pytest.fixture
def terminal(app_terminal: AppLauncher) -> Terminal:
    """A terminal with a kernel that has run a cell."""
    terminal = app_terminal()
    terminal.wait_for("In [1]")
    enter(terminal, "kept = 6*7")
    terminal.wait_for("In [2]")
    return terminal


def enter(terminal: Terminal, code: str) -> None:
    terminal.type(code)
    terminal.wait_for(code[-20:])
    terminal.press("enter")


@pytest.mark.parametrize(("code", "message"), DEATHS.items(), ids=["exit", "segfault", "killed", "sys.exit"])
def test_dead_kernel_is_reported_and_replaced(terminal: Terminal, code: str, message: str) -> None:
    enter(terminal, code)
    times = terminal.latency("z", PRESSES)  # while the kernel dies and the next one starts
    assert statistics.median(times) <= MAX_LATENCY, times
    terminal.wait_for(message)
    assert "Traceback" not in terminal.text()
    terminal.wait_for("In [1]: " + "z" * PRESSES)  # text that was typed meanwhile is kept
    terminal.press("ctrl+u")
    terminal.wait_gone("zzz")
    enter(terminal, "'kept' in dir()")
    terminal.wait_for("Out[1]: False")


def wait_for_input(terminal: Terminal) -> None:
    enter(terminal, "input('name? ')")
    terminal.wait_for("waiting for input")


def loop_forever(terminal: Terminal) -> None:
    terminal.type("while True: pass")
    terminal.press("enter", "enter")
    terminal.wait_for("running")


@pytest.mark.parametrize("busy", [wait_for_input, loop_forever])
def test_busy_kernel_can_be_interrupted_and_restarted(terminal: Terminal, busy: Callable[[Terminal], None]) -> None:
    busy(terminal)
    terminal.press("ctrl+c")
    terminal.wait_for("KeyboardInterrupt")
    terminal.wait_for("In [3]")
    busy(terminal)
    terminal.press("ctrl+x")
    terminal.wait_for("estart")
    terminal.press("y")
    terminal.wait_for("Kernel restarted")
    enter(terminal, "'kept' in dir()")
    terminal.wait_for("Out[1]: False")


def test_answering_input(terminal: Terminal) -> None:
    wait_for_input(terminal)
    terminal.type("Ada")
    terminal.press("enter")
    terminal.wait_for("Out[2]: 'Ada'")


def test_ten_million_lines(terminal: Terminal) -> None:
    terminal.type("for i in range(1_000_000): print(f'{i}\\n' * 9 + str(i))")
    terminal.press("enter", "enter")
    terminal.wait_for("running")
    times = terminal.latency("z", PRESSES)
    assert statistics.median(times) <= MAX_LATENCY, times
    terminal.wait_for("999999", timeout=150)
    terminal.wait_gone("running")
    terminal.press("escape")
    terminal.wait_for("select a cell")
    terminal.press("home")
    terminal.wait_for("earlier lines discarded")
