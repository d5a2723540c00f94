"""Handlers for requests about trained runs: feature maps and weights."""

from pathlib import Path

import torch
from torch import nn

from fashion_tui.data.datasets import ChangedData
from fashion_tui.lab.data.datasets import Dataset
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.devices import choose_device, use_tf32
from fashion_tui.lab.errors import is_out_of_memory
from fashion_tui.lab.evaluation.feature_maps import as_images, as_planes, map_size, value_range
from fashion_tui.lab.evaluation.histograms import histogram
from fashion_tui.lab.networks.forward import check_logits, explained
from fashion_tui.lab.trace.activations import output_of_call
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.requests import GetFeatureMaps, GetTrainedWeights
from fashion_tui.schema.run import RunConfig
from fashion_tui.schema.weights import FeatureMaps, Histogram
from fashion_tui.trained_run import TrainedRun

from .cache import Cache
from .connection import CallContext


def get_feature_maps(request: GetFeatureMaps, call: CallContext, cache: Cache) -> FeatureMaps:
    with TrainedRun.open(Path(request.run_path), request.checkpoint) as trained:
        dataset, recipe = run_dataset(trained.config, cache), trained.config.recipe
        split = dataset.train if request.split == "train" else dataset.test
        if not 0 <= request.index < len(split):
            raise UsageError(f"image is {request.index}; it must be between 0 and {len(split) - 1:,}")
        pixels = split.pixels[request.index : request.index + 1]
        images = normalise(pixels, recipe.mean, recipe.std)
        with call.interruptible():
            network = trained.network().eval()
            with explained(network, images):
                output, logits = output_of_call(
                    network, images, path=request.path, op=request.op, occurrence=request.occurrence
                )
        logits = check_logits(logits, images, len(dataset.classes), network)
        shape = tuple(output.shape[1:]) if output.shape[:1] == (1,) else tuple(output.shape)
        planes = as_planes(output, shape)
        low, high = value_range(planes)
        size = map_size(dataset.info.image_shape)
        predicted = int(logits.argmax())
        return FeatureMaps(
            index=request.index,
            truth=dataset.classes[int(split.labels[request.index])],
            predicted=dataset.classes[predicted],
            image=pixels.contiguous().numpy().tobytes(),
            image_shape=dataset.info.image_shape,
            shape=shape,
            maps=as_images(planes[request.offset : request.offset + request.limit], low, high, size),
            map_size=size,
            total=len(planes),
            low=low,
            high=high,
            images=len(split),
        )


def get_trained_weights(request: GetTrainedWeights, _call: CallContext, _cache: Cache) -> tuple[Histogram, ...]:
    with TrainedRun.open(Path(request.run_path), request.checkpoint) as trained:
        weights = trained.weights()
    return tuple(
        histogram(name, values) for name, values in weights.items() if values.is_floating_point() and values.numel()
    )


def network_on_device(trained: TrainedRun, call: CallContext) -> tuple[nn.Module, torch.device]:
    """Build a run's network on the device on which it was trained. If that is impossible, build it on the CPU."""
    device = _device(trained.config)
    if device.type == "cuda":
        use_tf32()  # as the trainer does
    with call.interruptible():
        try:
            return trained.network(device), device
        except RuntimeError as error:
            if device.type == "cpu" or not is_out_of_memory(error):
                raise
        return trained.network(), torch.device("cpu")


def run_dataset(config: RunConfig, cache: Cache) -> Dataset:
    """Return the data set that the run was trained on.

    If the data set is no longer where it was, it is searched for as in `data.datasets.locate`. Raises UserError if it
    isn't found, or if its images have changed.
    """
    try:
        return cache.dataset(config.dataset)
    except ChangedData as error:
        raise UserError(f"{config.run} was trained on other images: {error}") from error


def _device(config: RunConfig) -> torch.device:
    """Return the run's device, or the CPU if this machine doesn't have that device."""
    try:
        return choose_device(config.device)
    except UserError:
        return torch.device("cpu")
