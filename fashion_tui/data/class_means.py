"""The mean image of each class."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .array_cache import ArrayCache
from .stored import BLOCK_PIXELS, Cancelled, Pixels, Progress, StoredDataset, StoredImages, cache_directory

CACHE_BYTES = 64 << 20
"""Maximum total size of all cached mean images, in bytes."""


def class_means(dataset: StoredDataset, progress: Progress, should_stop: Callable[[], bool]) -> Pixels:
    """Return the mean training image of each class, uint8 `[classes, C, H, W]`, and store it in the cache.

    The images of a class without training images are black. `progress` counts images. Raises Cancelled if
    `should_stop` returns True.
    """
    cache, key = ArrayCache(cache_directory("class-means"), CACHE_BYTES), dataset.info.ref.sha256
    shape = (len(dataset.info.classes), *dataset.info.image_shape)
    cached: NDArray[np.uint8] | None = cache.get(key)
    if cached is not None and cached.shape == shape and cached.dtype == np.uint8:
        return cached
    means = compute_class_means(dataset.train, len(dataset.info.classes), progress, should_stop)
    cache.put(key, means)
    return means


def compute_class_means(
    images: StoredImages, classes: int, progress: Progress, should_stop: Callable[[], bool]
) -> Pixels:
    """Return the mean image of each class, rounded to uint8 `[classes, C, H, W]`. The sums are exact."""
    count, *shape = images.pixels.shape
    sums = np.zeros((classes, int(np.prod(shape))), np.uint64)
    size = max(1, BLOCK_PIXELS // max(1, sums.shape[1]))
    for start in range(0, count, size):
        if should_stop():
            raise Cancelled
        block = images.pixels[start : start + size].reshape(-1, sums.shape[1])
        labels = images.labels[start : start + size]
        for label in np.unique(labels):
            sums[label] += block[labels == label].sum(axis=0, dtype=np.uint64)
        progress(min(start + size, count), count)
    numbers = np.bincount(images.labels, minlength=classes)
    means = sums / np.maximum(numbers, 1)[:, None]
    return np.rint(means).astype(np.uint8).reshape(classes, *shape)
