"""Compute the predictions of a network and their metrics."""

import copy
import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.lab.data.datasets import batch_sizes
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.devices import free_memory
from fashion_tui.lab.errors import is_out_of_memory
from fashion_tui.lab.networks.forward import check_logits, explained
from fashion_tui.schema.evaluation import Averages, ClassReport, Metrics
from fashion_tui.schema.recipe import Recipe, is_fine_tuned

from .calibration import calibration_error, reliability_bins
from .intervals import wilson_interval

BATCH_SIZE = 500
"""Number of images per batch. Evaluating a batch takes a fraction of a second, even for a large network on a CPU."""

FINE_TUNED_BATCH_SIZE = 32
"""Number of images per batch for torchvision's networks, because their images and feature maps are large."""

MIN_BATCH_SIZE = 32
"""Minimum batch size on a GPU. If even such a batch doesn't fit in memory, the network is evaluated on the CPU."""


def evaluation_batch_size(recipe: Recipe) -> int:
    """Return the number of images per batch with which a recipe's network is evaluated."""
    return FINE_TUNED_BATCH_SIZE if is_fine_tuned(recipe) else BATCH_SIZE


class Cancelled(Exception):
    """Raised when the evaluation is cancelled."""


class Pixels(Protocol):
    """Images that are read in batches: a tensor, or images that are selected from a set larger than the memory."""

    def __len__(self) -> int: ...

    def split(self, sizes: list[int], /) -> Iterable[Tensor]:
        """Return batches of these sizes, uint8 `[B, C, H, W]`."""


def predict_logits(  # noqa: PLR0913
    model: nn.Module,
    pixels: Pixels,
    recipe: Recipe,
    device: torch.device,
    *,
    flipped: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
    report: Callable[[str], None] = warnings.warn,
    interruptible: Callable[[], AbstractContextManager[None]] = nullcontext,
    classes: int | None = None,
) -> Tensor:
    """Return the logits for uint8 images `[N, C, H, W]`, as float32 `[N, classes]` on the CPU.

    The images are normalised with the mean and the standard deviation of `recipe`. If `flipped` is True, the network
    gets their mirror images. It runs in evaluation mode and in float32. On exit, its previous mode is restored.

    `progress` is called after each batch with the number of completed images and the total number of images.
    `should_stop` is called before each batch. If it returns True, Cancelled is raised.

    The network's code runs in the context that `interruptible` returns, which may raise an exception to interrupt it.

    If a GPU runs out of memory, the batch size is halved. If even small batches don't fit, `report` is called with a
    message, and the network is evaluated on the CPU.

    Raises UserError if the network's code fails or, if `classes` is given, if the network doesn't return that many
    logits for each image.
    """
    was_training = model.training
    model.eval()
    predict = _Predictor(model, recipe, device, report, interruptible, classes)
    logits, done = torch.empty(0), 0
    try:
        with torch.no_grad():  # inference_mode would break models that keep tensors and later train with them
            for batch in pixels.split(batch_sizes(len(pixels), evaluation_batch_size(recipe), min_last=2)):
                if should_stop():
                    raise Cancelled
                part = predict(batch.flip(-1) if flipped else batch)
                if not done:  # allocated once, because keeping a tensor per batch would fragment the memory
                    logits = part.new_empty(len(pixels), *part.shape[1:])
                logits[done : done + len(part)] = part
                done += len(part)
                progress(done, len(pixels))
    finally:
        model.train(was_training)
    return logits[:done]


class _Predictor:
    """Runs a network on batches of images. If a GPU runs out of memory, the batches become smaller.

    If even small batches don't fit, the CPU is used.
    """

    def __init__(  # noqa: PLR0913
        self,
        model: nn.Module,
        recipe: Recipe,
        device: torch.device,
        report: Callable[[str], None],
        interruptible: Callable[[], AbstractContextManager[None]],
        classes: int | None,
    ) -> None:
        self._model = model
        self._recipe = recipe
        self._device = device
        self._report = report
        self._interruptible = interruptible
        self._classes = classes
        self._batch_size = evaluation_batch_size(recipe)

    def __call__(self, batch: Tensor) -> Tensor:
        while True:
            try:
                parts = batch.split(batch_sizes(len(batch), self._batch_size, min_last=2))
                return torch.cat([self._logits(part) for part in parts])
            except RuntimeError as error:
                if self._device.type == "cpu" or not is_out_of_memory(error):
                    raise
            # Free the memory outside the `except` block, in which the error's traceback keeps tensors alive.
            free_memory(self._device)
            if self._batch_size // 2 >= MIN_BATCH_SIZE:
                self._batch_size //= 2
            else:
                self._report(f"{self._device} has too little memory to evaluate the network, so the CPU is used")
                self._model, self._device = copy_to_cpu(self._model), torch.device("cpu")

    def _logits(self, pixels: Tensor) -> Tensor:
        images = normalise(pixels.to(self._device), self._recipe.mean, self._recipe.std)
        with self._interruptible(), explained(self._model, images):
            logits: Tensor = self._model(images)
        if self._classes is not None:
            check_logits(logits, images, self._classes, self._model)
        return logits.float().cpu()


