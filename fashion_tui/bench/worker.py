"""What a measuring process does: it trains along its roads, as it is told, and times that."""

import time

import torch

from fashion_tui.lab.data.datasets import load
from fashion_tui.lab.devices import choose_device, describe_device, has_bf16, set_cpu_threads, set_determinism
from fashion_tui.schema.recipe import Precision

from .orders import Answer, Assignment, Describe, Described, Order, Turn, TurnTaken, Whole, WholeTrained
from .roads import Trainee, roads, train_for, wait_for

MATRIX = {"cpu": 1024, "cuda": 8192}
"""Rows and columns of the matrices whose product shows the peak."""

PEAK_SECONDS = 0.4


class Worker:
    """Answers orders; UserError where the data, the device or a recipe can't be had."""

    def __init__(self, assignment: Assignment) -> None:
        if assignment.as_trainer:
            set_cpu_threads(assignment.threads)
        else:
            torch.set_num_threads(assignment.threads)
        set_determinism(deterministic=False)
        self._device = choose_device(assignment.device)
        self._roads = {road.name: road for road in roads(assignment.roads, self._device)}
        self._dataset = load(assignment.dataset)
        self._trainees: dict[str, Trainee] = {}
        """By road: those that take turns."""

    def answer(self, order: Order) -> Answer:
        match order:
            case Describe():
                return self._describe()
            case Turn(road=road, seconds=seconds):
                return self._take_turn(road, seconds)
            case Whole(road=road, seed=seed):
                return self._train(road, seed)
        raise AssertionError(order)

    def _describe(self) -> Described:
        precisions: tuple[Precision, ...] = ("fp32", "bf16") if has_bf16(self._device) else ("fp32",)
        return Described(
            device=str(self._device),
            device_name=describe_device(self._device),
            peak_gflops={precision: peak_gflops(self._device, precision) for precision in precisions},
            precisions={name: road.precision(self._device) for name, road in self._roads.items()},
            operations={name: road.operations() for name, road in self._roads.items()},
        )

    def _take_turn(self, name: str, seconds: float) -> TurnTaken:
        if name not in self._trainees:
            self._trainees[name] = self._roads[name].begin(self._dataset, self._device, seed=0)
        images_per_second, step_seconds = train_for(self._trainees[name], seconds, self._device)
        return TurnTaken(images_per_second=images_per_second, step_seconds=step_seconds)

    def _train(self, name: str, seed: int) -> WholeTrained:
        road = self._roads[name]
        trainee = road.begin(self._dataset, self._device, seed)
        left = road.epochs * len(self._dataset.train)
        wait_for(self._device)
        began = time.perf_counter()
        left -= next(trainee.steps)
        wait_for(self._device)
        warm = time.perf_counter()
        while left > 0:
            left -= next(trainee.steps)
        wait_for(self._device)
        trained = time.perf_counter()
        accuracy = road.accuracy(trainee.model, self._dataset, self._device)
        return WholeTrained(
            accuracy=accuracy,
            seconds=trained - began,
            first_step_seconds=warm - began,
            evaluation_seconds=time.perf_counter() - trained,
        )


def peak_gflops(device: torch.device, precision: Precision) -> float:
    """The most operations a second, in 10⁹, that a product of two square matrices came to within a few trials."""
    size = MATRIX.get(device.type, MATRIX["cpu"])
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    left, right = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    best, end = 0.0, time.perf_counter() + PEAK_SECONDS
    while time.perf_counter() < end:
        wait_for(device)
        began = time.perf_counter()
        torch.mm(left, right)
        wait_for(device)
        best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best / 1e9
