"""A common interface to the contenders of the benchmark: the guide's training loop and the recipes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn

from fashion_tui.lab.data.datasets import Dataset
from fashion_tui.lab.evaluation.metrics import evaluate, predict_logits
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.trace import trace
from fashion_tui.lab.training.guide_loop import EPOCHS, GuideLoop
from fashion_tui.lab.training.loop import Training
from fashion_tui.lab.training.precision import precision_on
from fashion_tui.schema.bench import GUIDE_LOOP
from fashion_tui.schema.builtin_recipes import GUIDE, recipe_named
from fashion_tui.schema.recipe import Precision, Recipe


@dataclass(frozen=True)
class Contender:
    """A recipe, or the guide's training loop."""

    name: str
    recipe: Recipe
    """The recipe to train with. The guide's training loop uses the recipe `guide`."""

    @property
    def is_loop(self) -> bool:
        return self.name == GUIDE_LOOP

    @property
    def epochs(self) -> int:
        return EPOCHS if self.is_loop else self.recipe.epochs

    def start(self, dataset: Dataset, device: torch.device, seed: int) -> "OngoingTraining":
        """Set up training. The first `next()` of `steps` runs the first step."""
        if self.is_loop:
            loop = GuideLoop(dataset.train, device=device, seed=seed)
            return OngoingTraining(loop.model, _loop_steps(loop))
        classes = len(dataset.classes)
        training = Training(self.recipe, dataset.train, classes=classes, device=device, seed=seed)
        return OngoingTraining(training.model, _recipe_steps(training))

    def precision(self, device: torch.device) -> Precision:
        """Return the precision that the contender uses for training on a device."""
        return "fp32" if self.is_loop else precision_on(device, self.recipe)

    def accuracy(self, model: nn.Module, dataset: Dataset, device: torch.device) -> float:
        """Return the test accuracy of a trained model."""
        logits = predict_logits(model, dataset.test.pixels, self.recipe, device)
        return evaluate(logits, dataset.test.labels, dataset.classes).accuracy

    def operations(self) -> float:
        """Return the number of floating-point operations needed to train on one image.

        A multiply-accumulate counts as two operations. The backward pass counts twice as much as the forward pass.
        """
        table = trace(build(self.recipe.model), (1, 28, 28), name=self.recipe.model)
        return 6.0 * table.total_macs


@dataclass(frozen=True)
class OngoingTraining:
    """A training run that is advanced step by step."""

    model: nn.Module
    """The model to evaluate after training."""
    steps: Iterator[int]
    """An infinite iterator. Each `next()` runs one training step and returns the number of images in it."""


def find_contenders(names: tuple[str, ...]) -> list[Contender]:
    """Return the contenders with these names. Raises UsageError for an unknown recipe."""
    return [Contender(name, GUIDE if name == GUIDE_LOOP else recipe_named(name)) for name in names]


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished all work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def train_for(training: OngoingTraining, seconds: float, device: torch.device) -> tuple[float, list[float]]:
    """Train for `seconds` and return the images per second and the duration of each step.

    The GPU is synchronised only before the first step and after the last one.
    """
    images = 0
    synchronize(device)
    timestamps = [Timestamp(device)]
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        images += next(training.steps)
        timestamps.append(Timestamp(device))
    synchronize(device)
    elapsed = time.perf_counter() - started
    return images / elapsed, [later.seconds_since(earlier) for earlier, later in pairwise(timestamps)]


class Timestamp:
    """The current time or, on a GPU, the time at which the GPU finishes the work submitted so far."""

    def __init__(self, device: torch.device) -> None:
        self.event: torch.cuda.Event | None = None
        if device.type == "cuda":
            self.event = torch.cuda.Event(enable_timing=True)
            self.event.record(torch.cuda.current_stream(device))
        self.time = time.perf_counter()

    def seconds_since(self, earlier: "Timestamp") -> float:
        """Return the seconds since an earlier timestamp. Synchronise the device before calling this."""
        if self.event is None or earlier.event is None:
            return self.time - earlier.time
        return float(earlier.event.elapsed_time(self.event)) / 1_000


def _loop_steps(loop: GuideLoop) -> Iterator[int]:
    while True:
        yield from loop.epoch()


def _recipe_steps(training: Training) -> Iterator[int]:
    while True:
        before = training.images_seen
        for _ in training.steps():
            yield training.images_seen - before
            before = training.images_seen
        training.end_epoch()
