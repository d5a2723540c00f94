"""Random input: the app neither crashes nor hangs, always ends by ctrl+q, and its memory stays limited."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from fashion_tui.bench.terminal import Size, TerminalProgram
from tests.terminal import TIMEOUT
from tests.tui.apps import AppLauncher
from tests.tui.monkey import Monkey

SEED = int(os.environ.get("MONKEY_SEED", "1"))
KEYS = int(os.environ.get("MONKEY_KEYS", "20000"))
"""Number of keys at each size in the long test."""

SIZES = [(80, 24), (120, 40), (61, 21), (200, 60), (100, 30)]
BURST = 20
MAX_TRAINERS = 2
EXIT_TIMEOUT = 120.0
"""Seconds for the app to handle the keys that still wait, and to end."""

MAX_MEMORY = 200.0
"""Maximum memory of the app, in MiB, after a short visit."""

MAX_GROWTH = 20.0
"""Maximum growth of the app's memory, in MiB, during the second half of a long visit.

During the first half, modules are imported for each new screen, and Textual's caches of painted lines fill up.
"""


@contextmanager
def app_in_folder(launcher: AppLauncher, folder: Path, size: Size) -> Iterator[TerminalProgram]:
    """Start the app in a folder into which the monkey may save files, without a network."""
    folder.mkdir()
    environ = launcher.environ | {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = ("/bin/sh", "-c", 'cd "$0" && exec "$@"', str(folder))
    with TerminalProgram(
        (*command, sys.executable, "-m", "fashion_tui", "--dataset", "synthetic"), environ, size
    ) as app:
        app.wait_for_output(r"In \[1\]", TIMEOUT)
        yield app


def limit_trainers(launcher: AppLauncher) -> None:
    """Kill the trainers that the monkey has started, except a few."""
    trainers = [process for process in launcher.processes() if _is_trainer(process)]
    for process in trainers[MAX_TRAINERS:]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _is_trainer(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        command = process.cmdline()
        return "fashion_tui.trainer" in command and "--spare" not in command
    return False


def let_loose(launcher: AppLauncher, folder: Path, size: Size, seed: int, keys: int) -> tuple[float, float]:
    """Send this number of keys to an app while a run trains, then quit the app.

    Returns the memory of the app after half of the keys and after all of them, in MiB.
    """
    launcher.train(epochs=1_000)
    with app_in_folder(launcher, folder, size) as app:
        monkey = Monkey(app, seed, size)
        monkey.check()
        while monkey.keys < keys // 2:
            monkey.burst(BURST)
            if monkey.keys % (50 * BURST) == 0:
                limit_trainers(launcher)
        before = monkey.resident_mib()
        while monkey.keys < keys:
            monkey.burst(BURST)
            if monkey.keys % (50 * BURST) == 0:
                limit_trainers(launcher)
        after = monkey.resident_mib()
        print(f"\n{size}: {before:.0f} MiB, then {after:.0f} MiB; the slowest burst took {monkey.slowest:.2f} s of CPU")
        for _ in range(3):
            app.press("escape")
        app.press("ctrl+q", "ctrl+q")  # the first may only say that the kernel holds variables
        monkey.wait_for_exit(EXIT_TIMEOUT)
        assert app.process.wait(EXIT_TIMEOUT) == 0
        assert b"Traceback" not in app.output.rpartition(b"\x1b[?1049l")[2]
    return before, after


def test_a_short_visit(app_terminal: AppLauncher, tmp_path: Path) -> None:
    _, after = let_loose(app_terminal, tmp_path / "folder", (100, 30), SEED, 600)
    assert after < MAX_MEMORY


@pytest.mark.monkey
@pytest.mark.timeout(0)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_long_visit(app_terminal: AppLauncher, tmp_path: Path, size: Size) -> None:
    before, after = let_loose(app_terminal, tmp_path / "folder", size, SEED, KEYS)
    assert after - before < MAX_GROWTH
