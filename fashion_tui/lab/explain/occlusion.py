"""Occlusion: how much the probability of a class drops when a part of the image is hidden."""

import math
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from .batches import images_per_batch
from .classifier import Classifier

PATCHES_PER_SIDE = 7
"""Number of patches that fit side by side without overlap. Since they overlap by half, there are at most 13 × 13."""


def occlusion(
    classifier: Classifier,
    image: Tensor,
    target: int,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Tensor:
    """Return the drop in the class's probability when a pixel is hidden, float32 `[H, W]`.

    Patches of a seventh of the image's height and width are hidden, one at a time: their pixels are replaced by the
    mean of the image, in each channel (after Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional
    Networks"). The value of a pixel is the mean drop over the patches that cover it. A positive value means that the
    pixel supports the class.

    `image` is normalised, float32 `[C, H, W]`. `progress` is called after each batch with the number of completed
    patches and the total. No gradients are needed.
    """
    image = image.cpu()
    mean = image.mean(dim=(1, 2), keepdim=True)
    patches = [*product(*(_slices(size) for size in image.shape[1:]))]
    drops = torch.zeros(image.shape[1:], dtype=torch.float64)
    covered = torch.zeros_like(drops)
    probability = _probabilities(classifier, image[None], target)
    size = images_per_batch(image)
    for start in range(0, len(patches), size):
        batch = patches[start : start + size]
        hidden = image.repeat(len(batch), 1, 1, 1)
        for position, (rows, columns) in enumerate(batch):
            hidden[position, :, rows, columns] = mean
        for (rows, columns), drop in zip(batch, probability - _probabilities(classifier, hidden, target), strict=True):
            drops[rows, columns] += drop
            covered[rows, columns] += 1
        progress(start + len(batch), len(patches))
    return (drops / covered).float()


def _slices(size: int) -> list[slice]:
    """Return the parts of an axis that the patches cover. The last part is shorter if the axis ends within it."""
    length = math.ceil(size / PATCHES_PER_SIDE)
    stride = math.ceil(length / 2)
    return [slice(start, start + length) for start in range(0, size - length + stride, stride)]


def _probabilities(classifier: Classifier, images: Tensor, target: int) -> Tensor:
    """Return the probability of the class for each image, float64 `[N]` on the CPU.

    In float32, small differences between probabilities near 1 would be lost.
    """
    with classifier.running(), torch.no_grad():
        logits = classifier(images.to(classifier.device))
    return logits.cpu().double().softmax(dim=1)[:, target]
