"""Pages of images from a data set that is mapped into memory."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fashion_tui.schema.dataset import ImagePage

from .stored import StoredImages

Order = Literal["index", "class", "random"]


@dataclass(frozen=True, slots=True)
class Listing:
    """Which images of a split are listed, and in which order."""

    label: int | None = None
    """Class of the images, or None for all classes."""
    order: Order = "index"
    """By index; by class and then by index; or shuffled."""
    seed: int = 0
    """Seed of the random order."""


def listed_indices(images: StoredImages, listing: Listing) -> NDArray[np.int64]:
    """Return the indices of the listed images, in their order."""
    labels = images.labels
    indices: NDArray[Any]
    indices = np.arange(len(images)) if listing.label is None else np.flatnonzero(labels == listing.label)
    if listing.order == "class":
        return indices[np.argsort(labels[indices], kind="stable")]
    if listing.order == "random":
        return np.random.default_rng(listing.seed).permutation(indices)
    return indices


def read_page(images: StoredImages, indices: NDArray[np.int64], offset: int, limit: int) -> ImagePage:
    """Return at most `limit` of the listed images, starting at `offset`. `indices` are those of all listed images."""
    page = indices[offset : offset + limit]
    _, channels, height, width = images.pixels.shape
    return ImagePage(
        indices=tuple(page.tolist()),
        labels=tuple(images.labels[page].tolist()),
        image_shape=(channels, height, width),
        pixels=images.pixels[page].tobytes(),
        total=len(indices),
    )
