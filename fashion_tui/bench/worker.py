"""A worker of the benchmark, which trains and measures its contenders."""

import time

import torch

from fashion_tui.lab.data.datasets import load
from fashion_tui.lab.devices import choose_device, describe_device, has_bf16, set_cpu_threads, set_determinism
from fashion_tui.schema.recipe import Precision

from .contenders import OngoingTraining, find_contenders, synchronize, train_for
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
    WorkerSetup,
)

MATRIX_SIZE = {"cpu": 1024, "cuda": 8192}
"""Number of rows of the square matrices that are multiplied to measure the peak throughput, keyed by device type."""

PEAK_SECONDS = 0.2
"""Duration, in seconds, of each measurement of the peak throughput: one per precision and round."""


class Worker:
    """Trains and measures contenders on request.

    The constructor raises UserError if the data, the device or a recipe isn't available.
    """

    def __init__(self, setup: WorkerSetup) -> None:
        if setup.like_trainer:
            set_cpu_threads(setup.threads)
        else:
            torch.set_num_threads(setup.threads)
        self._device = choose_device(setup.device)
        set_determinism(self._device, deterministic=False)
        self._contenders = {contender.name: contender for contender in find_contenders(setup.contenders)}
        self._dataset = load(setup.dataset)
        self._trainings: dict[str, OngoingTraining] = {}
        """The unfinished training run of each contender whose speed is being measured, keyed by name."""

    def perform(self, task: Task) -> Reply:
        """Perform a task and return the reply."""
        match task:
            case Describe():
                return self._describe()
            case MeasurePeak():
                return PeakSample(
                    gflops={precision: peak_gflops(self._device, precision) for precision in self._precisions()}
                )
            case MeasureSpeed(contender=name, seconds=seconds):
                return self._measure_speed(name, seconds)
            case TrainFully(contender=name, seed=seed):
                return self._train_fully(name, seed)
        raise AssertionError(task)

    def _describe(self) -> Description:
        return Description(
            device=str(self._device),
            device_name=describe_device(self._device),
            precisions={name: contender.precision(self._device) for name, contender in self._contenders.items()},
            operations={name: contender.operations() for name, contender in self._contenders.items()},
        )

    def _precisions(self) -> tuple[Precision, ...]:
        return ("fp32", "bf16") if has_bf16(self._device) else ("fp32",)

    def _measure_speed(self, name: str, seconds: float) -> SpeedSample:
        if name not in self._trainings:
            self._trainings[name] = self._contenders[name].start(self._dataset, self._device, seed=0)
        images_per_second, step_seconds = train_for(self._trainings[name], seconds, self._device)
        return SpeedSample(images_per_second=images_per_second, step_seconds=step_seconds)

    def _train_fully(self, name: str, seed: int) -> TrainingResult:
        contender = self._contenders[name]
        training = contender.start(self._dataset, self._device, seed)
        remaining_images = contender.epochs * len(self._dataset.train)
        synchronize(self._device)
        started = time.perf_counter()
        remaining_images -= next(training.steps)
        synchronize(self._device)
        first_step_ended = time.perf_counter()
        while remaining_images > 0:
            remaining_images -= next(training.steps)
        synchronize(self._device)
        training_ended = time.perf_counter()
        accuracy = contender.accuracy(training.model, self._dataset, self._device)
        return TrainingResult(
            accuracy=accuracy,
            seconds=training_ended - started,
            first_step_seconds=first_step_ended - started,
            evaluation_seconds=time.perf_counter() - training_ended,
        )


def peak_gflops(device: torch.device, precision: Precision) -> float:
    """Return the highest measured throughput of a product of two square matrices, in 10⁹ operations per second."""
    size = MATRIX_SIZE.get(device.type, MATRIX_SIZE["cpu"])
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best, end = 0.0, time.perf_counter() + PEAK_SECONDS
    while time.perf_counter() < end:
        synchronize(device)
        started = time.perf_counter()
        torch.mm(left, right)
        synchronize(device)
        best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best / 1e9
