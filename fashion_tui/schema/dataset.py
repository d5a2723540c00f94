"""References to data sets, summaries of them, and pages of images."""

import math
import os
from pathlib import PurePath
from typing import Literal, get_args

import msgspec

from .errors import UsageError

Split = Literal["train", "test"]

Fit = Literal["pad", "crop"]
"""How an image is made square.

`pad` adds bars in the mean colour of the image's edge, and `crop` cuts off the ends of the longer side.
"""

FITS: tuple[str, ...] = get_args(Fit)
DEFAULT_FIT: Fit = "pad"

ImageShape = tuple[int, int, int]
"""Channels, height and width. An image has one channel (grey) or three (red, green, blue)."""

DATASETS = ("fashion-mnist", "mnist", "kmnist", "emnist-letters", "cifar10", "cifar100", "synthetic")
DEFAULT_DATASET = "fashion-mnist"
FOLDER = "folder"
"""`DatasetRef.name` of a folder with the user's own images."""

DEFAULT_IMAGE_SIZE = 32
"""Side, in pixels, to which the images of a folder are resized unless the user chooses another one."""

MAX_IMAGE_SIZE = 1024


def synthetic_notice(requested: str) -> str:
    """Return the notice shown with synthetic data that may replace the data set with the title `requested`."""
    return f"synthetic garments, drawn by code: not {requested}"


SYNTHETIC_NOTICE = synthetic_notice("Fashion-MNIST")
"""Notice shown with every result that is based on synthetic data."""

FASHION_SHAPE: ImageShape = (1, 28, 28)
"""Shape of the images of Fashion-MNIST, for which the recipes are made."""


class ImageTask(msgspec.Struct, frozen=True, kw_only=True):
    """What a network has to do: classify images of one shape."""

    image_shape: ImageShape
    classes: int
    """Number of classes."""


FASHION_TASK = ImageTask(image_shape=FASHION_SHAPE, classes=10)


class DatasetRef(msgspec.Struct, frozen=True, kw_only=True):
    """A reference to a data set: its name, location and checksum."""

    name: str
    """One of DATASETS, or FOLDER."""
    directory: str | None
    """Data folder that contains, for example, `FashionMNIST/raw`; or the user's own folder; or None for synthetic data.
    """
    sha256: str
    """SHA-256 of the content of the whole data set, images and labels. Empty if it isn't known yet."""
    image_size: int | None = None
    """Side, in pixels, to which the images of a folder are resized. None for other data sets."""
    fit: Fit | None = None
    """How the images of a folder are made square. None for other data sets."""

    @property
    def short_name(self) -> str:
        """The name of the data set or, if it is a folder with the user's images, of the folder."""
        return PurePath(self.directory or "").name if self.name == FOLDER else self.name

    def is_same_source(self, other: "DatasetRef") -> bool:
        """Return whether both are the same published data set, or the same folder with the same image size and fit."""
        return self.name == other.name and (
            self.name != FOLDER
            or (self.directory, self.image_size, self.fit) == (other.directory, other.image_size, other.fit)
        )


class SkippedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file or folder that couldn't be read."""

    path: str
    """Path relative to the data set's folder."""
    reason: str


class DatasetInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Summary of a data set."""

    ref: DatasetRef
    title: str
    """Name shown to the user."""
    classes: tuple[str, ...]
    """Class names, in the order of the labels."""
    image_shape: ImageShape
    train_counts: tuple[int, ...]
    """Number of training images of each class."""
    test_counts: tuple[int, ...]
    """Number of test images of each class."""
    mean: tuple[float, ...]
    """Mean of each channel of the training pixels, which are between 0 and 1."""
    std: tuple[float, ...]
    """Standard deviation of each channel of the training pixels."""
    border: float | None = None
    """Median of the outermost training pixels, from 0 for black to 255 for white, or None if it is unknown."""
    flips: bool = True
    """Whether a mirrored image has the same label as the original. False for digits and letters."""
    skipped: tuple[SkippedFile, ...] = ()
    """Files of a folder that couldn't be read."""

    @property
    def task(self) -> ImageTask:
        return ImageTask(image_shape=self.image_shape, classes=len(self.classes))

    @property
    def train_size(self) -> int:
        return sum(self.train_counts)

    @property
    def test_size(self) -> int:
        return sum(self.test_counts)


def check_name(name: str) -> None:
    """Raise UsageError if a name is neither one of DATASETS nor the path of a folder."""
    if name not in DATASETS and not is_path(name):
        raise unknown_dataset(name)


def is_path(name: str) -> bool:
    """Return whether the name of a data set is the path of an existing folder, or looks like a path."""
    return name not in DATASETS and ("/" in name or name.startswith(("~", ".")) or os.path.isdir(name))  # noqa: PTH112


def unknown_dataset(name: str) -> UsageError:
    return UsageError(
        f"unknown data set {name!r}; choose from {', '.join(DATASETS)}, or name a folder that contains a folder of "
        "images for each class"
    )


class ImagePage(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive images of a split, after filtering by class."""

    indices: tuple[int, ...]
    """Index of each image in its split."""
    labels: tuple[int, ...]
    image_shape: ImageShape
    pixels: bytes
    """Pixels as uint8 `[len(indices), C, H, W]`: 0 is black, 255 is white."""
    total: int
    """Number of images that match the filter, on all pages."""

    def image(self, position: int) -> bytes:
        """Return the pixels of the image at `position` on this page, as uint8 `[C, H, W]`."""
        size = math.prod(self.image_shape)
        return self.pixels[position * size : (position + 1) * size]
