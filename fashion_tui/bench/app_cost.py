"""Measure the resource usage and the responsiveness of the app with a live run, a long run, and many runs.

The app is driven through a pseudo-terminal, as a user would.
"""

import json
import statistics
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from fashion_tui.report.charts.chart import Chart, ChartRun
from fashion_tui.report.charts.drawing import draw_chart
from fashion_tui.report.glyphs import UNICODE
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.schema.bench import MANY_RUNS, REPAINTED_STEPS, AppCost
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import short_name

from .app import APP, SPEED, ReportProgress, start_app, temporary_runs
from .sample_runs import write_run, write_runs
from .terminal import TerminalProgram

LIVE_SECONDS = 5.0
"""Duration of each measurement of a live run."""
SETTLED_SHARE = 0.1
"""The app has settled when its processes use less than this share of a core for a second."""
MAX_SETTLING_SECONDS = 30
KEY_PRESSES = 50
"""Number of key presses in each trial."""
REPAINTS = 20
"""Number of times each chart is drawn per trial."""
HELD_OUT_LOSSES = (0.123, 0.456, 0.789)
"""A held-out loss for each long run, which identifies the run on the screen."""
CHART_SIZE = (118, 28)
"""Columns and lines of a chart that fills most of a terminal of 120×40 cells."""


def measure_app(trials: int, report_progress: ReportProgress) -> AppCost:
    """Measure the app in several trials, with temporary runs on synthetic data."""
    cost = AppCost()
    for trial in range(1, trials + 1):
        report_progress(f"the app with a live run, {trial} of {trials}")
        _measure_live_run(cost)
        report_progress(f"the app with a long run, {trial} of {trials}")
        _measure_long_run(cost)
        report_progress(f"the app with many runs, {trial} of {trials}")
        cost.list_seconds.append(_list_seconds())
    return cost


# A live run


def _measure_live_run(cost: AppCost) -> None:
    """Train the guide's network on all cores. Measure the app's output, latency and memory, and the training speed."""
    with temporary_runs() as (environ, _):
        run_path, pid = _start_training(environ)
        open_speeds, closed_speeds = [], []
        for _ in range(2):
            with start_app(environ) as app:
                _open_train_pane(app)
                app.wait_for_output(SPEED)
                _settle(app)
                open_speeds.append(_training_speed(run_path))
                if len(open_speeds) == 1:
                    _measure_open_app(cost, app, pid)
            closed_speeds.append(_training_speed(run_path))
        cost.lost_speed.append(1 - statistics.mean(open_speeds) / statistics.mean(closed_speeds))


def _start_training(environ: Mapping[str, str]) -> tuple[Path, int]:
    """Start a run in the background. Return its directory and the id of its trainer's process."""
    command = [*APP, "train", "--recipe", "guide", "--epochs", "1000", "--dataset", "synthetic", "--detach", "--json"]
    result = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise UserError(f"train --detach failed with status {result.returncode}: {result.stderr.strip()}")
    answer = json.loads(result.stdout)
    return Path(answer["path"]), answer["pid"]


def _open_train_pane(app: TerminalProgram) -> None:
    """Wait until the app has started all its processes, and open the Train pane."""
    app.wait_for_output(r"In \[1\]")
    app.press("f5")


def _settle(app: TerminalProgram) -> None:
    """Wait until the app's processes, such as the spare trainer that imports torch, have started."""
    for _ in range(MAX_SETTLING_SECONDS):
        before = _cpu_seconds(app)
        time.sleep(1)
        if _cpu_seconds(app) - before < SETTLED_SHARE:
            return


def _cpu_seconds(app: TerminalProgram) -> float:
    """Return the CPU time of the app and its live child processes."""
    total = 0.0
    for process in [app.process, *app.process.children(recursive=True)]:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _measure_open_app(cost: AppCost, app: TerminalProgram, trainer: int) -> None:
    bytes_before, cpu_before, started = len(app.output), app.process.cpu_times(), time.perf_counter()
    time.sleep(LIVE_SECONDS)
    seconds, cpu_after = time.perf_counter() - started, app.process.cpu_times()
    cost.kib_per_second.append((len(app.output) - bytes_before) / 1024 / seconds)
    cost.cpu_share.append((cpu_after.user + cpu_after.system - cpu_before.user - cpu_before.system) / seconds)
    processes = [app.process, *app.process.children(recursive=True), psutil.Process(trainer)]
    memory = sum(map(_proportional_set_size, {process.pid: process for process in processes}.values()))
    cost.memory_mib.append(memory / 2**20)
    # Marks and unmarks the run, which changes the list and the legends of the charts.
    cost.key_ms.extend(1000 * seconds for seconds in app.latency("space", KEY_PRESSES))


def _training_speed(run_path: Path) -> float:
    """Return the mean number of images per second in the next `LIVE_SECONDS`."""
    started = time.time()
    time.sleep(LIVE_SECONDS)
    with Run(run_path) as run:
        reader = RunReader(run)
        reader.poll()
    steps = {step for step, logged in reader.times.items() if logged >= started}
    return statistics.mean(speed for step, speed in reader.series("images_per_second").items() if step in steps)


# Long runs


def _measure_long_run(cost: AppCost) -> None:
    """Measure the time to open a run of a million steps, the app's memory then, and the time to draw each chart."""
    with temporary_runs() as (environ, runs_directory):
        paths = [
            write_run(runs_directory, f"steps-{steps}", steps, held_out_loss=loss)
            for steps, loss in zip(reversed(REPAINTED_STEPS), HELD_OUT_LOSSES, strict=True)
        ]
        with start_app(environ) as app:
            _open_train_pane(app)
            app.wait_for_output(f"validation {HELD_OUT_LOSSES[-1]}")
            app.wait_until_quiet(quiet=0.5, timeout=10)
            pressed = time.perf_counter()
            app.press("end")
            cost.open_seconds.append(app.wait_for_output(f"validation {HELD_OUT_LOSSES[0]}") - pressed)
            _settle(app)
            cost.app_mib.append(app.process.memory_info().rss / 2**20)
        for steps, path in zip(reversed(REPAINTED_STEPS), paths, strict=True):
            cost.repaint_ms.setdefault(steps, []).append(_repaint_ms(path))


def _repaint_ms(path: Path) -> float:
    """Return the CPU time for drawing the loss of a run that has been read, in milliseconds."""
    with Run(path) as run:
        chart = Chart("loss", (ChartRun("run", RunReader(run).poll().curve("loss"), ended=True),), half_life=64)
    times = []
    for _ in range(REPAINTS):
        started = time.thread_time()
        draw_chart(chart, *CHART_SIZE, UNICODE)
        times.append(1000 * (time.thread_time() - started))
    return statistics.median(times)


# Many runs


def _list_seconds() -> float:
    """Open the Train pane at the app's first paint, and return the time until all runs are listed, in seconds."""
    with temporary_runs() as (environ, runs_directory):
        ids = write_runs(runs_directory, MANY_RUNS)
        oldest, newest = short_name(ids[0]), short_name(ids[-1])
        with start_app(environ) as app:
            app.wait_for_output("Playground")
            pressed = time.perf_counter()
            app.press("f5")
            app.wait_for_output(newest)
            while True:  # the list grows until all runs are read
                app.press("end")
                with suppress(UserError):
                    return app.wait_for_output(oldest, timeout=0.02) - pressed


def _proportional_set_size(process: psutil.Process) -> float:
    """Return the proportional set size in bytes, or the resident set size if the system doesn't report it."""
    try:
        info = process.memory_full_info()
    except psutil.Error:
        return 0.0
    return float(getattr(info, "pss", info.rss))
