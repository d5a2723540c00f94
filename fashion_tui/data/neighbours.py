"""The training images that are nearest to an image in pixels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .stored import BLOCK_PIXELS, Cancelled, Pixels, Progress, StoredImages


@dataclass(frozen=True, slots=True)
class PixelNeighbour:
    """An image that is near to another one."""

    index: int
    label: int
    distance: float
    """Euclidean distance between the pixels, which are in [0, 1]."""
    pixels: bytes
    """uint8 `[C, H, W]`."""


def nearest_in_pixels(  # noqa: PLR0913
    images: StoredImages,
    query: Pixels,
    limit: int,
    exclude: int | None,
    progress: Progress,
    should_stop: Callable[[], bool],
) -> list[PixelNeighbour]:
    """Return the `limit` images nearest to `query` by Euclidean distance, nearest first.

    Equally distant images are in the order of their indices.

    `query` is uint8 `[C, H, W]`, and `exclude` is the index of an image to leave out. The distances are exact, because
    they are computed from integers. `progress` counts images. Raises Cancelled if `should_stop` returns True.
    """
    values = query.reshape(-1).astype(np.int32)
    pixels = images.pixels.reshape(len(images), -1)
    squares = np.empty(len(images), np.int64)
    size = max(1, BLOCK_PIXELS // max(1, len(values)))
    for start in range(0, len(images), size):
        if should_stop():
            raise Cancelled
        difference = pixels[start : start + size] - values
        np.einsum("ij,ij->i", difference, difference, out=squares[start : start + size], dtype=np.int64)
        progress(min(start + size, len(images)), len(images))
    order = np.argsort(squares, kind="stable")
    nearest = [int(index) for index in order[: limit + 1] if index != exclude][:limit]
    return [
        PixelNeighbour(
            index, int(images.labels[index]), float(squares[index]) ** 0.5 / 255, images.pixels[index].tobytes()
        )
        for index in nearest
    ]
