"""The ways of training that are compared, behind one face."""

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
from fashion_tui.lab.training.loop import Training
from fashion_tui.lab.training.optimizers import precision_on
from fashion_tui.schema.bench import GUIDE_LOOP
from fashion_tui.schema.recipe import GUIDE, Precision, Recipe, recipe_named

from .guide_loop import EPOCHS, GuideLoop


@dataclass(frozen=True)
class Road:
    """One of them: a recipe of ours, or the guide's loop."""

    name: str
    recipe: Recipe
    """Of the loop: the recipe that does the same."""

    @property
    def is_loop(self) -> bool:
        return self.name == GUIDE_LOOP

    @property
    def epochs(self) -> int:
        return EPOCHS if self.is_loop else self.recipe.epochs

    def begin(self, dataset: Dataset, device: torch.device, seed: int) -> "Trainee":
        if self.is_loop:
            loop = GuideLoop(dataset.train, device=device, seed=seed)
            return Trainee(loop.model, _of_loop(loop))
        training = Training(self.recipe, dataset.train, device=device, seed=seed)
        return Trainee(training.model, _of_training(training))

    def precision(self, device: torch.device) -> Precision:
        return "fp32" if self.is_loop else precision_on(device, self.recipe)

    def accuracy(self, model: nn.Module, dataset: Dataset, device: torch.device) -> float:
        """On the test set."""
        logits = predict_logits(model, dataset.test.pixels, self.recipe, device)
        return evaluate(logits, dataset.test.labels, dataset.classes).accuracy

    def operations(self) -> float:
        """Floating-point operations of training on one image: two a multiplication, thrice the way forward."""
        table = trace(build(self.recipe.model), (1, 28, 28), name=self.recipe.model)
        return 6.0 * (table.total_macs or 0)


@dataclass(frozen=True)
class Trainee:
    """A training under way."""

    model: nn.Module
    """The one to judge when it is trained."""
    steps: Iterator[int]
    """Makes a step and tells its images; without end."""


def roads(names: tuple[str, ...], device: torch.device) -> list[Road]:
    """By these names, of recipes on that device or LOOP; UsageError for an unknown one."""
    return [Road(name, GUIDE if name == GUIDE_LOOP else recipe_named(name, device.type)) for name in names]


def wait_for(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def train_for(trainee: Trainee, seconds: float, device: torch.device) -> tuple[float, list[float]]:
    """Images a second over about so many seconds, and the time of each step. Between steps nothing waits for a GPU."""
    images = 0
    wait_for(device)
    marks = [Mark(device)]
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        images += next(trainee.steps)
        marks.append(Mark(device))
    wait_for(device)
    took = time.perf_counter() - began
    return images / took, [later.seconds_since(earlier) for earlier, later in pairwise(marks)]


class Mark:
    """A moment of the device's work."""

    def __init__(self, device: torch.device) -> None:
        """Now; on a GPU when it has done what it was given so far."""
        self.event: torch.cuda.Event | None = None
        if device.type == "cuda":
            self.event = torch.cuda.Event(enable_timing=True)
            self.event.record(torch.cuda.current_stream(device))
        self.time = time.perf_counter()

    def seconds_since(self, earlier: "Mark") -> float:
        """To be asked when the device has come by both."""
        if self.event is None or earlier.event is None:
            return self.time - earlier.time
        return float(earlier.event.elapsed_time(self.event)) / 1_000


def _of_loop(loop: GuideLoop) -> Iterator[int]:
    while True:
        yield from loop.epoch()


def _of_training(training: Training) -> Iterator[int]:
    while True:
        before = training.images_seen
        for _ in training.steps():
            yield training.images_seen - before
            before = training.images_seen
        training.end_epoch()
