"""Measure how long the commands and the app take to start, and a run's time to its first loss."""

import asyncio
import subprocess
import time

from fashion_tui.engine.client import Engine
from fashion_tui.schema.bench import Latency
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import GetDevices

from .app import APP, SPEED, ReportProgress, start_app, temporary_runs
from .terminal import TerminalProgram

IDLE_SECONDS = 5.0
"""Seconds to wait in the Train pane before a run is started."""


def measure_latency(trials: int, report_progress: ReportProgress) -> tuple[Latency, ...]:
    """Measure latencies, with temporary runs on synthetic data."""
    latencies: dict[str, list[float]] = {}
    for _ in range(trials):
        report_progress("start-up times")
        latencies.setdefault("--help", []).append(_help_seconds())
        latencies.setdefault("engine", []).append(asyncio.run(_engine_seconds()))
        with temporary_runs() as (environ, _), start_app(environ) as app:
            latencies.setdefault("first paint", []).append(app.wait_for_output("Playground") - app.started)
            latencies.setdefault("prompt", []).append(app.wait_for_output(r"In \[1\]") - app.started)
            report_progress("time to the first loss")
            latencies.setdefault("keypress to first loss", []).append(_first_loss_seconds(app, IDLE_SECONDS))
        with temporary_runs() as (environ, _), start_app(environ) as app:
            app.wait_for_output(r"In \[1\]")
            report_progress("time to the first loss, just after start-up")
            latencies.setdefault("keypress to first loss, just after start-up", []).append(
                _first_loss_seconds(app, 0.0)
            )
    return tuple(Latency(name=name, seconds=tuple(seconds)) for name, seconds in latencies.items())


def time_quick_recipe(dataset: DatasetRef, device: str, threads: int, report_progress: ReportProgress) -> Latency:
    """Measure how long the command `train --recipe quick` takes, including start-up, loading and evaluation."""
    report_progress("time to test accuracy with the quick recipe")
    data = () if dataset.directory is None else ("--data", dataset.directory)
    command = [*APP, "train", "--recipe", "quick", "--dataset", dataset.name, *data]
    with temporary_runs() as (environ, _):
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
