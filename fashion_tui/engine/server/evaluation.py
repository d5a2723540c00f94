"""Handlers that evaluate runs: metrics and pages of predictions."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from fashion_tui.lab.data.datasets import Dataset, Images, hold_out
from fashion_tui.lab.devices import free_memory
from fashion_tui.lab.evaluation.metrics import (
    Cancelled,
    accuracy_with_flips,
    evaluate,
    has_probabilities,
    predict_logits,
)
from fashion_tui.lab.evaluation.prediction_order import sorted_indices
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.evaluation import Evaluation, EvaluationSplit, Prediction, PredictionPage
from fashion_tui.schema.requests import Evaluate, GetPredictions
from fashion_tui.schema.run import RunConfig
from fashion_tui.trained_run import TrainedRun

from .cache import Cache
from .connection import CallContext, RequestCancelled
from .result_keys import network_key, result_key
from .runs import network_on_device, run_dataset


@dataclass(frozen=True)
class Parts:
    """The images on which a run is evaluated, and the images that may be used to fit a model for comparison."""

    training: Images
    evaluated: Images
    first_index: int
    """Index of the first evaluated image in the test set or, for held-out images, in the training set."""
    held_out: int | None
    """Number of held-out images, or None for the test set."""


def parts_of(dataset: Dataset, config: RunConfig, split: EvaluationSplit) -> Parts:
    """Return the images of a split. Raises UserError if there are none."""
    if split == "test":
        if not len(dataset.test):
            raise UserError(f"{dataset.ref.short_name} has no test images")
        return Parts(dataset.train, dataset.test, 0, None)
    if not config.validation:
        raise UserError(f"{config.run} held out no images; evaluate it on the test set, or train with --validation N")
    training, held_out = hold_out(dataset.train, config.validation)
    return Parts(training, held_out, len(training), len(held_out))


def open_evaluated(run_path: Path, checkpoint: str, cache: Cache) -> TrainedRun:
    """Open a run and find a checkpoint as in `TrainedRun.open`.

    If a live run has since removed a checkpoint that this process evaluated, the returned TrainedRun gives access to
    the cached results, but its weights can't be read.
    """
    try:
        trained = TrainedRun.open(run_path, checkpoint)
    except UserError:
        evaluated = cache.evaluated_checkpoint(run_path, checkpoint)
        if evaluated is None:
            raise
        return TrainedRun(Run(run_path), evaluated)
    cache.remember_checkpoint(run_path, trained.checkpoint)
    return trained


class EvaluatedRun:
    """A checkpoint with the images on which it is evaluated. The logits are computed on demand."""

    def __init__(self, trained: TrainedRun, split: EvaluationSplit, call: CallContext, cache: Cache) -> None:
        """Read the data set. Raises UserError if it is missing or has changed, or if the split has no images."""
        self._trained = trained
        self._call = call
        self._cache = cache
        self.dataset = run_dataset(trained.config, cache)
        self.parts = parts_of(self.dataset, trained.config, split)
        self.images = self.parts.evaluated

    def key(self, kind: str, *parts: object) -> str:
        """Return the key of a cached result that depends on the network, the images and these parts."""
        return result_key(kind, network_key(self._trained), self.dataset.ref.sha256, self.parts.held_out, *parts)

    def logits(self, *, flipped: bool = False) -> Tensor:
        """Return the logits of the images or of their mirror images, float32 `[N, C]`. They are computed only once."""
        key = self.key("logits", flipped)
        logits = self._cache.logits(key)
        if logits is None:
            logits = compute_logits(self._trained, self.images.pixels, self._call, flipped=flipped)
            self._cache.add_logits(key, logits)
        return logits


def compute_logits(trained: TrainedRun, pixels: Tensor, call: CallContext, *, flipped: bool) -> Tensor:
    """Return the logits of uint8 images or of their mirror images, float32 `[N, C]`.

    Executes the code of a custom model.
    """
    network, device = network_on_device(trained, call)
    try:
        return predict_logits(
            network,
            pixels,
            trained.config.recipe,
            device,
            flipped=flipped,
            progress=call.progress,
            should_stop=call.cancelled,
            interruptible=call.interruptible,
            classes=trained.config.task.classes,
        )
    except Cancelled:
        raise RequestCancelled from None
    finally:
        del network
        free_memory(device)  # so that trainers and other processes can use the memory


def evaluate_run(request: Evaluate, call: CallContext, cache: Cache) -> Evaluation:
    with open_evaluated(Path(request.run_path), request.checkpoint, cache) as trained:
        evaluated = EvaluatedRun(trained, request.split, call, cache)
        logits, labels = evaluated.logits(), evaluated.images.labels
        flips = trained.config.recipe.flip != "none"
        return Evaluation(
            run=trained.run.id,
            dataset=evaluated.dataset.ref.name,
            split=request.split,
            checkpoint=str(trained.checkpoint_file),
            step=trained.checkpoint.step,
            epoch=trained.checkpoint.epoch,
            accuracy_with_flips=accuracy_with_flips(logits, evaluated.logits(flipped=True), labels) if flips else None,
            **msgspec.structs.asdict(evaluate(logits, labels, evaluated.dataset.classes)),
        )


def get_predictions(request: GetPredictions, call: CallContext, cache: Cache) -> PredictionPage:
    with open_evaluated(Path(request.run_path), request.checkpoint, cache) as trained:
        evaluated = EvaluatedRun(trained, request.split, call, cache)
        logits, images = evaluated.logits(), evaluated.images
        indices = _selected(request, logits, images.labels, evaluated.parts.first_index)
        page = indices[request.offset : request.offset + request.limit]
        probabilities = logits[page].double().softmax(dim=1)
        return PredictionPage(
            predictions=tuple(
                Prediction(
                    index=evaluated.parts.first_index + index,
                    truth=int(images.labels[index]),
                    probabilities=tuple(row),
                    pixels=images.pixels[index].contiguous().numpy().tobytes(),
                    image_shape=images.shape,
                )
                for index, row in zip(page.tolist(), probabilities.tolist(), strict=True)
            ),
            total=len(indices),
        )


def _selected(request: GetPredictions, logits: Tensor, labels: Tensor, first_index: int) -> Tensor:
    """Return the indices of the images that pass the request's filters, in the requested order.

    `first_index` is the index of the first image in the test or training set.
    """
    predicted, is_valid = logits.argmax(dim=1), has_probabilities(logits)
    selected = torch.ones(len(labels), dtype=torch.bool)
    if request.indices is not None:
        wanted = torch.tensor(request.indices, dtype=torch.int64) - first_index
        selected = torch.isin(torch.arange(len(labels)), wanted)
    if request.outcome != "all":
        is_correct = (predicted == labels) & is_valid
        selected &= is_correct == (request.outcome == "correct")
    if request.truth is not None:
        selected &= labels == request.truth
    if request.predicted is not None:
        selected &= (predicted == request.predicted) & is_valid
    indices = selected.nonzero().flatten()
    return indices[sorted_indices(logits[indices], labels[indices], request.sort)]
