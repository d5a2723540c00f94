"""Each field of a recipe, against a plain training loop with torch's own optimizer and scheduler."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, OneCycleLR, SequentialLR

from fashion_tui.lab.data.datasets import ImageBatches
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.recipe import Recipe

from .test_training import CPU, run, striped

EPOCHS, STEPS = 3, 15
"""An epoch has five steps. The last one has a smaller batch."""

IMAGES = striped(70)

BASE = msgspec.structs.replace(GUIDE, batch_size=16, epochs=EPOCHS, learning_rate=3e-3)


def plain_batches(recipe: Recipe) -> Iterator[tuple[Tensor, Tensor]]:
    batches = ImageBatches(IMAGES, recipe, seed=4, device=CPU)
    for epoch in range(EPOCHS):
        for batch in batches.epoch(epoch):
            yield batches.prepare(batch), batch.labels


@dataclass
class Plain:
    """A training loop as in PyTorch's tutorials."""

    optimizer: Callable[[Any], torch.optim.Optimizer]
    scheduler: Callable[[torch.optim.Optimizer], LRScheduler] | None = None
    max_norm: float | None = None
    label_smoothing: float = 0.0

    def train(self, recipe: Recipe) -> nn.Module:
        torch.manual_seed(4)
        model = build(recipe.model)
        optimizer = self.optimizer(model.parameters())
        scheduler = self.scheduler(optimizer) if self.scheduler else None
        for images, labels in plain_batches(recipe):
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels, label_smoothing=self.label_smoothing).backward()
            if self.max_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), self.max_norm)
            optimizer.step()
            if scheduler is not None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # SequentialLR calls the deprecated `step(epoch)`
                    scheduler.step()
        return model


def adam(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=3e-3, fused=True)


def warm_up_and_cosine(optimizer: torch.optim.Optimizer) -> LRScheduler:
    phases: list[LRScheduler] = [
        LinearLR(optimizer, start_factor=1 / 4, total_iters=3),
        CosineAnnealingLR(optimizer, T_max=12),
    ]
    return SequentialLR(optimizer, phases, milestones=[3])


def assert_same_weights(model: nn.Module, expected: nn.Module) -> None:
    for (name, ours), theirs in zip(model.state_dict().items(), expected.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs), name


@pytest.mark.covers(
    "recipe.optimizer",
    "recipe.momentum",
    "recipe.nesterov",
    "recipe.weight_decay",
    "recipe.max_gradient_norm",
    "recipe.schedule",
    "recipe.warm_up",
    "recipe.label_smoothing",
)
@pytest.mark.parametrize(
    ("changes", "plain"),
    [
        ({}, Plain(adam)),
        ({"weight_decay": 0.1}, Plain(lambda p: torch.optim.Adam(p, lr=3e-3, weight_decay=0.1, fused=True))),
        (
            {"optimizer": "adamw", "weight_decay": 0.1},
            Plain(lambda p: torch.optim.AdamW(p, lr=3e-3, weight_decay=0.1, fused=True)),
        ),
        ({"optimizer": "sgd"}, Plain(lambda p: torch.optim.SGD(p, lr=3e-3))),
        (
            {"optimizer": "sgd", "momentum": 0.9},
            Plain(lambda p: torch.optim.SGD(p, lr=3e-3, momentum=0.9, fused=True)),
        ),
        (
            {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
            Plain(
                lambda p: torch.optim.SGD(p, lr=3e-3, momentum=0.9, nesterov=True, weight_decay=0.01, fused=True)
            ),
        ),
        ({"max_gradient_norm": 0.5}, Plain(adam, max_norm=0.5)),
        ({"schedule": "cosine"}, Plain(adam, lambda o: CosineAnnealingLR(o, T_max=STEPS))),
        ({"schedule": "cosine", "warm_up": 0.2}, Plain(adam, warm_up_and_cosine)),
        (
            {"schedule": "constant", "warm_up": 0.2},
            Plain(adam, lambda o: LinearLR(o, start_factor=1 / 4, total_iters=3)),
        ),
        (
            {"schedule": "onecycle", "warm_up": 0.3},
            Plain(
                adam, lambda o: OneCycleLR(o, max_lr=3e-3, total_steps=STEPS, pct_start=0.3, cycle_momentum=False)
            ),
        ),
        ({"label_smoothing": 0.1}, Plain(adam, label_smoothing=0.1)),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)  # fmt: skip
def test_training_equals_a_plain_loop_to_the_bit(changes: dict[str, Any], plain: Plain) -> None:
    recipe = msgspec.structs.replace(BASE, **changes)
    model = run(Training(recipe, IMAGES, device=CPU, seed=4), STEPS).model
    assert_same_weights(model, plain.train(recipe))
    if changes:
        base = run(Training(BASE, IMAGES, device=CPU, seed=4), STEPS).model
        assert not torch.equal(model.state_dict()["conv1.weight"], base.state_dict()["conv1.weight"])
