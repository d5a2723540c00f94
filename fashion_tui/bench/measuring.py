"""Speed, accuracy, and what the machine could do at most."""

import statistics
import time
from collections.abc import Callable
from operator import truediv

import torch

from fashion_tui.lab.datasets import Dataset, load
from fashion_tui.lab.devices import choose_device, describe, has_bf16, set_determinism
from fashion_tui.schema.bench import LOOP, BenchRequest, Measured, Speed, Trained
from fashion_tui.schema.recipe import GUIDE, Precision

from .roads import Road, Trainee, roads, train_for, wait_for

WARM_UP = 0.5
"""Seconds of each road that aren't counted."""

MATRIX = {"cpu": 1024, "cuda": 8192}
"""Rows and columns of the matrices whose product shows the peak."""

PEAK_SECONDS = 0.4

Tell = Callable[[str, int, int], None]
"""Is told what is being done, and how much of how much is over."""


def measure(request: BenchRequest, tell: Tell) -> Measured:
    """All that the request asks for. UserError where the data, the device or a recipe can't be had."""
    wanted = roads(request.recipes)
    torch.set_num_threads(request.threads)
    set_determinism(deterministic=False)
    device = choose_device(request.device)
    tell("loading", 0, 0)
    dataset = load(request.dataset)
    peaks: dict[str, float] = {precision: peak_gflops(device, precision) for precision in _precisions(device)}
    speeds, ratio = _speeds(wanted, request, dataset, device, peaks, tell)
    return Measured(
        device=str(device),
        device_name=describe(device),
        threads=request.threads,
        peak_gflops=peaks,
        speeds=speeds,
        trained=_trained(wanted, request, dataset, device, tell),
        ratio=ratio,
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


def _precisions(device: torch.device) -> tuple[Precision, ...]:
    return ("fp32", "bf16") if has_bf16(device) else ("fp32",)


def _speeds(  # noqa: PLR0913
    wanted: list[Road],
    request: BenchRequest,
    dataset: Dataset,
    device: torch.device,
    peaks: dict[str, float],
    tell: Tell,
) -> tuple[tuple[Speed, ...], float | None]:
    """Of each road; and the guide's recipe over its loop. The roads take turns: what disturbs one disturbs all."""
    trainees = [road.begin(dataset, device, seed=0) for road in wanted]
    found: dict[str, list[float]] = {road.name: [] for road in wanted}
    done, turns = 0, len(wanted) * (request.rounds + 1)
    for number in range(request.rounds + 1):
        for road, trainee in zip(wanted, trainees, strict=True):
            tell(f"speed of {road.name}", done, turns)
            if number == 0:
                train_for(trainee, WARM_UP, device)
                trainee.step_seconds.clear()
            else:
                found[road.name].append(train_for(trainee, request.seconds, device))
            done += 1
    speeds = tuple(
        _speed(road, trainee, found[road.name], peaks[road.precision(device)])
        for road, trainee in zip(wanted, trainees, strict=True)
    )
    if GUIDE.name not in found:
        return speeds, None
    return speeds, statistics.median(map(truediv, found[GUIDE.name], found[LOOP]))


def _speed(road: Road, trainee: Trainee, found: list[float], peak: float) -> Speed:
    steps = sorted(trainee.step_seconds)
    middle = statistics.median(found)
    return Speed(
        name=road.name,
        images_per_second=middle,
        slowest=min(found),
        fastest=max(found),
        step_ms=(
            1_000 * statistics.median(steps),
            1_000 * steps[len(steps) * 90 // 100],
            1_000 * steps[len(steps) * 99 // 100],
        ),
        share_of_peak=middle * road.operations() / (peak * 1e9),
    )


def _trained(
    wanted: list[Road], request: BenchRequest, dataset: Dataset, device: torch.device, tell: Tell
) -> tuple[Trained, ...]:
    """Whole trainings, the roads taking turns again."""
    accuracies: dict[str, list[float]] = {road.name: [] for road in wanted}
    seconds: dict[str, list[float]] = {road.name: [] for road in wanted}
    if not request.seeds:
        return ()
    for seed in range(request.seeds):
        for number, road in enumerate(wanted):
            tell(f"accuracy of {road.name}, seed {seed}", seed * len(wanted) + number, request.seeds * len(wanted))
            trainee = road.begin(dataset, device, seed)
            left = road.epochs * len(dataset.train)
            wait_for(device)
            began = time.perf_counter()
            while left > 0:
                left -= next(trainee.steps)
            wait_for(device)
            seconds[road.name].append(time.perf_counter() - began)
            accuracies[road.name].append(road.accuracy(trainee.model, dataset, device))
    return tuple(
        Trained(
            name=road.name,
            accuracies=tuple(accuracies[road.name]),
            train_seconds=tuple(seconds[road.name]),
        )
        for road in wanted
    )
