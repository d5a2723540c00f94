"""The Playground on a real terminal: how quick a key is, and what becomes of the kernel when the app goes."""

import signal
import statistics
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.terminal import PATIENCE, Terminal
from tests.tui.apps import Apps

pytestmark = pytest.mark.xdist_group("cost")

MOST = 0.1
"""Seconds from a key to what it paints, whatever the kernel does."""

PRESSES = 40


@pytest.fixture
def terminal(app_terminal: Apps) -> Terminal:
    """With a kernel that has run something."""
    terminal = app_terminal()
    terminal.wait_for("In [1]")
    terminal.type("6*7")
    terminal.press("enter")
    terminal.wait_for("Out[1]: 42")
    return terminal


def kernel_of(terminal: Terminal) -> psutil.Process:
    (kernel,) = (process for process in terminal.tree() if "fashion_tui.kernel" in process.cmdline())
    return kernel


@pytest.mark.parametrize("code", ["while 1: pass", "while 1: print('x')", r"while 1: print('\033[31mred\033[0m ' * 9)"])
def test_a_key_is_painted_at_once_while_the_kernel_is_busy(terminal: Terminal, code: str) -> None:
    terminal.type(code)
    terminal.press("enter", "enter")
    terminal.wait_for("running")
    times = sorted(_times_of_keys(terminal))
    median, p90, most = (1_000 * seconds for seconds in (statistics.median(times), times[PRESSES * 9 // 10], times[-1]))
    figures = f"median {median:.0f} ms, p90 {p90:.0f} ms, max {most:.0f} ms"
    print(f"\nfrom key to paint during `{code}`: {figures}")
    assert median <= 1_000 * MOST, figures
    terminal.press("ctrl+c")
    terminal.wait_for("KeyboardInterrupt")
    terminal.wait_gone("running")


def _times_of_keys(terminal: Terminal) -> Iterator[float]:
    """Each letter is waited for by itself, since a flood paints all the time."""
    for number in range(1, PRESSES + 1):
        before = time.perf_counter() - terminal.started
        terminal.press("z")
        yield terminal.wait_for("z" * number) - before
        time.sleep(0.02)


@pytest.mark.parametrize("how", ["ctrl+q", "hang up", "SIGTERM", "SIGKILL"])
def test_the_kernel_goes_with_the_app(terminal: Terminal, how: str) -> None:
    kernel = kernel_of(terminal)
    if how == "ctrl+q":
        terminal.press(how)
        assert terminal.exit_status() == 0
    elif how == "hang up":
        terminal.hang_up()
    else:
        terminal.send_signal(signal.Signals[how])
    end = time.monotonic() + PATIENCE
    while kernel.is_running() and kernel.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_ctrl_c_never_ends_the_app_or_the_kernel(terminal: Terminal) -> None:
    kernel = kernel_of(terminal)
    terminal.press("ctrl+c", "ctrl+c", "ctrl+c")
    terminal.type("7*7")
    terminal.press("enter")
    terminal.wait_for("Out[2]: 49")
    assert kernel.is_running()
