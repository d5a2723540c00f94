"""Learning rate schedules, compared with `torch.optim.lr_scheduler`."""

import math
import warnings
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, OneCycleLR, SequentialLR

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.training.loop import Training
from fashion_tui.lab.training.schedules import learning_rate_at
from fashion_tui.schema.builtin_recipes import GUIDE, STRONG
from fashion_tui.schema.recipe import Recipe

CPU = torch.device("cpu")


def recipe(**changes: Any) -> Recipe:
    return msgspec.structs.replace(GUIDE, **changes)


def rates(recipe: Recipe, total: int) -> list[float]:
    return [learning_rate_at(recipe, recipe.learning_rate, step, total) for step in range(total)]


def sgd(lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)


def stepped(scheduler: LRScheduler, steps: int) -> list[float]:
    """Return the learning rates of a scheduler that is advanced step by step, as in a training loop."""
    found = []
    for _ in range(steps):
        found.append(float(scheduler.get_last_lr()[0]))
        scheduler.optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SequentialLR calls the deprecated `step(epoch)`
            scheduler.step()
    return found


def closed_form(scheduler: LRScheduler, steps: int) -> list[float]:
    """Return the learning rates of a scheduler's closed form, which `step(epoch)` uses."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `step(epoch)` is deprecated
        for step in range(steps):
            scheduler.step(step)
            found.append(float(scheduler.get_last_lr()[0]))
    return found


@pytest.mark.covers("recipe.schedule", "recipe.learning_rate")
def test_constant() -> None:
    assert set(rates(recipe(learning_rate=0.3), 100)) == {0.3}


@pytest.mark.covers("recipe.schedule", "recipe.warm_up")
@given(st.integers(2, 300), st.floats(0.01, 0.99), st.floats(1e-6, 10))
def test_one_cycle_equals_that_of_torch_to_the_bit(total: int, warm_up: float, lr: float) -> None:
    assume(float(warm_up * total) != 1)  # otherwise, OneCycleLR divides by zero
    ours = rates(recipe(schedule="onecycle", warm_up=warm_up, learning_rate=lr), total)
    theirs = OneCycleLR(sgd(lr), max_lr=lr, total_steps=total, pct_start=warm_up, cycle_momentum=False)
    assert ours == stepped(theirs, total)
    assert all(0 < rate <= lr * (1 + 1e-15) for rate in ours)


def test_one_cycle_whose_first_step_is_the_peak() -> None:
    found = rates(recipe(schedule="onecycle", warm_up=0.25, learning_rate=2.0), 4)
    assert found == pytest.approx([2.0, 1.5, 0.5, 2.0 / 25 / 1e4], abs=2e-5)


@pytest.mark.covers("recipe.schedule")
@given(st.integers(1, 300), st.floats(1e-6, 10))
def test_cosine_equals_that_of_torch(total: int, lr: float) -> None:
    ours = rates(recipe(schedule="cosine", learning_rate=lr), total)
    assert ours == closed_form(CosineAnnealingLR(sgd(lr), T_max=total), total), "to the bit"
    assert ours == pytest.approx(stepped(CosineAnnealingLR(sgd(lr), T_max=total), total), rel=1e-9, abs=1e-12)


@pytest.mark.covers("recipe.schedule", "recipe.warm_up")
@given(st.integers(1, 50), st.integers(1, 100), st.floats(1e-6, 10), st.sampled_from(["constant", "cosine"]))
def test_the_warm_up_equals_linear_lr_before_the_other_schedule(
    rising: int, falling: int, lr: float, schedule: str
) -> None:
    total = rising + falling
    ours = rates(recipe(schedule=schedule, warm_up=rising / total, learning_rate=lr), total)
    linear = LinearLR(sgd(lr), start_factor=1 / (rising + 1), total_iters=rising)
    assert ours[:rising] == closed_form(linear, rising), "to the bit"
    assert ours[rising] == lr
    if schedule == "cosine":
        optimizer = sgd(lr)
        phases: list[LRScheduler] = [
            LinearLR(optimizer, start_factor=1 / (rising + 1), total_iters=rising),
            CosineAnnealingLR(optimizer, T_max=falling),
        ]
        expected = stepped(SequentialLR(optimizer, phases, milestones=[rising]), total)
    else:
        expected = stepped(LinearLR(sgd(lr), start_factor=1 / (rising + 1), total_iters=rising), total)
    assert ours == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.covers("recipe.warm_up")
@pytest.mark.parametrize("schedule", ["constant", "cosine", "onecycle", "triangle"])
@pytest.mark.parametrize("total", [1, 2, 10])
def test_a_warm_up_of_almost_all_steps_is_possible(schedule: str, total: int) -> None:
    found = rates(recipe(schedule=schedule, warm_up=0.99, learning_rate=1.0), total)
    assert all(0 < rate <= 1 for rate in found)
    assert found[:-1] == sorted(found[:-1])


@pytest.mark.covers("recipe.schedule", "recipe.warm_up")
@pytest.mark.parametrize("steps", [1, 2, 7, 100])
@pytest.mark.parametrize("warm_up", [0.0, 0.2, 0.5, 0.99])
def test_triangle_rises_to_its_peak_and_falls_until_the_last_step(steps: int, warm_up: float) -> None:
    found = rates(recipe(schedule="triangle", warm_up=warm_up, learning_rate=1.0), steps)
    top = found.index(max(found))
    assert all(0 < rate <= 1 for rate in found)
    assert found[: top + 1] == sorted(found[: top + 1])
    assert found[top:] == sorted(found[top:], reverse=True)
    assert abs(top - warm_up * steps) <= 1


@pytest.mark.covers("recipe.warm_up", "recipe.learning_rate")
@given(st.integers(0, 60), st.integers(1, 60))
def test_the_triangle_is_two_linear_schedules_of_torch(rising: int, falling: int) -> None:
    """It rises from 1 / n to 1 in n steps, then falls from 1 to 1 / m in m steps."""
    total = rising + falling
    ours = rates(recipe(schedule="triangle", warm_up=rising / total, learning_rate=0.5), total)
    up = LinearLR(sgd(0.5), 1 / max(rising, 1), 1.0, total_iters=max(rising - 1, 1))
    down = LinearLR(sgd(0.5), 1.0, 1 / falling, total_iters=max(falling - 1, 1))
    assert ours == pytest.approx([*stepped(up, rising), *stepped(down, falling)], rel=1e-9)


@pytest.mark.covers("recipe.learning_rate", "recipe.schedule", "recipe.warm_up", "recipe.epochs")
def test_learning_rates_follow_one_schedule_over_all_epochs() -> None:
    """The expected learning rates are those of torch's schedulers.

    There are three epochs of five steps, so that a schedule that starts again in each epoch would differ.
    """
    changed = msgspec.structs.replace(STRONG, model="guide", batch_size=16, epochs=3, learning_rate=0.5, warm_up=0.2)
    images = Images(torch.zeros(80, 1, 28, 28, dtype=torch.uint8), torch.arange(80) % 10)
    training = Training(changed, images, device=CPU, seed=0)
    muon, adam = [], []
    for _ in range(3):
        for _ in training.steps():
            found = [float(optimizer.param_groups[0]["lr"]) for optimizer in training.optimizers]
            muon.append(found[0])
            adam.append(found[1])
        training.end_epoch()

    optimizer = sgd(0.5)
    phases: list[LRScheduler] = [
        LinearLR(optimizer, 1 / 3, 1, total_iters=2),
        LinearLR(optimizer, 1, 1 / 12, total_iters=11),
    ]
    expected = stepped(SequentialLR(optimizer, phases, milestones=[3]), 15)
    assert muon == pytest.approx(expected)
    assert [training.learning_rate(step) for step in range(15)] == pytest.approx(expected)
    assert adam == pytest.approx([0.2 * rate for rate in expected]), "Adam's share is a fifth"


def test_cosine_is_half_a_wave() -> None:
    found = rates(recipe(schedule="cosine", warm_up=0.2, learning_rate=1.0), 10)
    assert found[:2] == pytest.approx([1 / 3, 2 / 3])
    assert found[2:] == pytest.approx([(1 + math.cos(math.pi * step / 8)) / 2 for step in range(8)])
