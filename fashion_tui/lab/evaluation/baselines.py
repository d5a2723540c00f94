"""Evaluate simple models on a data set, as a reference for the accuracy of a network."""

import tempfile
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fashion_tui.data.stored import cache_directory
from fashion_tui.files import make_private_folder
from fashion_tui.lab.data.datasets import Images
from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.errors import UserError

from .linear import fit_linear_model
from .nearest import nearest_neighbours, vote

NEIGHBOURS = 5

MAX_SIDE = 32
"""Maximum height and width, in pixels. Larger images are downsampled by averaging, because the costs grow with the
size.
"""

BLOCK_PIXELS = 1 << 20
"""Number of pixels that are averaged at once."""


def evaluate_baselines(
    train: Images,
    test: Images,
    classes: int,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Baselines:
    """Fit simple models to the images `train`, and return their accuracies on the images `test`.

    `progress(done, 100)` is called with a percentage. `should_stop` is called several times a second. If it returns
    True, Cancelled is raised. Raises UserError if downsampled images can't be written to the cache folder.
    """
    inputs, test_inputs = pixel_features(train.pixels), pixel_features(test.pixels)
    linear = fit_linear_model(
        inputs,
        train.labels,
        classes,
        progress=lambda done, total: progress(50 * done // total, 100),
        should_stop=should_stop,
    )
    neighbours = nearest_neighbours(
        test_inputs,
        inputs,
        min(NEIGHBOURS, len(train)),
        progress=lambda done, total: progress(50 + 50 * done // total, 100),
        should_stop=should_stop,
    )
    return Baselines(
        n=len(test),
        majority=_accuracy(torch.full_like(test.labels, int(train.labels.bincount().argmax())), test),
        linear=_accuracy(linear(test_inputs).argmax(dim=1), test),
        nearest=_accuracy(vote(neighbours, train.labels, classes), test),
    )


def pixel_features(pixels: Tensor) -> Tensor:
    """Return the pixels of images `[N, C, H, W]` as uint8 `[N, F]`.

    Images that are larger than MAX_SIDE are downsampled to this size by averaging, and their pixels are rounded. The
    result is memory-mapped from a temporary file, because it may still be larger than the memory. Raises UserError if
    the file can't be written.
    """
    height, width = (min(side, MAX_SIDE) for side in pixels.shape[2:])
    if (height, width) == pixels.shape[2:]:
        return pixels.flatten(1)
    folder = cache_directory("temporary")
    try:
        make_private_folder(folder)
        with tempfile.TemporaryFile(dir=folder) as file:
            for block in pixels.split(max(1, BLOCK_PIXELS // pixels[0].numel())):
                pooled = F.adaptive_avg_pool2d(block.float(), (height, width)).round_().to(torch.uint8)
                file.write(pooled.numpy().tobytes())
            file.flush()
            # Mode "r+" shares the pages with the file, so that they can be evicted from memory.
            features = np.memmap(file, np.uint8, "r+", shape=(len(pixels), pooled[0].numel()))
    except OSError as error:
        raise UserError(f"can't write {folder}: {error.strerror or error}") from error
    return torch.from_numpy(features)


def _accuracy(predictions: Tensor, images: Images) -> float:
    return (predictions == images.labels).double().mean().item()
