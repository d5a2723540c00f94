"""Start the app and commands in an isolated environment, with its own home, caches and runs."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

from fashion_tui.bench.terminal import Size
from fashion_tui.machine import compiler_caches
from fashion_tui.runs import store
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.schema.run import LIVE_STATES, RunSummary, State
from fashion_tui.tui.tour import progress
from tests.terminal import TIMEOUT, ProgramEndedError, SlowTerminal, Terminal

APP = (sys.executable, "-m", "fashion_tui")

_REMOVED_PREFIXES = ("FASHION_TUI_", "TEXTUAL", "XDG_", "LC_", "PYTEST_", "COV_")
_REMOVED = {"LANG", "LANGUAGE", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TERM_PROGRAM", "ESCDELAY"}
_REMOVED |= compiler_caches.VARIABLES.keys()  # torch sets them when a test compiles a network

KEYS = {"playground": "f2", "data": "f3", "model": "f4", "train": "f5", "evaluate": "f6"}
"""The key that opens each pane, even from within an editor."""

CONTENTS = {
    "playground": "In [1]",
    "data": "T-shirt/top",
    "model": "max_pool2d",
    "train": "No runs yet",
    "evaluate": "No run to evaluate",
}
"""Text that each pane shows at any terminal size if there are no runs."""


class AppLauncher:
    """Starts apps and commands. `end` ends all processes, including detached trainers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        (folder / "home").mkdir(parents=True)
        self.environ = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(_REMOVED_PREFIXES) and name not in _REMOVED
        } | {
            "HOME": str(folder / "home"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_DATA_HOME": str(folder / "share"),
            "FASHION_TUI_RUNS": str(self.runs),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
        }
        progress.save(folder / "state" / "fashion-tui" / "tour.json", "")  # not the first start: no tour is offered
        self._terminals = ExitStack()

    def __call__(
        self,
        *arguments: str,
        size: Size = (120, 40),
        command: tuple[str, ...] = APP,
        dataset: str | None = "synthetic",
        environ: dict[str, str | None] | None = None,
        bytes_per_second: int | None = None,
    ) -> Terminal:
        """Start the app on a terminal. `environ` sets environment variables; the value None removes a variable.

        `bytes_per_second` is the speed of the connection to the terminal, or None if it is fast.
        """
        changed = {**self.environ, **(environ or {})}
        options = () if dataset is None else ("--dataset", dataset)
        started = (*command, *options, *arguments)
        variables = {name: value for name, value in changed.items() if value is not None}
        if bytes_per_second is None:
            terminal = Terminal(started, variables, size)
        else:
            terminal = SlowTerminal(started, variables, size, bytes_per_second=bytes_per_second)
        return self._terminals.enter_context(terminal)

    def command(self, *arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a `fashion-tui` command and wait until it ends."""
        return subprocess.run(
            (*APP, *arguments),
            env=self.environ | (environ or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def train(self, *, epochs: int) -> Path:
        """Start a detached run on synthetic data, with one thread and 375 steps per epoch. Return its directory."""
        options = ("--dataset", "synthetic", "--epochs", str(epochs), "--threads", "1", "--detach", "--json")
        done = self.command("train", *options)
        assert done.returncode == 0, done.stderr
        return Path(json.loads(done.stdout)["path"])

    def finished_run(self, *options: str, batch_size: int = 500) -> Path:
        """Train for one epoch with these options and one thread, and return the directory of the finished run."""
        fixed = ("--epochs", "1", "--batch-size", str(batch_size), "--threads", "1", "--detach", "--json")
        done = self.command("train", *options, *fixed)
        assert done.returncode == 0, done.stderr
        run_path = Path(json.loads(done.stdout)["path"])
        wait_for_state(run_path, "finished")
        return run_path

    def end(self) -> None:
        """Close the terminals and kill all remaining processes."""
        self._terminals.close()
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def processes(self) -> list[psutil.Process]:
        """Return all live processes of this environment, including detached ones.

        The system reports the fork server's environment for a forked process, so the trainer of a run is also
        recognised by the run's status, or by the folder of the run in its command line.
        """
        found = []
        trainers = {run.pid for run in store.list_runs(self.runs) if run.state in LIVE_STATES}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                is_trainer = any(argument.startswith(f"{self.runs}/") for argument in process.cmdline())
                is_trainer |= process.pid in trainers
                if is_trainer or process.environ().get("FASHION_TUI_RUNS") == str(self.runs):
                    found.append(process)
        return found


def quit_app(terminal: Terminal, key: str = "ctrl+q") -> None:
    """Quit the app. If it warns that the kernel is busy, or that it may hold variables, quit again."""
    terminal.press(key)
    with suppress(ProgramEndedError):
        terminal.wait_until(lambda text: "may hold" in text or "hasn't finished" in text, "a warning or the end")
        terminal.press(key)
    assert terminal.exit_status() == 0


def wait_for_run(run_path: Path, condition: Callable[[RunSummary], bool], timeout: float = TIMEOUT) -> RunSummary:
    """Wait until the condition holds. Fail at once if the run fails or is lost."""
    end = time.monotonic() + timeout
    while True:
        with Run(run_path) as run:
            summary = store.summarise(run)
        if condition(summary):
            return summary
        assert summary.state not in {"failed", "lost"}, (summary.state, summary.message, trainer_log(run_path))
        assert time.monotonic() < end, f"after {timeout} s: {summary}"
        time.sleep(0.05)


def wait_for_state(run_path: Path, state: State) -> RunSummary:
    return wait_for_run(run_path, lambda run: run.state == state)


def wait_for_step(run_path: Path, step: int) -> RunSummary:
    """Wait until the run has reached a step."""
    return wait_for_run(run_path, lambda run: run.step >= step)


def step_on(screen: str) -> int:
    """Return the step that the Train pane shows, 3206 for `step 3,206 / 11,250`, or 0 if it shows none."""
    found = re.search(r"step +([\d,]+) /", screen)
    return int(found[1].replace(",", "")) if found else 0


def losses_of(run_path: Path) -> tuple[float, ...]:
    """Return the loss of each step, as the run's events record it."""
    with Run(run_path) as run:
        reader = RunReader(run)
        reader.poll()
        return reader.series("loss").values()


def trainer_log(run_path: Path) -> str:
    log = run_path / "trainer.log"
    return log.read_text() if log.exists() else ""
