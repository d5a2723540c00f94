"""A step in pieces, a compiled one, and a step that leaves no mark."""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import torch
import torch.nn.functional as F

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.training.cuda_graph import put_back
from fashion_tui.lab.training.loop import Training
from fashion_tui.lab.training.step import PIECE
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import CPU_RECIPES, GUIDE, RECIPES, Recipe

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

BATCH = 2 * PIECE + 88
"""Three pieces."""


def begin(recipe: Recipe = GUIDE, images: Images | None = None, **changes: Any) -> Training:
    changed = msgspec.structs.replace(recipe, **changes)
    network = CustomModel(source=NOISY, class_name="Noisy", arguments={}, file=None)
    return Training(changed, striped(2000) if images is None else images, device=CPU, seed=2, network=network)


def test_a_batch_in_pieces_has_the_gradients_of_the_whole() -> None:
    training = Training(msgspec.structs.replace(GUIDE, batch_size=BATCH), striped(1000), device=CPU, seed=2)
    whole = copy.deepcopy(training.model)
    batch = next(training.batches.epoch(0))
    assert len(batch.labels) == BATCH
    logits = whole(training.batches.prepare(batch))
    loss = F.cross_entropy(logits, batch.labels)
    loss.backward()

    next(training.steps())
    assert training.figures(0, 1)[0] == pytest.approx([loss.item()], rel=1e-6)
    assert training.figures(0, 1)[1] == pytest.approx([(logits.argmax(1) == batch.labels).float().mean().item()])
    for ours, theirs in zip(training.model.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


class Interrupted(Exception):
    pass


def interrupt_at(times: Iterator[bool]) -> Any:
    """To be called between pieces: it raises where `times` says so."""

    def between() -> None:
        if next(times, False):
            raise Interrupted

    return between


@pytest.mark.parametrize("piece", [0, 1])
def test_in_the_middle_of_a_step_the_state_is_that_of_the_last_whole_one(piece: int) -> None:
    undisturbed = run(begin(batch_size=BATCH), 3)
    training = run(begin(batch_size=BATCH), 1)
    before = bits(training)
    asked = []

    def between() -> None:
        asked.append(bits(training))

    steps = training.steps(between)
    next(steps)
    assert asked == [before, before]

    training = run(begin(batch_size=BATCH), 1)
    with pytest.raises(Interrupted):
        next(training.steps(interrupt_at(iter([False] * piece + [True]))))
    assert bits(training) == before
    assert bits(run(training, 2)) == bits(undisturbed)


def test_a_small_batch_has_no_between() -> None:
    training = begin(batch_size=PIECE)
    assert next(training.steps(interrupt_at(iter([True])))) == 1


@pytest.mark.parametrize(("batch", "sizes"), [(256, [256]), (257, [129, 128]), (600, [200] * 3), (1, [1])])
def test_pieces_are_of_equal_size_for_batch_normalisation_needs_more_than_one_image(
    batch: int, sizes: list[int]
) -> None:
    training = begin(batch_size=batch)
    assert [len(images) for images in training.next_pieces()] == sizes


@pytest.mark.parametrize("made", [0, 3])
@pytest.mark.parametrize("name", CPU_RECIPES)
def test_steps_that_are_put_back_leave_no_mark(name: str, made: int) -> None:
    """What a CUDA graph needs, whose recording begins with real steps: all as before, and in the same memory."""
    undisturbed = run(begin(RECIPES[name], batch_size=50), made + 4)
    training = run(begin(RECIPES[name], batch_size=50), made)
    batch = next(training.batches.epoch(0))
    before = bits(training)
    with put_back(training._step):
        for _ in range(3):
            training._step(batch, lambda: None)
        places = [tensor.data_ptr() for tensor in tensors(training)]
        assert bits(training) != before
    if made:
        assert bits(training) == before
    run(training, 4)
    assert bits(training) == bits(undisturbed)
    assert [tensor.data_ptr() for tensor in tensors(training)] == places


def tensors(training: Training) -> list[torch.Tensor]:
    states = [state for optimizer in training.optimizers for state in optimizer.state.values()]
    return [
        *training.model.state_dict().values(),
        *(value for state in states for value in state.values()),
    ]


def test_a_compiled_network_learns_the_same() -> None:
    """The last batch of the epoch is a smaller one."""
    images = striped(250)
    recipe = msgspec.structs.replace(GUIDE, batch_size=100)
    plain = run(Training(recipe, images, device=CPU, seed=2), 4)
    compiled = run(Training(recipe, images, device=CPU, seed=2, compiled=True), 4)
    assert compiled.figures(0, 1)[0] == pytest.approx(plain.figures(0, 1)[0], rel=1e-3)
    assert compiled.state_dict()["model"].keys() == plain.state_dict()["model"].keys()
