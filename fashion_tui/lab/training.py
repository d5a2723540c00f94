"""The training loop, and everything that decides its next step."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from fashion_tui.schema.recipe import Recipe
from fashion_tui.schema.requests import WrittenNetwork

from .datasets import ImageBatches, Images
from .randomness import random_state, seed_everything, set_random_state
from .recipes import autocast, optimizers_for, precision_on, rate_factor
from .written import network_for


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

    def __init__(
        self,
        recipe: Recipe,
        images: Images,
        *,
        device: torch.device,
        seed: int,
        network: WrittenNetwork | None = None,
    ) -> None:
        """`network`: one that a person has written, in the place of the recipe's; its code is executed."""
        seed_everything(seed)
        self.recipe = recipe
        self.device = device
        self.precision = precision_on(device, recipe)
        self.model = network_for(recipe, network).to(device)
        self.optimizers = optimizers_for(recipe, self.model)
        self._rates = [[group["lr"] for group in one.param_groups] for one in self.optimizers]
        """Of each optimiser's groups, before the schedule."""
        self.batches = ImageBatches(images.to(device), recipe, seed=seed)

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

    def steps(self) -> Iterator[int]:
        """Trains on what is left of the running epoch; after each step yields the number of steps made in all."""
        self.model.train()
        mixed_precision = autocast(self.device, self.precision)
        for images, labels in self.batches.epoch(self.epoch, first_step=self.step_in_epoch):
            self._follow_schedule()
            for optimizer in self.optimizers:
                optimizer.zero_grad()
            with mixed_precision:
                logits = self.model(images).float()
                loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
            loss.backward()
            for optimizer in self.optimizers:
                optimizer.step()

            self._keep_figures(loss.detach(), logits.detach(), labels)
            self.step_in_epoch += 1
            yield self.step

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
        return self.recipe.learning_rate * rate_factor(self.recipe, step, self.recipe.epochs * self.steps_per_epoch)

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
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "epoch": self.epoch,
            "step_in_epoch": self.step_in_epoch,
            "losses": self.losses[: self.step_in_epoch].clone(),
            "correct": self.correct[: self.step_in_epoch].clone(),
            "best_validation": self.best_validation,
            "train_seconds": self.train_seconds,
            "epoch_seconds": self.epoch_seconds,
            "random": random_state(self.device),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes back to where that state was taken, of the same recipe, images and seed."""
        self.model.load_state_dict(state["model"])
        for optimizer, its_state in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(its_state)
        self.epoch = state["epoch"]
        self.step_in_epoch = state["step_in_epoch"]
        self.losses[: self.step_in_epoch] = state["losses"]
        self.correct[: self.step_in_epoch] = state["correct"]
        self.best_validation = state["best_validation"]
        self.train_seconds = state["train_seconds"]
        self.epoch_seconds = state["epoch_seconds"]
        set_random_state(state["random"], self.device)  # last: whatever came before may have drawn

    def _follow_schedule(self) -> None:
        factor = rate_factor(self.recipe, self.step, self.recipe.epochs * self.steps_per_epoch)
        for optimizer, rates in zip(self.optimizers, self._rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor

    def _keep_figures(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        self.losses[self.step_in_epoch] = loss
        self.correct[self.step_in_epoch] = (logits.argmax(dim=1) == labels).sum()
