"""Which predictions the Evaluate pane shows as images."""

from dataclasses import dataclass, replace

from fashion_tui.schema.evaluation import PredictionOrder

ORDERS: tuple[PredictionOrder, ...] = ("loss", "confidence", "margin", "index")
"""The orders of the predictions, in the sequence in which a key cycles through them."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which predictions are shown, and in which order."""

    wrong_only: bool = True
    truth: int | None = None
    """Label of the true class, or None for all classes."""
    predicted: int | None = None
    order: PredictionOrder = "loss"

    @property
    def is_pair(self) -> bool:
        """Whether the predictions are those of one cell of the confusion matrix, correct or not."""
        return self.truth is not None and self.predicted is not None

    @property
    def has_classes(self) -> bool:
        return self.truth is not None or self.predicted is not None

    def of_classes(self, truth: int | None, predicted: int | None) -> "Selection":
        return replace(self, truth=truth, predicted=predicted)

    def toggled(self) -> "Selection":
        """Return all predictions by index or, if they are selected already, wrong ones, highest loss first."""
        return replace(self, wrong_only=not self.wrong_only, order="index" if self.wrong_only else "loss")

    def with_next_order(self) -> "Selection":
        return replace(self, order=ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)])
