"""What a network makes of pictures that it has never seen, and how good that is."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.lab.data.datasets import normalise
from fashion_tui.schema.evaluation import ClassReport, Metrics
from fashion_tui.schema.recipe import Recipe

BATCH_SIZE = 500
"""Images at a time: a fraction of a second's work also for a large network on a CPU."""


class Cancelled(Exception):
    """Whoever asked for the work doesn't want it any more."""


def predict_logits(  # noqa: PLR0913
    model: nn.Module,
    pixels: Tensor,
    recipe: Recipe,
    device: torch.device,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Tensor:
    """The logits, float32 `[N, 10]` on the CPU, of uint8 pictures `[N, 1, 28, 28]`, in evaluation mode and in fp32.

    `progress` is told after each batch how many of all images are done. Cancelled as soon as `should_stop` says so.
    The network is left in the mode, training or evaluation, that it came in.
    """
    was_training = model.training
    model.eval()
    logits = []
    try:
        with torch.inference_mode():
            for batch in pixels.split(BATCH_SIZE):
                if should_stop():
                    raise Cancelled
                images = normalise(batch.to(device), recipe.mean, recipe.std)
                logits.append(model(images).float().cpu())
                progress(sum(map(len, logits)), len(pixels))
    finally:
        model.train(was_training)
    return torch.cat(logits)


def evaluate(logits: Tensor, labels: Tensor, classes: Sequence[str]) -> Metrics:
    """The figures of logits `[N, C]` for images of these classes `[N]`."""
    logits, labels = logits.double().cpu(), labels.cpu()
    predictions = logits.argmax(dim=1)
    confusion = confusion_matrix(predictions, labels, len(classes))
    return Metrics(
        n=len(labels),
        accuracy=(predictions == labels).double().mean().item(),
        top2=(logits.topk(2).indices == labels[:, None]).any(dim=1).double().mean().item(),
        loss=F.cross_entropy(logits, labels).item(),
        ece=calibration_error(logits.softmax(dim=1), labels),
        per_class=tuple(class_report(name, index, confusion) for index, name in enumerate(classes)),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def confusion_matrix(predictions: Tensor, labels: Tensor, classes: int) -> Tensor:
    """int64 `[C, C]`: how many images of a class (row) were taken for each class (column)."""
    return torch.bincount(labels * classes + predictions, minlength=classes**2).view(classes, classes)


def class_report(name: str, index: int, confusion: Tensor) -> ClassReport:
    """Precision, recall and their harmonic mean for one class."""
    right = confusion[index, index].item()
    predicted, support = confusion[:, index].sum().item(), confusion[index].sum().item()
    return ClassReport(
        name=name,
        precision=right / predicted if predicted else 0.0,
        recall=right / support if support else 0.0,
        f1=2 * right / (predicted + support) if predicted + support else 0.0,
        support=int(support),
    )


def calibration_error(probabilities: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Expected calibration error of probabilities `[N, C]`: how far confidence is from accuracy, in [0, 1].

    Images are put into equal bins by the confidence of their prediction; the bins' |accuracy - confidence| is averaged,
    weighted by their images (Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3).
    """
    confidence, predictions = probabilities.max(dim=1)
    right = (predictions == labels).double()
    place = (confidence * bins).long().clamp(max=bins - 1)
    gap = torch.zeros(bins, dtype=torch.float64).index_add_(0, place, right - confidence.double())
    return gap.abs().sum().item() / len(labels)
