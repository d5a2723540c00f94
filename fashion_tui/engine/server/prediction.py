"""The handler for predictions for image files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fashion_tui.data.decoding import UnreadableImage, decode
from fashion_tui.data.preprocessing import Target
from fashion_tui.lab.devices import free_memory
from fashion_tui.lab.evaluation.metrics import predict_logits
from fashion_tui.lab.evaluation.prediction import prepare, top_classes
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.prediction import FailedImage, Novelty, Predicted, PredictedImage, PreprocessingStep
from fashion_tui.schema.requests import Predict
from fashion_tui.schema.run import RunConfig
from fashion_tui.trained_run import TrainedRun

from .cache import Cache
from .connection import CallContext
from .novelty import measure_novelty
from .runs import network_on_device, run_dataset


@dataclass(frozen=True)
class _Prepared:
    """An image that is ready for the network."""

    image: str
    """Path of the file."""
    pixels: Tensor
    """uint8 `[C, H, W]`."""
    steps: tuple[PreprocessingStep, ...]


def predict_images(request: Predict, call: CallContext, cache: Cache) -> Predicted:
    with TrainedRun.open(Path(request.run_path), request.checkpoint) as trained:
        images = [_prepare(image, trained.config) for image in request.images]
        prepared = [image for image in images if isinstance(image, _Prepared)]
        answers, obstacle = _predict(prepared, trained, call, cache) if prepared else ([], None)
        remaining = iter(answers)
        return Predicted(
            run=trained.run.id,
            dataset=trained.config.dataset.name,
            checkpoint=str(trained.checkpoint_file),
            step=trained.checkpoint.step,
            epoch=trained.checkpoint.epoch,
            images=tuple(next(remaining) if isinstance(image, _Prepared) else image for image in images),
            novelty_obstacle=obstacle,
        )


def _prepare(image: str, config: RunConfig) -> _Prepared | FailedImage:
    """Read an image file, and convert it to the network's input."""
    target = Target(config.image_shape, config.dataset.fit or "pad", config.border)
    try:
        pixels, steps = prepare(decode(Path(image)), target, config.recipe)
    except UnreadableImage as error:
        return FailedImage(image=image, error=str(error))
    return _Prepared(image, pixels, steps)


def _predict(
    prepared: Sequence[_Prepared], trained: TrainedRun, call: CallContext, cache: Cache
) -> tuple[list[PredictedImage | FailedImage], str | None]:
    """Return a result for each image, and why the novelty is unknown, or None if it is known."""
    pixels = [image.pixels for image in prepared]
    batch = torch.stack(pixels if len(pixels) > 1 else pixels * 2)  # some networks fail on a batch of one image
    logits = _logits(batch, trained, call)
    novelties: Sequence[Novelty | None] = [None] * len(batch)
    obstacle = None
    try:
        dataset = run_dataset(trained.config, cache)
        novelties = measure_novelty(batch, trained, dataset, call)
    except UserError as error:
        obstacle = str(error)
    answers = zip(prepared, logits[: len(prepared)], novelties[: len(prepared)], strict=True)
    return [_answer(*each, trained.config) for each in answers], obstacle


def _logits(batch: Tensor, trained: TrainedRun, call: CallContext) -> Tensor:
    """Return the logits of images, float32 `[N, classes]`."""
    network, device = network_on_device(trained, call)
    try:
        return predict_logits(
            network, batch, trained.config.recipe, device,
            interruptible=call.interruptible, classes=trained.config.task.classes,
        )  # fmt: skip
    finally:
        del network
        free_memory(device)  # so that trainers and other processes can use the memory


def _answer(
    image: _Prepared, logits: Tensor, novelty: Novelty | None, config: RunConfig
) -> PredictedImage | FailedImage:
    top = top_classes(logits, config.classes)
    if top is None:
        return FailedImage(image=image.image, error="the network's outputs for it aren't numbers")
    return PredictedImage(image=image.image, steps=image.steps, top=top, novelty=novelty)
