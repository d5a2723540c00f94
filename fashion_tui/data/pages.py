"""Pages of images from a data set that is mapped into memory."""

import numpy as np

from fashion_tui.schema.dataset import ImagePage

from .stored import StoredImages


def read_page(images: StoredImages, label: int | None, offset: int, limit: int) -> ImagePage:
    """Return at most `limit` images, starting with number `offset` of those with a label, or of all images."""
    indices = np.arange(len(images)) if label is None else np.flatnonzero(images.labels == label)
    page = indices[offset : offset + limit]
    _, channels, height, width = images.pixels.shape
    return ImagePage(
        indices=tuple(page.tolist()),
        labels=tuple(images.labels[page].tolist()),
        image_shape=(channels, height, width),
        pixels=images.pixels[page].tobytes(),
        total=len(indices),
    )
