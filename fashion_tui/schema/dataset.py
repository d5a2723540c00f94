"""References to data sets, summaries of them, and pages of images."""

from typing import Literal

import msgspec

Split = Literal["train", "test"]

DATASETS = ("fashion-mnist", "synthetic")
DEFAULT_DATASET = "fashion-mnist"

SYNTHETIC_NOTICE = "synthetic garments, drawn by code: not Fashion-MNIST"
"""Notice shown with every result that is based on synthetic data."""

IMAGE_SIZE = (28, 28)
"""Height and width of every image, in pixels."""


class DatasetRef(msgspec.Struct, frozen=True, kw_only=True):
    """A reference to a data set: its name, folder and checksum."""

    name: str
    """One of DATASETS."""
    directory: str | None
    """Folder that contains `FashionMNIST/raw`, or None for synthetic data."""
    sha256: str
    """SHA-256 of the content of the whole data set, images and labels."""


class DatasetInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Summary of a data set."""

    ref: DatasetRef
    classes: tuple[str, ...]
    """Class names, in the order of the labels."""
    train_counts: tuple[int, ...]
    """Number of training images of each class."""
    test_counts: tuple[int, ...]
    """Number of test images of each class."""


class ImagePage(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive images of a split, after filtering by class."""

    indices: tuple[int, ...]
    """Index of each image in its split."""
    labels: tuple[int, ...]
    pixels: bytes
    """Pixels as uint8 [len(indices), 28, 28]: 0 is black, 255 is white."""
    total: int
    """Number of images that match the filter, on all pages."""

    def image(self, position: int) -> bytes:
        """Return the pixels of the image at `position` on this page, as uint8 [28, 28]."""
        size = IMAGE_SIZE[0] * IMAGE_SIZE[1]
        return self.pixels[position * size : (position + 1) * size]
