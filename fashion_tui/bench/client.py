"""Run the worker processes of the benchmark and compute its results. Doesn't import torch."""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import msgspec

from fashion_tui.machine.compiler_caches import with_private_caches
from fashion_tui.schema.bench import GUIDE_LOOP, BenchRequest, FullTraining, TrainingBenchmark, TrainingSpeed
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.errors import UsageError, UserError

from .messages import (
    Describe,
    Description,
    MeasurePeak,
    MeasureSpeed,
    PeakSample,
    Reply,
    SpeedSample,
    Task,
    TrainFully,
    TrainingResult,
    WorkerError,
    WorkerSetup,
)

COMMAND = (sys.executable, "-P", "-m", "fashion_tui.bench")

WARM_UP_SECONDS = 0.4
"""How long to warm up each contender (the guide's loop or a recipe), in seconds."""

ReportProgress = Callable[[str, int, int], None]
"""Called with a description of the current measurement, the number of finished measurements, and the total number."""

ReplyT = TypeVar("ReplyT", bound=Reply)


def measure_training(request: BenchRequest, report_progress: ReportProgress) -> TrainingBenchmark:
    """Measure the speed and, if requested, the accuracy of the guide's loop and the recipes.

    The guide's loop runs in a process that is configured like an ordinary script. The recipes run in another process,
    which is configured like a trainer. Only one of the two computes at a time. Raises UserError if a worker fails.
    """
    report_progress("loading", 0, 0)
    with ExitStack() as stack:
        recipe_worker = stack.enter_context(_start_worker(request, request.recipes, like_trainer=True))
        loop_worker = stack.enter_context(_start_worker(request, (GUIDE_LOOP,), like_trainer=False))
        workers = {GUIDE_LOOP: loop_worker, **dict.fromkeys(request.recipes, recipe_worker)}
        machine = recipe_worker.ask(Describe(), Description)
        loop = loop_worker.ask(Describe(), Description)
        samples, peaks = _measure_speeds(request, workers, recipe_worker, report_progress)
        trained = _train_fully(request, workers, report_progress)
    return TrainingBenchmark(
        device=machine.device,
        device_name=machine.device_name,
        threads=request.threads,
        peak_gflops=peaks,
        results=_training_speeds(samples, machine, loop, peaks),
        trained=trained,
        ratio=_speed_of_guide(samples),
    )


