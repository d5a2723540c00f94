"""Data sets as the borders see them: which one, where from, and pages of its pictures."""

from typing import Literal

import msgspec

Split = Literal["train", "test"]

DATASETS = ("fashion-mnist", "synthetic")

SYNTHETIC_NOTICE = "synthetic garments, drawn by code: not Fashion-MNIST"
"""Stands wherever something is shown that comes of them."""

IMAGE_SIZE = (28, 28)
"""Height and width of every picture, in pixels."""


class DatasetRef(msgspec.Struct, frozen=True, kw_only=True):
    """Which data a run was trained on."""

    name: str
    """One of DATASETS."""
    directory: str | None
    """The folder that holds `FashionMNIST/raw`; None for data drawn by code."""
    sha256: str
    """Over the content of the whole set: two refs with equal sums hold the same pictures and labels."""


class DatasetInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A data set at a glance."""

    ref: DatasetRef
    classes: tuple[str, ...]
    train_counts: tuple[int, ...]
    """Pictures of each class in the training set."""
    test_counts: tuple[int, ...]


class ImagePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some pictures of a split, in its order."""

    indices: tuple[int, ...]
    """Each picture's place in its split."""
    labels: tuple[int, ...]
    pixels: bytes
    """uint8 [len(indices), 28, 28], row by row: 0 black, 255 white."""
    total: int
    """How many pictures the filter leaves in all."""

    def picture(self, position: int) -> bytes:
        """uint8 [28, 28] of the picture at that position of the page."""
        size = IMAGE_SIZE[0] * IMAGE_SIZE[1]
        return self.pixels[position * size : (position + 1) * size]
