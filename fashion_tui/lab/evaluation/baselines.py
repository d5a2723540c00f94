"""Evaluate simple models on a data set, as a reference for the accuracy of a network."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from fashion_tui.lab.data.datasets import Images
from fashion_tui.schema.baselines import Baselines

from .linear import fit_linear_model
from .nearest import nearest_neighbours, vote

NEIGHBOURS = 5

MAX_SIDE = 32
"""Maximum height and width, in pixels. Larger images are downsampled by averaging, because the costs grow with the
size.
"""

BLOCK_PIXELS = 1 << 22
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
    True, Cancelled is raised.
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

    Images that are larger than MAX_SIDE are downsampled to this size by averaging, and their pixels are rounded.
    """
    height, width = (min(side, MAX_SIDE) for side in pixels.shape[2:])
    if (height, width) != pixels.shape[2:]:
        blocks = pixels.split(max(1, BLOCK_PIXELS // pixels[0].numel()))
        pixels = torch.cat(
            [F.adaptive_avg_pool2d(block.float(), (height, width)).round_().to(torch.uint8) for block in blocks]
        )
    return pixels.flatten(1)


def _accuracy(predictions: Tensor, images: Images) -> float:
    return (predictions == images.labels).double().mean().item()