class WorkerProcess:
    """A running worker process."""

    def __init__(self, process: subprocess.Popen[str], last_error_line: Callable[[], str]) -> None:
        self._process = process
        self._last_error_line = last_error_line

    def ask(self, task: Task, reply_type: type[ReplyT]) -> ReplyT:
        """Send a task and wait for the reply. Raises UserError if the worker reports an error or ends."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        assert self._process.stdout is not None  # noqa: S101
        try:
            self._process.stdin.write(msgspec.json.encode(task).decode() + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # the worker has ended, possibly after sending an error
        line = self._process.stdout.readline()
        if not line:
            raise UserError(f"a benchmark worker ended without a reply: {self._last_error_line() or 'it was killed'}")
        reply = msgspec.json.decode(line, type=Description | PeakSample | SpeedSample | TrainingResult | WorkerError)
        if isinstance(reply, WorkerError):
            raise (UsageError if reply.is_usage else UserError)(reply.message)
        assert isinstance(reply, reply_type)  # noqa: S101
        return reply


@contextmanager
def _start_worker(request: BenchRequest, contenders: tuple[str, ...], *, like_trainer: bool) -> Iterator[WorkerProcess]:
    """Start a worker for these contenders, and kill it on exit."""
    setup = WorkerSetup(
        dataset=request.dataset,
        contenders=contenders,
        device=request.device,
        threads=request.threads,
        like_trainer=like_trainer,
    )
    with tempfile.TemporaryFile() as errors:

        def last_error_line() -> str:
            errors.seek(0)
            return next(reversed(errors.read().decode(errors="replace").strip().splitlines()), "")

        command = [*COMMAND, msgspec.json.encode(setup).decode()]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            env=with_private_caches(os.environ),
        )
        with process:
            try:
                yield WorkerProcess(process, last_error_line)
            finally:
                process.kill()


def _measure_speeds(
    request: BenchRequest,
    workers: dict[str, WorkerProcess],
    recipe_worker: WorkerProcess,
    report_progress: ReportProgress,
) -> tuple[dict[str, list[SpeedSample]], dict[str, float]]:
    """Measure the speed of each contender and the machine's peak throughput.

    Return the samples of each contender, and the highest throughput of each precision in 10⁹ operations per second. The
    contenders and the matrix product take turns, so that other programs slow all of them down. The first round is a
    warm-up.
    """
    samples: dict[str, list[SpeedSample]] = {name: [] for name in workers}
    peaks: dict[str, float] = {}
    done, total = 0, len(workers) * (request.rounds + 1)
    for round_number in range(request.rounds + 1):
        for name, worker in workers.items():
            report_progress(f"speed of {name}", done, total)
            seconds = request.seconds if round_number else WARM_UP_SECONDS
            sample = worker.ask(MeasureSpeed(contender=name, seconds=seconds), SpeedSample)
            if round_number:
                samples[name].append(sample)
            done += 1
        for precision, gflops in recipe_worker.ask(MeasurePeak(), PeakSample).gflops.items():
            peaks[precision] = max(gflops, peaks.get(precision, 0.0))
    return samples, peaks


def _training_speeds(
    samples: dict[str, list[SpeedSample]], machine: Description, loop: Description, peaks: dict[str, float]
) -> tuple[TrainingSpeed, ...]:
    """Return the speed of each contender. `loop` describes the worker of the guide's loop, `machine` all others."""
    precisions, operations = machine.precisions | loop.precisions, machine.operations | loop.operations
    results = []
    for name, of_name in samples.items():
        speeds = [sample.images_per_second for sample in of_name]
        median = statistics.median(speeds)
        results.append(
            TrainingSpeed(
                name=name,
                images_per_second=median,
                slowest=min(speeds),
                fastest=max(speeds),
                step_ms=_percentiles([seconds for sample in of_name for seconds in sample.step_seconds]),
                share_of_peak=median * operations[name] / (peaks[precisions[name]] * 1e9),
            )
        )
    return tuple(results)


def _speed_of_guide(samples: dict[str, list[SpeedSample]]) -> float | None:
    """Return the median speed of the `guide` recipe relative to the guide's loop, or None if it wasn't measured."""
    if GUIDE.name not in samples:
        return None
    rounds = zip(samples[GUIDE.name], samples[GUIDE_LOOP], strict=True)
    return statistics.median(recipe.images_per_second / loop.images_per_second for recipe, loop in rounds)


def _percentiles(seconds: list[float]) -> tuple[float, float, float]:
    """Return the median, the 90th and the 99th percentile, in milliseconds."""
    ordered = sorted(seconds)
    p90, p99 = (ordered[len(ordered) * percent // 100] for percent in (90, 99))
    return 1_000 * statistics.median(ordered), 1_000 * p90, 1_000 * p99


def _train_fully(
    request: BenchRequest, workers: dict[str, WorkerProcess], report_progress: ReportProgress
) -> tuple[FullTraining, ...]:
    """Train every contender to its last epoch with each seed. The contenders take turns."""
    results: dict[str, list[TrainingResult]] = {name: [] for name in workers}
    total = request.seeds * len(workers)
    for seed in range(request.seeds):
        for index, (name, worker) in enumerate(workers.items()):
            report_progress(f"accuracy of {name}, seed {seed}", seed * len(workers) + index, total)
            results[name].append(worker.ask(TrainFully(contender=name, seed=seed), TrainingResult))
    return tuple(
        FullTraining(
            name=name,
            accuracies=tuple(result.accuracy for result in of_name),
            train_seconds=tuple(result.seconds for result in of_name),
            first_step_seconds=tuple(result.first_step_seconds for result in of_name),
            evaluation_seconds=tuple(result.evaluation_seconds for result in of_name),
        )
        for name, of_name in results.items()
        if of_name
    )