def copy_to_cpu(model: nn.Module) -> nn.Module:
    """Copy a network to the CPU, without allocating memory on the network's device.

    The network itself isn't moved, because a CUDA graph may still use its memory.
    """
    copies: dict[int, object] = {}
    for tensor in (*model.parameters(), *model.buffers()):
        moved = tensor.detach().cpu()
        is_parameter = isinstance(tensor, nn.Parameter)
        copies[id(tensor)] = nn.Parameter(moved, requires_grad=tensor.requires_grad) if is_parameter else moved
    return copy.deepcopy(model, copies)


def evaluate(logits: Tensor, labels: Tensor, classes: Sequence[str]) -> Metrics:
    """Return the metrics of logits `[N, C]`, given the labels `[N]`. N must be at least 1.

    If logits contain NaN or infinity, their softmax may be NaN. If this happens for any image, all scores are NaN, and
    the confusion matrix leaves out these images.
    """
    logits, labels = logits.cpu().double(), labels.cpu()  # mps has no float64
    predictions = logits.argmax(dim=1)
    is_valid = has_probabilities(logits)
    if not is_valid.all():
        confusion = confusion_matrix(predictions[is_valid], labels[is_valid], len(classes))
        return _without_scores(labels, classes, confusion, int((~is_valid).sum()))
    confusion = confusion_matrix(predictions, labels, len(classes))
    correct = int((predictions == labels).sum())
    reports = tuple(class_report(name, index, confusion) for index, name in enumerate(classes))
    reliability = reliability_bins(logits.softmax(dim=1), labels)
    return Metrics(
        n=len(labels),
        accuracy=correct / len(labels),
        interval=wilson_interval(correct, len(labels)),
        top2=top_accuracy(logits, labels, 2),
        loss=F.cross_entropy(logits, labels).item(),
        ece=calibration_error(reliability),
        reliability=reliability,
        macro=averages(reports, [1.0 if is_present else 0.0 for is_present in _present_classes(confusion)]),
        weighted=averages(reports, [report.support for report in reports]),
        per_class=reports,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def top_accuracy(logits: Tensor, labels: Tensor, k: int) -> float:
    """Return the fraction of images whose class is among the `k` classes with the highest logits.

    If there are at most `k` classes, the result is 1.
    """
    top = logits.topk(min(k, logits.shape[1])).indices
    return (top == labels[:, None]).any(dim=1).double().mean().item()


def accuracy_with_flips(logits: Tensor, flipped_logits: Tensor, labels: Tensor) -> float:
    """Return the accuracy of the mean probabilities of each image and its mirror image.

    `logits` and `flipped_logits`, both `[N, C]`, are the outputs for the images and for their mirror images. The result
    is NaN if a probability is NaN.
    """
    probabilities = logits.softmax(dim=1) + flipped_logits.softmax(dim=1)
    if probabilities.isnan().any():
        return math.nan
    return (probabilities.argmax(dim=1) == labels).double().mean().item()


def has_probabilities(logits: Tensor) -> Tensor:
    """Return a mask, bool `[N]`, that is True for each row of the logits `[N, C]` whose softmax contains no NaN."""
    return ~logits.softmax(dim=1).isnan().any(dim=1)


def _without_scores(labels: Tensor, classes: Sequence[str], confusion: Tensor, invalid: int) -> Metrics:
    support = torch.bincount(labels, minlength=len(classes)).tolist()
    return Metrics(
        n=len(labels),
        accuracy=math.nan,
        interval=(math.nan, math.nan),
        top2=math.nan,
        loss=math.nan,
        ece=math.nan,
        reliability=(),
        macro=Averages(precision=math.nan, recall=math.nan, f1=math.nan),
        weighted=Averages(precision=math.nan, recall=math.nan, f1=math.nan),
        per_class=tuple(
            ClassReport(name=name, precision=math.nan, recall=math.nan, f1=math.nan, support=count)
            for name, count in zip(classes, support, strict=True)
        ),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
        invalid=invalid,
    )


def confusion_matrix(predictions: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return the confusion matrix, int64 `[C, C]`. Rows are the true classes, and columns are the predicted classes."""
    return torch.bincount(labels * classes + predictions, minlength=classes**2).view(classes, classes)


def class_report(name: str, index: int, confusion: Tensor) -> ClassReport:
    """Return the precision, recall and F1 score of one class. A metric is 0 if its denominator is 0."""
    correct = confusion[index, index].item()
    predicted, support = confusion[:, index].sum().item(), confusion[index].sum().item()
    return ClassReport(
        name=name,
        precision=correct / predicted if predicted else 0.0,
        recall=correct / support if support else 0.0,
        f1=2 * correct / (predicted + support) if predicted + support else 0.0,
        support=int(support),
    )


def averages(reports: Sequence[ClassReport], weights: Sequence[float]) -> Averages:
    """Return the means of the classes' metrics with these weights, which don't need to sum to 1."""

    def mean(values: Iterable[float]) -> float:
        return math.fsum(weight * value for weight, value in zip(weights, values, strict=True)) / sum(weights)

    return Averages(
        precision=mean(report.precision for report in reports),
        recall=mean(report.recall for report in reports),
        f1=mean(report.f1 for report in reports),
    )


def _present_classes(confusion: Tensor) -> list[bool]:
    """Return for each class whether it occurs in the labels or in the predictions."""
    present: list[bool] = ((confusion.sum(dim=0) + confusion.sum(dim=1)) > 0).tolist()
    return present
