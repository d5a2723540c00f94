"""Measure the accuracy of a network on corrupted images."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from fashion_tui.lab.data.datasets import Images, batch_sizes
from fashion_tui.lab.rng import Purpose, generator_for
from fashion_tui.schema.robustness import CorruptionName, RobustnessCurve

from .corruptions import CORRUPTIONS, corrupt
from .metrics import BATCH_SIZE, Cancelled, has_probabilities

SEED = 0
"""Seed of the corruptions and of the sample of images."""


def robustness_curves(
    predict: Callable[[Tensor], Tensor], images: Images, *, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[tuple[RobustnessCurve, ...]]:
    """Yield the curves measured so far after each corruption and strength. The last value contains all accuracies.

    `predict` returns the logits `[B, C]` of uint8 images `[B, C, H, W]`. The corruption of an image depends only on its
    index, on the kind of corruption and on the strength: a stronger corruption adds the same noise with a larger scale,
    or shifts and rotates in the same direction. `should_stop` is called before each batch. If it returns True,
    Cancelled is raised.
    """
    finished: list[RobustnessCurve] = []
    for name, corruption in CORRUPTIONS.items():
        _, height, width = images.shape
        strengths = corruption.strengths_for(height, width)
        accuracies: list[float] = []
        for strength in strengths:
            accuracies.append(_accuracy(predict, images, name, strength, should_stop))
            curve = RobustnessCurve(
                corruption=name, strengths=strengths, unit=corruption.unit, accuracies=tuple(accuracies)
            )
            yield (*finished, curve)
        finished.append(curve)


def robustness_levels() -> int:
    """Return the number of accuracies in all curves together."""
    return sum(len(corruption.strengths) for corruption in CORRUPTIONS.values())


def sample(images: Images, count: int) -> Tensor:
    """Return the indices of `count` images drawn at random, in increasing order, or of all if there are fewer."""
    if len(images) <= count:
        return torch.arange(len(images))
    drawn = torch.randperm(len(images), generator=generator_for(SEED, Purpose.CORRUPTION))
    return drawn[:count].sort().values


def _accuracy(
    predict: Callable[[Tensor], Tensor],
    images: Images,
    name: CorruptionName,
    strength: float,
    should_stop: Callable[[], bool],
) -> float:
    correct, sizes = 0, batch_sizes(len(images), BATCH_SIZE, min_last=2)
    kind = list(CORRUPTIONS).index(name)
    for batch, (pixels, labels) in enumerate(zip(images.batches(sizes), images.labels.split(sizes), strict=True)):
        if should_stop():
            raise Cancelled
        logits = predict(corrupt(pixels, name, strength, generator_for(SEED, Purpose.CORRUPTION, kind, batch)))
        if not has_probabilities(logits).all():
            return math.nan
        correct += int((logits.argmax(dim=1) == labels).sum())
    return correct / len(images)
