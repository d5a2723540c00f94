"""What a person waits for, and what the app costs while a run trains. Everything is what they would start and press."""

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
from fashion_tui.runs.store import list_runs
from fashion_tui.schema.bench import AppCost, Latency
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import GetDevices

from .screen import Screen

APP = (sys.executable, "-P", "-m", "fashion_tui")
TRAIN_PANE, NEW_RUN, START = "\x1b[15~", "n", "\r"
PANE_SECONDS = 5.0
"""How long the Train pane is open before a run is started from it."""
WATCHED = 3.0
"""Seconds for which the app is watched while a run trains."""
FIGURES = r"img/s\s+[\d,]*[1-9]"
"""Painted with the first loss."""

Tell = Callable[[str], None]


def waited(trials: int, tell: Tell) -> tuple[tuple[Latency, ...], AppCost]:
    """Each so many times, on drawn data and with runs of its own, which are removed."""
    found: dict[str, list[float]] = {}
    cost = None
    for _ in range(trials):
        tell("start-up times")
        found.setdefault("--help", []).append(_help_seconds())
        found.setdefault("engine", []).append(asyncio.run(_engine_seconds()))
        with _world() as (environ, runs), _app(environ) as screen:
            found.setdefault("first paint", []).append(screen.wait_for("Playground") - screen.started)
            found.setdefault("prompt", []).append(screen.wait_for(r"In \[1\]") - screen.started)
            tell("from the key to the first loss")
            found.setdefault("key to first loss", []).append(_first_loss_seconds(screen, PANE_SECONDS))
            tell("what the app costs")
            cost = _cost(screen, runs)
        with _world() as (environ, _), _app(environ) as screen:
            screen.wait_for(r"In \[1\]")
            tell("from the key to the first loss, at once")
            found.setdefault("key to first loss, at once", []).append(_first_loss_seconds(screen, 0.0))
    assert cost is not None, "at least one trial"  # noqa: S101
    return tuple(Latency(name=name, seconds=tuple(seconds)) for name, seconds in found.items()), cost


def result_of_quick(dataset: DatasetRef, device: str, threads: int, tell: Tell) -> Latency:
    """From the call of `train --recipe quick` to its test accuracy: start, loading, training and evaluation."""
    tell("from the command to the result of quick")
    data = () if dataset.directory is None else ("--data", dataset.directory)
    command = [*APP, "train", "--recipe", "quick", "--dataset", dataset.name, *data]
    with _world() as (environ, _):
        began = time.perf_counter()
        ran = subprocess.run(
            [*command, "--device", device, "--threads", str(threads)],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
    if ran.returncode != 0:
        raise UserError(f"train --recipe quick ended with {ran.returncode}: {ran.stderr.strip()}")
    return Latency(name="train --recipe quick, to its result", seconds=(seconds,))


def _help_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([*APP, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


async def _engine_seconds() -> float:
    """Until it has answered its first question: it imports torch for that."""
    engine = Engine()
    began = time.perf_counter()
    try:
        await engine.ask(GetDevices(), tuple[Device, ...])
        return time.perf_counter() - began
    finally:
        await engine.close()


@contextmanager
def _world() -> Iterator[tuple[dict[str, str], Path]]:
    """An environment in which nothing of the person's is touched, and its folder of runs."""
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        yield (
            os.environ
            | {
                "XDG_STATE_HOME": folder,
                "XDG_CONFIG_HOME": folder,
                "FASHION_TUI_RUNS": str(runs),
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
            },
            runs,
        )
        for run in list_runs(runs):
            with suppress(UserError):
                launch.stop(Path(run.path))


def _app(environ: dict[str, str]) -> Screen:
    return Screen([*APP, "--dataset", "synthetic"], environ)


def _first_loss_seconds(screen: Screen, open_for: float) -> float:
    """The Train pane has been open for so many seconds before."""
    screen.press(TRAIN_PANE)
    screen.wait_for("No runs yet|new run")
    screen.watch(open_for)
    screen.press(NEW_RUN)
    screen.wait_for("New run")
    screen.watch(0.5)
    pressed = screen.press(START)
    return screen.wait_for(FIGURES) - pressed


def _cost(screen: Screen, runs: Path) -> AppCost:
    app = psutil.Process(screen.process.pid)
    painted, before, began = screen.bytes_painted, app.cpu_times(), time.perf_counter()
    screen.watch(WATCHED)
    seconds, after = time.perf_counter() - began, app.cpu_times()
    processes = [app, *app.children(recursive=True)]
    for run in list_runs(runs):
        with suppress(psutil.Error, TypeError):
            processes.append(psutil.Process(run.pid))
    return AppCost(
        kib_per_second=(screen.bytes_painted - painted) / 1024 / seconds,
        cpu_share=(after.user + after.system - before.user - before.system) / seconds,
        memory_mib=sum(map(_proportional, {process.pid: process for process in processes}.values())) / 2**20,
    )


def _proportional(process: psutil.Process) -> float:
    """Bytes of memory, what is shared counted in parts; where the system doesn't say, all that is resident."""
    try:
        info = process.memory_full_info()
    except psutil.Error:
        return 0.0
    return float(getattr(info, "pss", info.rss))
