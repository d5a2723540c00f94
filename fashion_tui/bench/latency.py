"""Measure the latencies of the commands and the app, and the app's resource usage while a run trains.

The app is driven through a pseudo-terminal, as a user would.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from fashion_tui.engine.client import Engine
from fashion_tui.runs import launch
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import list_runs
from fashion_tui.schema.bench import AppCost, Latency
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import GetDevices

from .terminal import TerminalProgram

APP = (sys.executable, "-P", "-m", "fashion_tui")
IDLE_SECONDS = 5.0
"""Seconds to wait in the Train pane before a run is started."""
COST_SECONDS = 3.0
"""Seconds for which the app's resource usage is measured."""
SPEED = r"img/s\s+[\d,]*[1-9]"
"""Regular expression for the training speed, which appears on the screen together with the first loss."""

ReportProgress = Callable[[str], None]
"""Called with a description of the current measurement."""


def measure_latency(trials: int, report_progress: ReportProgress) -> tuple[tuple[Latency, ...], AppCost]:
    """Measure latencies and the app's resource usage, with temporary runs on synthetic data."""
    latencies: dict[str, list[float]] = {}
    cost = None
    for _ in range(trials):
        report_progress("start-up times")
        latencies.setdefault("--help", []).append(_help_seconds())
        latencies.setdefault("engine", []).append(asyncio.run(_engine_seconds()))
        with _temporary_runs() as (environ, runs_directory), _start_app(environ) as app:
            latencies.setdefault("first paint", []).append(app.wait_for_output("Playground") - app.started)
            latencies.setdefault("prompt", []).append(app.wait_for_output(r"In \[1\]") - app.started)
            report_progress("time to the first loss")
            latencies.setdefault("keypress to first loss", []).append(_first_loss_seconds(app, IDLE_SECONDS))
            report_progress("cost of the app")
            cost = _measure_cost(app, runs_directory)
        with _temporary_runs() as (environ, _), _start_app(environ) as app:
            app.wait_for_output(r"In \[1\]")
            report_progress("time to the first loss, just after start-up")
            latencies.setdefault("keypress to first loss, just after start-up", []).append(
                _first_loss_seconds(app, 0.0)
            )
    assert cost is not None, "at least one trial"  # noqa: S101
    return tuple(Latency(name=name, seconds=tuple(seconds)) for name, seconds in latencies.items()), cost


def time_quick_recipe(dataset: DatasetRef, device: str, threads: int, report_progress: ReportProgress) -> Latency:
    """Measure how long the command `train --recipe quick` takes, including start-up, loading and evaluation."""
    report_progress("time to test accuracy with the quick recipe")
    data = () if dataset.directory is None else ("--data", dataset.directory)
    command = [*APP, "train", "--recipe", "quick", "--dataset", dataset.name, *data]
    with _temporary_runs() as (environ, _):
        started = time.perf_counter()
        result = subprocess.run(
            [*command, "--device", device, "--threads", str(threads)],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - started
    if result.returncode != 0:
        raise UserError(f"train --recipe quick failed with status {result.returncode}: {result.stderr.strip()}")
    return Latency(name="train --recipe quick", seconds=(seconds,))


def _help_seconds() -> float:
    started = time.perf_counter()
    subprocess.run([*APP, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


async def _engine_seconds() -> float:
    """Return the time from the start of an engine to its first reply, including the import of torch."""
    engine = Engine()
    started = time.perf_counter()
    try:
        await engine.ask(GetDevices(), tuple[Device, ...])
        return time.perf_counter() - started
    finally:
        await engine.close()


@contextmanager
def _temporary_runs() -> Iterator[tuple[dict[str, str], Path]]:
    """Create a temporary runs folder, and stop its runs on exit.

    Yield environment variables and the folder's path. The variables select the folder and hide the user's settings.
    """
    with tempfile.TemporaryDirectory() as folder:
        runs_directory = Path(folder) / "runs"
        yield (
            os.environ
            | {
                "XDG_STATE_HOME": folder,
                "XDG_CONFIG_HOME": folder,
                "FASHION_TUI_RUNS": str(runs_directory),
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
            },
            runs_directory,
        )
        for summary in list_runs(runs_directory):
            with suppress(UserError), Run(Path(summary.path)) as run:
                launch.stop(run)


def _start_app(environ: dict[str, str]) -> TerminalProgram:
    return TerminalProgram([*APP, "--dataset", "synthetic"], environ)


def _first_loss_seconds(app: TerminalProgram, idle_seconds: float) -> float:
    """Open the Train pane, wait for `idle_seconds`, start a run, and return the time until its first loss."""
    app.press("f5")
    app.wait_for_output("No runs yet|new run")
    time.sleep(idle_seconds)
    app.press("n")
    app.wait_for_output("New run")
    time.sleep(0.5)
    pressed = time.perf_counter()
    app.press("enter")
    return app.wait_for_output(SPEED) - pressed


def _measure_cost(app: TerminalProgram, runs_directory: Path) -> AppCost:
    bytes_before, cpu_before, started = len(app.output), app.process.cpu_times(), time.perf_counter()
    time.sleep(COST_SECONDS)
    seconds, cpu_after = time.perf_counter() - started, app.process.cpu_times()
    written = len(app.output) - bytes_before
    processes = [app.process, *app.process.children(recursive=True)]
    for run in list_runs(runs_directory):
        with suppress(psutil.Error, TypeError):
            processes.append(psutil.Process(run.pid))
    return AppCost(
        kib_per_second=written / 1024 / seconds,
        cpu_share=(cpu_after.user + cpu_after.system - cpu_before.user - cpu_before.system) / seconds,
        memory_mib=sum(map(_proportional_set_size, {process.pid: process for process in processes}.values())) / 2**20,
    )


def _proportional_set_size(process: psutil.Process) -> float:
    """Return the proportional set size in bytes, or the resident set size if the system doesn't report it."""
    try:
        info = process.memory_full_info()
    except psutil.Error:
        return 0.0
    return float(getattr(info, "pss", info.rss))
