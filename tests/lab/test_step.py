"""Steps in micro-batches, rolled-back steps, and compiled networks."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import torch
from torch import nn

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.training.checkpoint import preserve_state
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.builtin_recipes import CPU_RECIPES, GUIDE, RECIPES
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import CPU_MICRO_BATCH, Recipe

from .test_training import bits, run, striped

CPU = torch.device("cpu")

NOISY = """
import torch.nn as nn

class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(4), nn.Flatten(), nn.Dropout(0.5), nn.Linear(144, 10)
        )

    def forward(self, x):
        return self.layers(x)
"""
"""A network whose forward pass changes buffers and draws random numbers."""

BATCH = 2 * CPU_MICRO_BATCH + 88
"""Batch size that gives three micro-batches."""


def begin(recipe: Recipe = GUIDE, images: Images | None = None, **changes: Any) -> Training:
    changed = msgspec.structs.replace(recipe, **changes)
    network = CustomModel(source=NOISY, class_name="Noisy", arguments={}, file=None)
    return Training(changed, striped(2000) if images is None else images, device=CPU, seed=2, network=network)


@pytest.mark.covers("recipe.label_smoothing")
def test_micro_batches_give_the_gradients_of_the_whole_batch() -> None:
    """The labels are smoothed, which changes the gradients by about a tenth."""
    recipe = msgspec.structs.replace(GUIDE, batch_size=BATCH, label_smoothing=0.1)
    training = Training(recipe, striped(1000), device=CPU, seed=2)
    reference = copy.deepcopy(training.model)
    batch = next(training.batches.epoch(0))
    assert len(batch.labels) == BATCH
    logits = reference(training.batches.prepare(batch))
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)(logits, batch.labels)
    loss.backward()

    next(training.steps())
    assert training.step_metrics(0, 1)[0] == pytest.approx([loss.item()], rel=1e-6)
    accuracy = (logits.argmax(1) == batch.labels).float().mean().item()
    assert training.step_metrics(0, 1)[1] == pytest.approx([accuracy])
    for actual, expected in zip(training.model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(actual.grad, expected.grad, rtol=1e-4, atol=1e-6)


class Interrupted(Exception):
    pass


def interrupt_at(times: Iterator[bool]) -> Callable[[], None]:
    """Return a callback that raises whenever the next item of `times` is True."""

    def poll() -> None:
        if next(times, False):
            raise Interrupted

    return poll


@pytest.mark.parametrize("completed", [1, 2])
def test_state_changes_only_at_the_end_of_a_step(completed: int) -> None:
    undisturbed = run(begin(batch_size=BATCH), 3)
    training = run(begin(batch_size=BATCH), 1)
    before = bits(training)
    seen = []
    next(training.steps(poll=lambda: seen.append(bits(training))))
    assert seen == [before, before]

    training = run(begin(batch_size=BATCH), 1)
    with pytest.raises(Interrupted):
        next(training.steps(interrupt_at(iter([False] * (completed - 1) + [True]))))
    assert bits(training) == before
    assert bits(run(training, 2)) == bits(undisturbed)


def test_small_batch_is_not_interrupted() -> None:
    training = begin(batch_size=CPU_MICRO_BATCH)
    assert next(training.steps(interrupt_at(iter([True])))) == 1


@pytest.mark.parametrize(("batch", "sizes"), [(256, [256]), (257, [129, 128]), (600, [200] * 3), (1, [1])])
def test_micro_batches_have_equal_sizes(batch: int, sizes: list[int]) -> None:
    """Batch normalisation needs micro-batches of more than one image."""
    training = begin(batch_size=batch)
    assert [len(images) for images in training.next_images()] == sizes


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("name", CPU_RECIPES)
def test_preserve_state_undoes_steps_in_place(name: str, steps: int) -> None:
    """Before a CUDA graph is captured, real steps are run. The graph keeps using the memory of the same tensors."""
    undisturbed = run(begin(RECIPES[name], batch_size=50), steps + 4)
    training = run(begin(RECIPES[name], batch_size=50), steps)
    batch = next(training.batches.epoch(0))
    before = bits(training)
    with preserve_state(training.model, CPU, training.optimizers):
        for _ in range(3):
            training._step(batch, lambda: None)
        addresses = [tensor.data_ptr() for tensor in tensors(training)]
        assert bits(training) != before
    if steps:
        assert bits(training) == before
    run(training, 4)
    assert bits(training) == bits(undisturbed)
    assert [tensor.data_ptr() for tensor in tensors(training)] == addresses


def tensors(training: Training) -> list[torch.Tensor]:
    states = [state for optimizer in training.optimizers for state in optimizer.state.values()]
    return [
        *training.model.state_dict().values(),
        *(value for state in states for value in state.values()),
    ]


def test_compiled_network_has_the_same_loss() -> None:
    """The last batch of the epoch is smaller than the others."""
    images = striped(250)
    recipe = msgspec.structs.replace(GUIDE, batch_size=100)
    plain = run(Training(recipe, images, device=CPU, seed=2), 4)
    compiled = run(Training(recipe, images, device=CPU, seed=2, compiled=True), 4)
    assert compiled.step_metrics(0, 1)[0] == pytest.approx(plain.step_metrics(0, 1)[0], rel=1e-3)
    assert compiled.state_dict()["model"].keys() == plain.state_dict()["model"].keys()
