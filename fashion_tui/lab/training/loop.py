"""The training loop, and everything that decides its next step."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from fashion_tui.lab.data.datasets import ImageBatches, Images
from fashion_tui.lab.networks.build import build_network
from fashion_tui.lab.rng import seed_everything
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import Precision, Recipe

from .cuda_graph import CapturedStep, Lead
from .optimizers import rate_factor
from .step import Step


class Training:
    """A network on its way through a recipe.

        training = Training(recipe, dataset.train, device=torch.device("cpu"), seed=0)
        while training.epoch < recipe.epochs:
            for step in training.steps():
                ...
            training.end_epoch()

    What decides the next step is in `state_dict`, or is arithmetic over the seed, the epoch and the step: whoever saves
    the state between two steps and loads it into a new `Training` goes on as if nothing had been, to the bit.
    """

    def __init__(  # noqa: PLR0913
        self,
        recipe: Recipe,
        images: Images,
        *,
        device: torch.device,
        seed: int,
        network: CustomModel | None = None,
        compiled: bool = False,
    ) -> None:
        """`network`: one that a person has written, in the place of the recipe's; its code is executed.

        `compiled`: by `torch.compile`, which takes its time in the first step.
        """
        if device.type == "cuda":
            torch.cuda.set_device(device)  # streams and graphs are the current device's
        seed_everything(seed)
        self.recipe = recipe
        self.device = device
        self.model = build_network(recipe, network).to(device)
        self.batches = ImageBatches(images, recipe, seed=seed, device=device)
        self._step = Step(self.model, recipe, self.batches, device, compiled=compiled)
        is_captured = device.type == "cuda" and network is None
        self._make_step = CapturedStep(self._step) if is_captured else self._step
        self._lead = Lead(recipe.batch_size) if device.type == "cuda" else None

        self.epoch = 0
        """Epochs completed."""
        self.step_in_epoch = 0
        """Steps made in the running epoch."""
        self.losses = torch.zeros(self.steps_per_epoch, device=device)
        """Of each step of the running epoch, on the device: reading one there and then would stall a GPU."""
        self.correct = torch.zeros(self.steps_per_epoch, dtype=torch.int32, device=device)
        """Images of each step's batch that were classified rightly before the step."""
        self.best_validation: float | None = None
        """The best accuracy so far on images that were held out."""
        self.train_seconds = 0.0
        """Spent in steps; whoever drives the loop adds to it."""
        self.epoch_seconds = 0.0
        """Spent in steps of the running epoch."""

    @property
    def precision(self) -> Precision:
        """Computed in: the recipe's where the device has it."""
        return self._step.precision

    @property
    def optimizers(self) -> list[torch.optim.Optimizer]:
        return self._step.optimizers

    def steps(self, between: Callable[[], None] = lambda: None) -> Iterator[int]:
        """Trains on what is left of the running epoch; after each step yields the number of steps made in all.

        `between` is called now and then while a long step is made. What it raises ends the step, which isn't made then;
        `state_dict` tells, as always, of the last whole step.
        """
        self.model.train()
        for batch in self.batches.epoch(self.epoch, first_step=self.step_in_epoch):
            self._step.set_learning_rates(self._rate_factor(self.step))
            loss, correct = self._make_step(batch, between)
            self.losses[self.step_in_epoch] = loss
            self.correct[self.step_in_epoch] = correct
            self.step_in_epoch += 1
            if self._lead is not None:
                self._lead.keep()
            yield self.step

    def next_pieces(self) -> Iterator[Tensor]:
        """The images that go through the network in the next step, as they do: float32 `[N, 1, 28, 28]`."""
        batch = next(self.batches.epoch(self.epoch, first_step=self.step_in_epoch))
        for piece in self._step.pieces(batch):
            yield self.batches.prepare(piece)

    def end_epoch(self) -> None:
        """Goes on to the next epoch, once all steps of the running one are made."""
        self.epoch += 1
        self.step_in_epoch = 0
        self.epoch_seconds = 0.0

    @property
    def step(self) -> int:
        """Optimiser steps made, over all epochs."""
        return self.epoch * self.steps_per_epoch + self.step_in_epoch

    @property
    def steps_per_epoch(self) -> int:
        return len(self.batches)

    @property
    def images_seen(self) -> int:
        """Images trained on, over all epochs."""
        return self.epoch * len(self.batches.images) + int(self.batch_sizes(0, self.step_in_epoch).sum())

    def learning_rate(self, step: int) -> float:
        """Of a step, counted from 0 over all epochs."""
        return self.recipe.learning_rate * self._rate_factor(step)

    def batch_sizes(self, first: int, last: int) -> Tensor:
        """int64 `[last - first]`: how many images the steps `first` to `last` (not included) of an epoch have."""
        begins = torch.arange(first, last) * self.recipe.batch_size
        return (len(self.batches.images) - begins).clamp(max=self.recipe.batch_size)

    def figures(self, first: int, last: int) -> tuple[list[float], list[float]]:
        """Loss and accuracy of the steps `first` to `last` (not included) of the epoch. Waits for the device."""
        accuracy = self.correct[first:last].cpu() / self.batch_sizes(first, last)
        return self.losses[first:last].tolist(), accuracy.tolist()

    def epoch_figures(self) -> tuple[float, float]:
        """Mean loss and accuracy over the running epoch's images so far, each as it was when it was trained on."""
        sizes = self.batch_sizes(0, self.step_in_epoch)
        losses, correct = self.losses[: self.step_in_epoch].cpu(), self.correct[: self.step_in_epoch].cpu()
        images = int(sizes.sum())
        return (losses.double() @ sizes.double()).item() / images, int(correct.sum()) / images

    def state_dict(self) -> dict[str, Any]:
        """Tensors (those of the network itself, no copies), numbers, texts, lists and dicts, nothing else."""
        return {
            **self._step.state_dict(),
            "epoch": self.epoch,
            "step_in_epoch": self.step_in_epoch,
            "losses": self.losses[: self.step_in_epoch].clone(),
            "correct": self.correct[: self.step_in_epoch].clone(),
            "best_validation": self.best_validation,
            "train_seconds": self.train_seconds,
            "epoch_seconds": self.epoch_seconds,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes back to where that state was taken, of the same recipe, images and seed."""
        self.epoch = state["epoch"]
        self.step_in_epoch = state["step_in_epoch"]
        self.losses[: self.step_in_epoch] = state["losses"]
        self.correct[: self.step_in_epoch] = state["correct"]
        self.best_validation = state["best_validation"]
        self.train_seconds = state["train_seconds"]
        self.epoch_seconds = state["epoch_seconds"]
        self._step.load_state_dict(state)

    def _rate_factor(self, step: int) -> float:
        return rate_factor(self.recipe, step, self.recipe.epochs * self.steps_per_epoch)
