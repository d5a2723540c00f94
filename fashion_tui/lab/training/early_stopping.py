"""Stop training when the network no longer improves on the validation set."""

import math
from typing import Any

from fashion_tui.schema.evaluation import Metrics
from fashion_tui.schema.recipe import Recipe


class EarlyStopping:
    """Decides after each epoch whether training should end, like `EarlyStopping` in Keras and Lightning.

    An epoch counts as an improvement if its metric beats the best one so far by more than the recipe's minimum change.
    Training ends after `patience` epochs in a row without an improvement.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._metric = recipe.early_stopping
        self._patience = recipe.patience
        self._min_change = recipe.min_change
        self._best: float | None = None
        self._best_epoch = 0
        """The last epoch that was an improvement, or 0. Epochs are counted from 1."""

    def add(self, epoch: int, validation: Metrics | None) -> None:
        """Add the validation metrics of an epoch, or None if the network's outputs were NaN or infinite."""
        if self._metric == "none" or validation is None:
            return
        value = validation.loss if self._metric == "loss" else validation.accuracy
        if self._best is None:
            improvement = math.nan if math.isnan(value) else math.inf
        else:
            improvement = self._best - value if self._metric == "loss" else value - self._best
        if improvement > self._min_change:
            self._best, self._best_epoch = value, epoch

    def reason_to_stop(self, epoch: int) -> str | None:
        """Return why training should end after this epoch, or None if it should continue."""
        if self._metric == "none" or epoch - self._best_epoch < self._patience:
            return None
        if self._best is None:
            return f"the validation {self._metric} is unknown"
        return f"the validation {self._metric} hasn't improved since epoch {self._best_epoch}"

    def restart(self, epoch: int) -> None:
        """Restart the count of epochs without improvement at this epoch."""
        self._best_epoch = epoch

    def state_dict(self) -> dict[str, Any]:
        """Return the state after the last added epoch, as plain values."""
        return {"best": self._best, "best_epoch": self._best_epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._best, self._best_epoch = state["best"], state["best_epoch"]
