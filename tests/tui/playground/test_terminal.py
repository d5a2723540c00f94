"""The Playground on a real terminal: the latency of keys, and the end of the kernel when the app ends."""

import signal
import statistics
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.terminal import TIMEOUT, Terminal
from tests.tui.apps import AppLauncher, quit_app

pytestmark = pytest.mark.xdist_group("cost")

MAX_LATENCY, MAX_RATIO = 0.1, 3.0
"""Maximum median time from a key press to its paint while the kernel is busy: in seconds, or as a multiple of the time
before the kernel became busy, whichever is longer. Other programs may use the CPU during the whole test."""

PRESSES, ROUNDS = 40, 3
"""Number of keys in a round, and maximum number of rounds. Another program may take the CPU during one of them."""


@pytest.fixture
def terminal(app_terminal: AppLauncher) -> Terminal:
    """A terminal with a kernel that has run a cell."""
    terminal = app_terminal()
    terminal.wait_for("In [1]")
    terminal.type("6*7")
    terminal.press("enter")
    terminal.wait_for("Out[1]: 42")
    return terminal


def kernel_of(terminal: Terminal) -> psutil.Process:
    (kernel,) = (process for process in terminal.process_tree() if "fashion_tui.kernel" in process.cmdline())
    return kernel


@pytest.mark.parametrize("code", ["while 1: pass", "while 1: print('x')", r"while 1: print('\033[31mred\033[0m ' * 9)"])
def test_latency_of_keys_while_the_kernel_is_busy(terminal: Terminal, code: str) -> None:
    limit = max(MAX_LATENCY, MAX_RATIO * _median_latency(terminal))
    terminal.type(code)
    terminal.press("enter", "enter")
    terminal.wait_for("running")
    assert any(_median_latency(terminal) <= limit for _ in range(ROUNDS))
    terminal.press("ctrl+c")
    terminal.wait_for("KeyboardInterrupt")
    terminal.wait_gone("running")


def _median_latency(terminal: Terminal) -> float:
    """Press letters, remove them again, and return the median time until a letter was on the screen, in seconds."""
    times = sorted(_key_latencies(terminal))
    median = statistics.median(times)
    print(f"\nfrom key to paint: median {1_000 * median:.0f} ms, max {1_000 * times[-1]:.0f} ms")
    terminal.press(*["backspace"] * PRESSES)
    terminal.wait_gone("zz")
    return median


def _key_latencies(terminal: Terminal) -> Iterator[float]:
    """Press letters and yield the seconds until each is on the screen.

    Waiting for any output isn't enough, since a flood of output paints all the time.
    """
    for number in range(1, PRESSES + 1):
        before = time.perf_counter() - terminal.started
        terminal.press("z")
        yield terminal.wait_for("z" * number) - before
        time.sleep(0.02)


@pytest.mark.parametrize("how", ["ctrl+q", "hangup", "SIGTERM", "SIGKILL"])
def test_kernel_ends_with_the_app(terminal: Terminal, how: str) -> None:
    kernel = kernel_of(terminal)
    if how == "ctrl+q":
        quit_app(terminal)
    elif how == "hangup":
        terminal.hang_up()
    else:
        terminal.send_signal(signal.Signals[how])
    deadline = time.monotonic() + TIMEOUT
    while kernel.is_running() and kernel.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_ctrl_c_ends_neither_app_nor_kernel(terminal: Terminal) -> None:
    kernel = kernel_of(terminal)
    terminal.press("ctrl+c", "ctrl+c", "ctrl+c")
    terminal.type("7*7")
    terminal.press("enter")
    terminal.wait_for("Out[2]: 49")
    assert kernel.is_running()


def test_leaving_while_the_kernel_holds_variables(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for("In [1]")
    terminal.type("import math; first = second = 1; third = fourth = 2; first + third")
    terminal.press("enter")
    terminal.wait_for("Out[1]: 3")
    terminal.press("escape", "q")
    terminal.wait_for("ctrl+s")
    terminal.wait_for("first")
    terminal.wait_for("ctrl+q")
    terminal.press("ctrl+q")
    assert terminal.exit_status() == 0


def test_leaving_before_a_cell_has_finished(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for("In [1]")
    terminal.type("input('?')")
    terminal.press("enter", "ctrl+q")
    terminal.wait_for("hasn't finished")
    terminal.press("ctrl+q")
    assert terminal.exit_status() == 0
