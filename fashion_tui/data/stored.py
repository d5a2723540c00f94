"""Data sets as memory-mapped arrays: in the publisher's files, or converted into the cache.

A converted data set is a folder of `.npy` files with a summary, `info.json`. It is written to a temporary folder and
then renamed, so a folder with a summary is always complete.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import platformdirs
from numpy.typing import NDArray

from fashion_tui.files import make_private_folder
from fashion_tui.schema.dataset import DatasetInfo, DatasetRef, Split

from .border import border_brightness

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]

Progress = Callable[[int, int], None]
"""Called with the amount of completed work and the total amount, in images, files or bytes."""

INFO_FILE = "info.json"
SPLITS: tuple[Split, Split] = ("train", "test")

BLOCK_BYTES = 1 << 22
"""Number of bytes to hash at once."""

BLOCK_PIXELS = 1 << 22
"""Number of pixels that are processed at once when the statistics are computed."""


class Cancelled(Exception):
    """Raised when the user has cancelled the reading of a data set."""


@dataclass(frozen=True)
class StoredImages:
    """Images and their labels, usually memory-mapped."""

    pixels: Pixels
    """uint8 `[N, C, H, W]`, 0 for black and 255 for white."""
    labels: Labels
    """int64 `[N]`, indices into `DatasetInfo.classes`."""

    def __len__(self) -> int:
        return len(self.labels)

    def in_memory(self) -> "StoredImages":
        """Return a copy that doesn't change if the file does."""
        return StoredImages(np.array(self.pixels), np.array(self.labels))


@dataclass(frozen=True)
class StoredDataset:
    """A training set and a test set."""

    info: DatasetInfo
    train: StoredImages
    test: StoredImages

    def split(self, name: Split) -> StoredImages:
        return self.train if name == "train" else self.test


def describe(  # noqa: PLR0913
    ref: DatasetRef, title: str, classes: Sequence[str], train: StoredImages, test: StoredImages, *, flips: bool
) -> DatasetInfo:
    """Return the summary of a data set, without skipped files."""
    mean, std = channel_statistics(train.pixels)
    _, channels, height, width = train.pixels.shape
    return DatasetInfo(
        ref=ref,
        title=title,
        classes=tuple(classes),
        image_shape=(channels, height, width),
        train_counts=_class_counts(train.labels, len(classes)),
        test_counts=_class_counts(test.labels, len(classes)),
        mean=mean,
        std=std,
        border=border_brightness(train.pixels),
        flips=flips,
    )


def channel_statistics(pixels: Pixels) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and standard deviation of each channel of images `[N, C, H, W]`, scaled to [0, 1].

    The sums are exact, because they are computed from integers.
    """
    count, channels, height, width = pixels.shape
    sums = np.zeros(channels, np.uint64)
    squares = np.zeros(channels, np.uint64)
    images = max(1, BLOCK_PIXELS // max(1, channels * height * width))
    for start in range(0, count, images):
        block = pixels[start : start + images].astype(np.uint32)
        sums += block.sum(axis=(0, 2, 3), dtype=np.uint64)
        squares += np.square(block).sum(axis=(0, 2, 3), dtype=np.uint64)
    number = max(1, count * height * width)
    means = [int(total) / number for total in sums]
    variances = [max(0.0, int(total) / number - mean**2) for total, mean in zip(squares, means, strict=True)]
    return tuple(mean / 255 for mean in means), tuple(variance**0.5 / 255 for variance in variances)


def content_hash(
    classes: Sequence[str], *arrays: Pixels | Labels, on_block: Callable[[int], None] = lambda _size: None
) -> str:
    """Return the SHA-256 of class names and arrays, including the shapes of the arrays.

    `on_block` is called with the size of each block that has been hashed, in bytes.
    """
    digest = hashlib.sha256(msgspec.json.encode(list(classes)))
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for block in blocks(array):
            digest.update(block)
            on_block(len(block))
    return digest.hexdigest()


def blocks(array: Pixels | Labels) -> Iterator[memoryview]:
    """Yield the bytes of an array in blocks of at most BLOCK_BYTES."""
    values = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    for start in range(0, len(values), BLOCK_BYTES):
        yield values[start : start + BLOCK_BYTES]


def cache_directory(kind: str) -> Path:
    """Return the folder for one kind of file in this package's cache."""
    return platformdirs.user_cache_path("fashion-tui", appauthor=False) / kind


def read_info(folder: Path) -> DatasetInfo | None:
    """Return the summary of a converted data set, or None if the folder contains no complete data set."""
    try:
        return msgspec.json.decode((folder / INFO_FILE).read_bytes(), type=DatasetInfo)
    except (OSError, ValueError):
        return None


def prepared_copies(kind: str, sha256: str) -> Iterator[DatasetRef]:
    """Yield references to the data sets with this content that were prepared on this machine, wherever they are.

    `kind` is the part of the cache: `datasets` for published data sets, or `folders` for folders of images. The files
    may have been moved, changed or deleted since.
    """
    for path in cache_directory(kind).glob(f"*/*/{INFO_FILE}"):
        info = read_info(path.parent)
        if info is not None and info.ref.sha256 == sha256:
            yield info.ref


def read_stored(folder: Path) -> StoredDataset | None:
    """Map a converted data set into memory. Return None if the folder contains no complete data set."""
    info = read_info(folder)
    if info is None:
        return None
    try:
        train, test = (_map(folder, split) for split in SPLITS)
    except (OSError, ValueError, EOFError):  # EOFError: an array's file is empty
        return None
    return StoredDataset(info, train, test)


def write_stored(folder: Path, dataset: StoredDataset) -> StoredDataset:
    """Write a data set to the folder, replacing an earlier one, and return it memory-mapped. Raises OSError."""
    with replaced_folder(folder) as temporary:
        save(temporary, dataset)
    stored = read_stored(folder)
    if stored is None:
        raise OSError(f"{folder} can't be read back")
    return stored


def save(folder: Path, dataset: StoredDataset) -> None:
    """Write the images and the summary of a data set to an existing folder. Raises OSError."""
    for split in SPLITS:
        images = dataset.split(split)
        np.save(folder / f"{split}-images.npy", images.pixels)
        np.save(folder / f"{split}-labels.npy", images.labels)
    save_info(folder, dataset.info)


def save_info(folder: Path, info: DatasetInfo) -> None:
    """Write the summary of a data set to an existing folder. Raises OSError."""
    (folder / INFO_FILE).write_bytes(msgspec.json.encode(info))


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty temporary folder that replaces `folder` at the end of the `with` block, unless an error is raised.

    Processes that have mapped the previous files can still read them.
    """
    make_private_folder(folder.parent)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield temporary
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
            os.rename(folder, old / "old")  # noqa: PTH104 - Path.rename resolves the target on some platforms
            shutil.rmtree(old, ignore_errors=True)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _map(folder: Path, split: Split) -> StoredImages:
    # Mode "c" maps private pages. The arrays are writable, as torch expects, but the files never change.
    pixels: Pixels = np.load(folder / f"{split}-images.npy", mmap_mode="c", allow_pickle=False)
    labels: Labels = np.load(folder / f"{split}-labels.npy", mmap_mode="c", allow_pickle=False)
    return StoredImages(pixels, labels)


def _class_counts(labels: Labels, classes: int) -> tuple[int, ...]:
    return tuple(np.bincount(labels, minlength=classes).tolist())
