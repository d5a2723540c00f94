"""The speed of captured steps, and training after a failed capture."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import torch

from fashion_tui.data.files import find
from fashion_tui.lab.data.datasets import Dataset, load
from fashion_tui.lab.devices import set_determinism
from fashion_tui.lab.evaluation.metrics import predict_logits
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.builtin_recipes import QUICK, RECIPES
from fashion_tui.schema.recipe import Recipe
from tests.lab.test_training import bits, run, striped

from .conftest import Record

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]

STEPS = 300


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load(find("synthetic"))


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("deterministic", [False, True], ids=["fast", "deterministic"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_speed_of_captured_steps(
    recipe: Recipe, dataset: Dataset, device: torch.device, record: Record, *, deterministic: bool
) -> None:
    set_determinism(device, deterministic=deterministic)
    name = f"{recipe.name}{', deterministic' if deterministic else ''}"
    seconds = {}
    for way in ("graph", "eager"):
        warnings: list[str] = []
        torch.cuda.reset_peak_memory_stats()
        training = Training(recipe, dataset.train, device=device, seed=0, report=warnings.append)
        if way == "eager":
            training._make_step = training._step
        first = timed(lambda training=training: next(training.steps()))
        train(training, 20)
        seconds[way] = timed(lambda training=training: train(training, STEPS)) / STEPS
        assert not warnings
        if way == "graph":
            evaluation = timed(
                lambda training=training: predict_logits(training.model, dataset.test.pixels, recipe, device)
            )
            memory = torch.cuda.max_memory_reserved() / 2**30
            record(f"{name}: first step", f"{first:.2f} s", "< 3 s")
            record(f"{name}: first evaluation", f"{evaluation:.2f} s", "< 1 s")
            record(f"{name}: memory", f"{memory:.2f} GiB", "< 3 GiB")
    rate = recipe.batch_size / seconds["graph"]
    record(f"{name}: step", f"{1000 * seconds['graph']:.2f} ms, {rate:,.0f} images/s", "deterministic: within 10 %")
    record(f"{name}: eager / captured", f"{seconds['eager'] / seconds['graph']:.2f}", "≥ 2 for guide and quick")


def train(training: Training, steps: int) -> None:
    done = 0
    while done < steps:
        for _ in training.steps():
            done += 1
            if done == steps:
                return
        training.end_epoch()


def timed(action: Any) -> float:
    torch.cuda.synchronize()
    started = time.perf_counter()
    action()
    torch.cuda.synchronize()
    return time.perf_counter() - started


def test_training_after_a_failed_capture(device: torch.device) -> None:
    """The weights equal those of steps without capture, and the GPU can still be used, even for another capture."""
    set_determinism(device, deterministic=True)
    recipe = msgspec.structs.replace(QUICK, batch_size=100)
    warnings: list[str] = []

    def begin() -> Training:
        return Training(recipe, striped(1050), device=device, seed=0, report=warnings.append)

    plain = begin()
    plain._make_step = plain._step
    failing = begin()
    step = failing._make_step._step  # type: ignore[attr-defined]

    def synchronising(*arguments: Any) -> Any:
        loss, correct = step(*arguments)
        loss.item()
        return loss, correct

    failing._make_step._step = synchronising  # type: ignore[attr-defined]
    assert bits(run(failing, 11)) == bits(run(plain, 11))
    assert len(warnings) == 1
    assert "captur" in warnings[0]

    torch.cuda.empty_cache()
    torch.nn.functional.dropout(torch.ones(9, device=device))
    run(begin(), 3)
    torch.cuda.synchronize()
    assert len(warnings) == 1, "another training can be captured"
