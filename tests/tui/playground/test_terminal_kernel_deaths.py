"""What may happen to the kernel, on a real terminal: it is told in a line, keys stay quick, and a fresh one goes on."""

import statistics
from collections.abc import Callable

import pytest

from tests.terminal import Terminal
from tests.tui.apps import Apps

pytestmark = pytest.mark.xdist_group("cost")

MOST = 0.1
"""Seconds from a key to what it paints."""

PRESSES = 12

DEATHS = {
    "import os; os._exit(1)": "the kernel ended with exit code 1",
    "import ctypes; ctypes.string_at(0)": "the kernel was killed by SIGSEGV",
    "import os, signal; os.kill(os.getpid(), signal.SIGKILL)": "the kernel was killed by SIGKILL",
    "import sys; sys.exit()": "sys.exit() ended the kernel",
}


@pytest.fixture
def terminal(app_terminal: Apps) -> Terminal:
    """With a kernel that has run something."""
    terminal = app_terminal()
    terminal.wait_for("In [1]")
    enter(terminal, "kept = 6*7")
    terminal.wait_for("In [2]")
    return terminal


def enter(terminal: Terminal, code: str) -> None:
    terminal.type(code)
    terminal.wait_for(code[-20:])
    terminal.press("enter")


@pytest.mark.parametrize(("code", "told"), DEATHS.items(), ids=["exit", "segfault", "killed", "sys.exit"])
def test_a_death_is_told_in_a_line_and_a_fresh_kernel_goes_on(terminal: Terminal, code: str, told: str) -> None:
    enter(terminal, code)
    times = terminal.latency("z", PRESSES)  # while it dies and the next one starts
    assert statistics.median(times) <= MOST, times
    terminal.wait_for(told)
    assert "Traceback" not in terminal.text()
    terminal.wait_for("In [1]: " + "z" * PRESSES)  # what was typed meanwhile is still there
    terminal.press("ctrl+u")
    terminal.wait_gone("zzz")
    enter(terminal, "'kept' in dir()")
    terminal.wait_for("Out[1]: False")


def waits_for_input(terminal: Terminal) -> None:
    enter(terminal, "input('name? ')")
    terminal.wait_for("the code waits for an answer")


def computes_without_end(terminal: Terminal) -> None:
    terminal.type("while True: pass")
    terminal.press("enter", "enter")
    terminal.wait_for("running")


@pytest.mark.parametrize("busy", [waits_for_input, computes_without_end])
def test_whatever_it_does_it_can_be_interrupted_or_restarted(
    terminal: Terminal, busy: Callable[[Terminal], None]
) -> None:
    busy(terminal)
    terminal.press("ctrl+c")
    terminal.wait_for("KeyboardInterrupt")
    terminal.wait_for("In [3]")
    busy(terminal)
    terminal.press("ctrl+x")
    terminal.wait_for("estart")
    terminal.press("y")
    terminal.wait_for("a fresh kernel")
    enter(terminal, "'kept' in dir()")
    terminal.wait_for("Out[1]: False")


def test_a_question_of_the_code_is_answered_in_the_pane(terminal: Terminal) -> None:
    waits_for_input(terminal)
    terminal.type("Ada")
    terminal.press("enter")
    terminal.wait_for("Out[2]: 'Ada'")


def test_ten_million_lines_leave_the_newest_and_quick_keys(terminal: Terminal) -> None:
    terminal.type("for i in range(1_000_000): print(f'{i}\\n' * 9 + str(i))")
    terminal.press("enter", "enter")
    terminal.wait_for("running")
    times = terminal.latency("z", PRESSES)
    assert statistics.median(times) <= MOST, times
    terminal.wait_for("999999", timeout=150)
    terminal.wait_gone("running")
    terminal.press("escape")
    terminal.wait_for("choose a cell")
    terminal.press("home")
    terminal.wait_for("earlier lines are no longer kept")
