"""Training on a GPU: CUDA graphs, streamed data and exact resume."""

import copy
import math
from typing import Any

import msgspec
import pytest
import torch

from fashion_tui.lab.devices import set_determinism
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.builtin_recipes import RECIPES
from fashion_tui.schema.recipe import Recipe
from tests.lab.test_training import bits, run, striped

pytestmark = pytest.mark.gpu

CUDA = torch.device("cuda")


@pytest.fixture(autouse=True)
def _deterministic() -> Any:
    set_determinism(CUDA, deterministic=True)
    yield
    torch.use_deterministic_algorithms(False)


def begin(recipe: Recipe, **changes: Any) -> Training:
    changed = msgspec.structs.replace(recipe, batch_size=100, crop=2, **changes)
    return Training(changed, striped(950), device=CUDA, seed=2)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_captured_steps_equal_eager_steps(recipe: Recipe) -> None:
    """The 25 steps span three epochs, whose last batches are smaller."""
    captured, plain = begin(recipe), begin(recipe)
    plain._make_step = plain._step
    for training in (captured, plain):
        run(training, 25)
    torch.testing.assert_close(captured.state_dict()["model"], plain.state_dict()["model"], rtol=1e-3, atol=1e-3)
    assert captured.epoch == plain.epoch == 2


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_resumed_training_is_bit_identical(recipe: Recipe) -> None:
    undisturbed = run(begin(recipe), 17)
    first = run(begin(recipe), 7)
    second = begin(recipe)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert bits(run(second, 10)) == bits(undisturbed)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_observed_steps_train_the_same_weights(recipe: Recipe) -> None:
    """The 15 steps span two epochs, whose last batches are smaller."""
    expected = bits(run(begin(recipe, epochs=3), 15))
    training = begin(recipe, epochs=3)
    for step in range(1, 16):
        training.observer.request(layers=True)
        run(training, 1)
        observation = training.observer.take()
        assert observation is not None
        assert observation[0] == step
        assert {name.partition("/")[0] for name in observation[1]} == {"gradient_norm", "update_ratio", "dead_relus"}
        assert all(math.isfinite(value) for value in observation[1].values())
    assert bits(training) == expected


def test_steps_do_not_synchronise() -> None:
    training = begin(RECIPES["strong"])
    steps = training.steps()
    next(steps)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):
            training.observer.request(layers=True)
            next(steps)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_streamed_data_set_gives_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    resident = run(begin(RECIPES["strong"]), 5)
    monkeypatch.setattr("fashion_tui.lab.data.datasets.MAX_MEMORY_FRACTION", 0.0)
    streamed = begin(RECIPES["strong"])
    assert not streamed.batches.is_resident
    assert bits(run(streamed, 5)) == bits(resident)
