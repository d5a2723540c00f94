"""One step of a training: a batch goes through the network, back, and into the weights."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.lab.data.datasets import Batch, ImageBatches
from fashion_tui.lab.rng import rng_state, set_rng_state
from fashion_tui.schema.recipe import Recipe

from .optimizers import autocast, optimizers_for, precision_on

PIECE = 256
"""Images that go through the network at a time on a CPU: well below a second's work also for a large network."""


class Step:
    """Forward, backward and update.

    On a CPU a large batch goes through in pieces, its gradients summed before the update, so that whoever trains can
    be spoken to in between. Batch normalisation then normalises over a piece: the ghost batches of Hoffer et al. 2017,
    "Train longer, generalize better".
    """

    def __init__(
        self, model: nn.Module, recipe: Recipe, batches: ImageBatches, device: torch.device, *, compiled: bool
    ) -> None:
        """`compiled`: the network's forward and backward pass by `torch.compile`."""
        self.model = model
        self.recipe = recipe
        self.batches = batches
        self.device = device
        self.precision = precision_on(device, recipe)
        self.optimizers = optimizers_for(recipe, model)
        self._before: dict[str, Any] | None = None
        """Between two pieces: buffers and generators as they were before the step."""
        self._compiled = torch.compile(model, dynamic=False) if compiled else None
        self._piece = PIECE if device.type == "cpu" else recipe.batch_size

    def __call__(self, batch: Batch, between: Callable[[], None]) -> tuple[Tensor, Tensor]:
        """The batch's mean loss and how many of its images were classified rightly, both before the update.

        `between` is called between two pieces. Where it raises, the step isn't made.
        """
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        pieces = self.pieces(batch)
        if len(pieces) > 1:
            self._before = {"buffers": _buffers(self.model), "random": rng_state(self.device)}
        losses, correct = [], []
        for number, piece in enumerate(pieces):
            if number:
                self._pause_for(between)
            loss, right = self._learn_from(piece, batch)
            losses.append(loss)
            correct.append(right)
        self._before = None
        for optimizer in self.optimizers:
            optimizer.step()
        return torch.stack(losses).sum(), torch.stack(correct).sum()

    def pieces(self, batch: Batch) -> list[Batch]:
        """What goes through the network at a time: as few parts as may be, of equal size but for one image."""
        count = math.ceil(len(batch.labels) / self._piece)
        return [Batch(*parts) for parts in zip(*(part.tensor_split(count) for part in batch), strict=True)]

    def set_learning_rates(self, factor: float) -> None:
        """To so much of what they are at the schedule's top. In place where they are tensors, which a graph reads."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                rate = group["top_rate"] * factor
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate

    def state_dict(self) -> dict[str, Any]:
        """Of network, optimisers and generators; between the pieces of a step, as they were before it.

        Of the optimisers moments and counts alone: how they work is the recipe's and the device's.
        """
        before = self._before or {"buffers": {}, "random": rng_state(self.device)}
        return {
            "model": self.model.state_dict() | before["buffers"],
            "optimizers": [optimizer.state_dict()["state"] for optimizer in self.optimizers],
            "random": before["random"],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """As `state_dict` gave it, of the same recipe."""
        self.model.load_state_dict(state["model"])
        for optimizer, its_state in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(optimizer.state_dict() | {"state": its_state})
        set_rng_state(state["random"], self.device)  # last: whatever came before may have drawn

    def _pause_for(self, between: Callable[[], None]) -> None:
        """Where `between` raises, all is as it was before the step."""
        try:
            between()
        except BaseException:
            if self._before is not None:
                self.model.load_state_dict(self._before["buffers"], strict=False)
                set_rng_state(self._before["random"], self.device)
                self._before = None
            raise

    def _learn_from(self, piece: Batch, batch: Batch) -> tuple[Tensor, Tensor]:
        """Adds the piece's gradients, and gives its part of the batch's mean loss, and its right answers."""
        is_full = len(batch.labels) == self.recipe.batch_size  # a smaller one isn't worth a compilation of its own
        forward = self._compiled if self._compiled is not None and is_full else self.model
        share = len(piece.labels) / len(batch.labels)
        images = self.batches.prepare(piece)
        with autocast(self.device, self.precision):
            logits = forward(images).float()
            loss = F.cross_entropy(logits, piece.labels, label_smoothing=self.recipe.label_smoothing) * share
        loss.backward()
        return loss.detach(), (logits.detach().argmax(dim=1) == piece.labels).sum()


def _buffers(model: nn.Module) -> dict[str, Tensor]:
    """Copies of what a forward pass changes, by their names in the state."""
    parameters = {name for name, _ in model.named_parameters()}
    return {name: tensor.clone() for name, tensor in model.state_dict().items() if name not in parameters}
