"""The network that is being trained, and its state between steps, which can be saved, restored and rolled back."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from fashion_tui.lab.networks.build import build_network, build_trainable, can_train_on_one_image, move_network
from fashion_tui.lab.networks.extra_state import ExtraState, Snapshot
from fashion_tui.lab.networks.fine_tuning import FineTunedNetwork, can_train_on_one
from fashion_tui.lab.networks.pretrained import WeightsFile, load_weights
from fashion_tui.lab.networks.weight_check import check_weights
from fashion_tui.lab.rng import rng_state, set_rng_state
from fashion_tui.schema.dataset import ImageTask
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import Recipe, is_fine_tuned

from .averaging import WeightAverage, batch_norm_statistics
from .checkpoint import preserve_state, without_extra_states


class NetworkState:
    """A network with its averaged weights and the state of the random generators.

    Steps and evaluations can be interruptible: while one runs, `state_dict` returns the state from before it, and if it
    raises an error, its changes are rolled back.
    """

    def __init__(
        self,
        recipe: Recipe,
        custom: CustomModel | None,
        task: ImageTask,
        device: torch.device,
        weights: WeightsFile | None = None,
    ) -> None:
        """Build the recipe's network, or the custom model that replaces it, for a task, and move it to the device.

        `weights`, if given, replaces the random weights of a network that is fine-tuned.
        """
        self.device = device
        self._extra: ExtraState | None = None
        self._unsavable: tuple[str, ...] = ()
        if custom is None:
            network = build_network(recipe, None, task)
            if weights is not None and isinstance(network, FineTunedNetwork):
                load_weights(network, weights, recipe.model)
            self.model = move_network(network, device)
        else:
            trainable = build_trainable(custom, task)
            self.model, self._unsavable = move_network(trainable.network, device), trainable.unsavable
            self._extra = ExtraState(self.model)
        self.average = WeightAverage(self.model, recipe.ema_decay) if recipe.ema_decay else None
        """The averaged weights, or None if the recipe doesn't average them."""
        self._before: dict[str, Any] | None = None
        """Buffers and RNG state from before the current interruptible block, or None outside such a block."""
        self._extra_before: Snapshot | None = None
        """Extra state of a custom model from before the current interruptible block, or None."""

    @property
    def is_custom(self) -> bool:
        """Whether the network is a custom model, whose code may have side effects."""
        return self._extra is not None

    @property
    def unsavable(self) -> tuple[str, ...]:
        """Names of a custom model's values that change during training but can't be saved."""
        if self._extra is None:
            return ()
        return tuple(dict.fromkeys((*self._unsavable, *self._extra.unsavable(self._extra_snapshot(self._extra)))))

    def state_dict(self) -> dict[str, Any]:
        """Return the state after the last completed step, as tensors and plain values. The weights aren't copied."""
        before = self._before or {"model": {}, "random": rng_state(self.device)}
        replaced = {} if self.average is None else self.average.replaced
        return {
            "model": without_extra_states(self.model.state_dict()) | before["model"] | replaced,
            **({} if self.average is None else {"averaged": self.average.state_dict()}),
            **({} if self._extra is None else {"extra": self._extra.save(self._extra_snapshot(self._extra))}),
            "random": before["random"],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state returned by `state_dict`. Raises WrongWeights if the weights don't fit."""
        if self._extra is not None and "extra" in state:
            self._extra.load(state["model"], state["extra"])
        else:
            check_weights(self.model.state_dict(), state["model"])
            self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["averaged"])
        set_rng_state(state["random"], self.device)  # last, because loading the model may draw random numbers

    @contextmanager
    def preserved_extra_state(self) -> Iterator[None]:
        """Restore the extra state of a custom model when the `with` block exits."""
        snapshot = None if self._extra is None else self._extra.capture()
        try:
            yield
        finally:
            if self._extra is not None and snapshot is not None:
                self._extra.roll_back(snapshot)

    @contextmanager
    def interruptible(self, *, roll_back: bool = False) -> Iterator[None]:
        """Roll back the buffers, the RNG state and the extra state if the `with` block raises an error.

        The block may be a step or an evaluation. Inside the block, `state_dict` returns the state from before it. If
        `roll_back` is True, the state is rolled back even without an error.
        """
        try:
            with preserve_state(self.model, self.device, only_on_error=not roll_back) as before:
                self._before = before
                if self._extra is None:
                    yield
                    return
                extra = self._extra_before = self._extra.capture()
                try:
                    yield
                except BaseException:
                    # `preserve_state` can't restore a buffer whose shape has changed, so restore the shapes first.
                    self._extra.roll_back(extra)
                    raise
                if roll_back:
                    self._extra.roll_back(extra)
        finally:
            self._before = self._extra_before = None

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """In the `with` block, use the averaged weights if the recipe averages them. The block is interruptible."""
        with self.interruptible(), nullcontext() if self.average is None else self.average.applied():
            yield

    def update_statistics(self, batches: Iterable[Tensor]) -> None:
        """Compute the batch normalisation statistics of the averaged weights over batches of images."""
        if self.average is not None:
            with self.interruptible(roll_back=True), self.average.applied():
                self.average.statistics = batch_norm_statistics(self.model, batches)

    def _extra_snapshot(self, extra: ExtraState) -> Snapshot:
        """Return the extra state after the last completed step."""
        return self._extra_before or extra.capture()


def min_last_batch(recipe: Recipe, custom: CustomModel | None, task: ImageTask, images: int) -> int:
    """Return the minimum size of an epoch's last batch; some networks can't be trained on a single image.

    Raises UsageError if the model needs more than one image and the batch size is 1.
    """
    has_single_image = images % recipe.batch_size == 1 % recipe.batch_size
    if not has_single_image or _can_train_on_one_image(recipe, custom, task):
        return 1
    if recipe.batch_size == 1:
        name = recipe.model if custom is None else custom.class_name
        raise UsageError(f"{name} can't be trained on a batch of one image; choose a batch size above 1")
    return 2


def _can_train_on_one_image(recipe: Recipe, custom: CustomModel | None, task: ImageTask) -> bool:
    if custom is not None:
        return can_train_on_one_image(custom, task)
    return not is_fine_tuned(recipe) or can_train_on_one(recipe, task)
