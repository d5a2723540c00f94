"""Evaluate the network during and after training."""

from collections.abc import Callable

from torch import Tensor

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.evaluation.metrics import accuracy_with_flips, evaluate, predict_logits
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.evaluation import Metrics

from .reporting import EventLog


class Evaluation:
    """Evaluates the network that is being trained, with the averaged weights if there are any."""

    def __init__(self, training: Training, classes: tuple[str, ...], log: EventLog, poll: Callable[[], None]) -> None:
        """`classes` are the names of the data set's classes. `poll` is called between batches to handle requests."""
        self._training = training
        self._classes = classes
        self._log = log
        self._poll = poll

    def evaluate(self, images: Images, part: str) -> tuple[Metrics, Tensor]:
        """Return the metrics on these images and their logits, float32 `[N, classes]`.

        If some outputs aren't numbers, report it. `part` is the part of the data set: `validation` or `test`.
        """
        logits = self._logits(images)
        metrics = evaluate(logits, images.labels, self._classes)
        if metrics.invalid:
            self._log.report(
                f"the outputs of {self._training.recipe.model} in evaluation mode aren't numbers for "
                f"{metrics.invalid:,} of {metrics.n:,} {part} images, so the {part} accuracy is unknown"
            )
        return metrics, logits

    def accuracy_with_flips(self, images: Images, logits: Tensor) -> float:
        """Return the accuracy of the predictions averaged over each image and its mirror image.

        `logits` are the outputs for the original images.
        """
        return accuracy_with_flips(logits, self._logits(images, flipped=True), images.labels)

    def _logits(self, images: Images, *, flipped: bool = False) -> Tensor:
        with self._training.evaluation():
            return predict_logits(
                self._training.model,
                images.pixels,
                self._training.recipe,
                self._training.device,
                flipped=flipped,
                progress=lambda _done, _total: self._poll(),
                report=self._log.report,
                classes=len(self._classes),
            )
