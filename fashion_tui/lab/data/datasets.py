"""Data sets that store all images in one uint8 tensor, and their shuffled batches.

60,000 images of 28×28 bytes take 47 MB. If all images are on the device, preparing a batch takes only a few operations
on small tensors. No image has to be decoded, collated or copied individually.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from fashion_tui.data import datasets
from fashion_tui.data.sources import (
    FASHION_MNIST,
    SYNTHETIC,
    SYNTHETIC_INFO,
    SYNTHETIC_TEST_SIZE,
    SYNTHETIC_TRAIN_SIZE,
)
from fashion_tui.data.stored import Progress, StoredDataset, StoredImages
from fashion_tui.lab.rng import Purpose, generator_for
from fashion_tui.schema.dataset import DatasetInfo, DatasetRef, ImageShape
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.recipe import Recipe

from .augmentation import Augmentation
from .normalisation import normalise
from .synthetic import draw

FASHION_CLASSES = FASHION_MNIST.classes


COPY_BYTES = 1 << 24
"""Approximate number of bytes of selected images that are copied to a device at once."""


@dataclass(frozen=True)
class Images:
    """Images and their labels. Selecting images doesn't copy their pixels, which may be larger than the memory."""

    stored: Tensor
    """uint8 [M, C, H, W], 0 for black and 255 for white. It may contain more images than these."""
    labels: Tensor
    """int64 [N], indices into `Dataset.classes`."""
    rows: Tensor | None = None
    """int64 [N], the index of each image in `stored`. None if `stored` contains exactly these images, in this order."""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, selection: slice | Tensor) -> "Images":
        """Select images by a slice, a tensor of indices or a boolean mask. No pixels are copied."""
        if self.rows is not None:
            return Images(self.stored, self.labels[selection], self.rows[selection])
        if isinstance(selection, slice):
            return Images(self.stored[selection], self.labels[selection])
        rows = torch.arange(len(self), device=self.labels.device)[selection]
        return Images(self.stored, self.labels[selection], rows)

    @property
    def pixels(self) -> Tensor:
        """uint8 [N, C, H, W]. If these are selected images, this is a copy; `gather` and `batches` copy less."""
        return self.stored if self.rows is None else self.stored.index_select(0, self.rows)

    @property
    def shape(self) -> ImageShape:
        """Shape of one image: channels, height and width."""
        _, channels, height, width = self.stored.shape
        return channels, height, width

    @property
    def device(self) -> torch.device:
        """Device of the pixels."""
        return self.stored.device

    @property
    def nbytes(self) -> int:
        """Number of bytes of the pixels and labels of these images."""
        return len(self) * math.prod(self.shape) + self.labels.nbytes

    def gather(self, indices: Tensor) -> Tensor:
        """Return a copy of the pixels of the images with these indices, uint8 `[B, C, H, W]`."""
        return self.stored.index_select(0, indices if self.rows is None else self.rows.index_select(0, indices))

    def batches(self, sizes: Sequence[int]) -> Iterator[Tensor]:
        """Yield the pixels of all images in order, in batches of these sizes, which must sum to N."""
        if self.rows is None:
            yield from self.stored.split(list(sizes))
        else:
            for rows in self.rows.split(list(sizes)):
                yield self.stored.index_select(0, rows)

    def to(self, device: torch.device | str) -> "Images":
        """Return the images on a device. Only the selected ones are copied to another device."""
        device = torch.device(device)
        if self.rows is None or device == self.device:
            return Images(self.stored.to(device), self.labels.to(device), self.rows)
        pixels = torch.empty(len(self), *self.shape, dtype=torch.uint8, device=device)
        size = max(1, COPY_BYTES // math.prod(self.shape))
        for part, rows in zip(pixels.split(size), self.rows.split(size), strict=True):
            part.copy_(self.stored.index_select(0, rows))
        return Images(pixels, self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """A training set and a test set, on one device."""

    info: DatasetInfo
    train: Images
    test: Images

    @property
    def ref(self) -> DatasetRef:
        """Reference to the data set, including its checksum."""
        return self.info.ref

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of the labels."""
        return self.info.classes

    def to(self, device: torch.device | str) -> "Dataset":
        return replace(self, train=self.train.to(device), test=self.test.to(device))


def load(
    ref: DatasetRef, progress: Progress = lambda _done, _total: None, should_stop: Callable[[], bool] = lambda: False
) -> Dataset:
    """Read a data set into CPU memory and verify its checksums. Prepare it first if necessary.

    Raises UserError if the data set can't be read, if it is damaged, or if `ref` specifies a different SHA-256; and
    Cancelled if `should_stop` returns True.
    """
    if ref.name == SYNTHETIC.name:
        if ref.sha256 not in ("", SYNTHETIC.sha256):
            raise datasets.ChangedData(
                f"synthetic has changed: its SHA-256 is {SYNTHETIC.sha256}, not {ref.sha256}; start a new run"
            )
        train, test = Images(*draw(SYNTHETIC_TRAIN_SIZE, seed=0)), Images(*draw(SYNTHETIC_TEST_SIZE, seed=1))
        return Dataset(SYNTHETIC_INFO, train, test)
    stored = datasets.read(ref, progress, should_stop)
    return Dataset(stored.info, _tensors(stored.train), _tensors(stored.test))


def prepare(ref: DatasetRef, progress: Progress, should_stop: Callable[[], bool]) -> StoredDataset:
    """Verify, convert or draw a data set, so that its images can be mapped into memory without torch.

    Raises the same errors as `load`.
    """
    if ref.name != SYNTHETIC.name:
        return datasets.prepare(ref, progress, should_stop)
    dataset = load(ref)
    return datasets.keep_synthetic(StoredDataset(dataset.info, _arrays(dataset.train), _arrays(dataset.test)))


def hold_out(images: Images, count: int, left_out: Sequence[int] = ()) -> tuple[Images, Images]:
    """Split off the last `count` images as a validation set. Return the training set and the validation set.

    The images with the indices in `left_out` are removed from the training set. They stay in the validation set, which
    is the same for all runs. Both parts share the pixels of `images`.

    Raises UsageError if no image would be left for training.
    """
    if not 0 <= count < len(images):
        raise UsageError(
            f"validation is {count}; it must be at least 0 and less than {len(images):,}, the number of training images"
        )
    kept = len(images) - count
    train, validation = images[:kept], images[kept:]
    removed = [index for index in left_out if index < kept]
    if removed:
        is_kept = torch.ones(kept, dtype=torch.bool)
        is_kept[removed] = False
        train = train[is_kept]
        if not len(train):
            raise UsageError("all training images are marked, so none is left for training; remove some marks")
    return train, validation


class Batch(NamedTuple):
    """A batch of training images, on the training device."""

    pixels: Tensor
    """uint8 [B, C, H, W]."""
    labels: Tensor
    """int64 [B]."""
    indices: Tensor
    """int64 [B], the indices of the images in the training set."""

    def split(self, max_size: int) -> "list[Batch]":
        """Split the batch into the fewest micro-batches of at most `max_size` images.

        The sizes of the micro-batches differ by at most 1.
        """
        count = math.ceil(len(self.labels) / max_size)
        return [Batch(*parts) for parts in zip(*(tensor.tensor_split(count) for tensor in self), strict=True)]


def batch_sizes(count: int, size: int, *, min_last: int = 1) -> list[int]:
    """Return the sizes of the batches into which `count` images are split.

    If the last batch would have fewer than `min_last` images, its images are added to the previous batch.
    """
    sizes = [size] * (count // size)
    rest = count % size
    if sizes and 0 < rest < min_last:
        sizes[-1] += rest
    elif rest:
        sizes.append(rest)
    return sizes


class ImageBatches:
    """The shuffled batches of each epoch.

    The order of the images in an epoch depends only on the seed and the epoch, and the batch of a step is a slice of
    this order. The epoch and the step are therefore enough to resume in the middle of an epoch with exactly the same
    batches.
    """

    def __init__(self, images: Images, recipe: Recipe, *, seed: int, device: torch.device, min_last: int = 1) -> None:
        """Move the images to the device if they fit. Otherwise, copy one batch at a time.

        The last batch of an epoch contains the remaining images. If fewer than `min_last` images remain, they are added
        to the previous batch. Raises UsageError if the batch size is less than 1 or greater than the number of images.
        """
        if not 1 <= recipe.batch_size <= len(images):
            raise UsageError(
                f"batch size is {recipe.batch_size}; it must be 1 to {len(images):,}, the number of training images"
            )
        self.is_resident = fits_on(device, images)
        self.images = images.to(device) if self.is_resident else images
        self.recipe = recipe
        self.seed = seed
        self.device = device
        self.sizes = batch_sizes(len(images), recipe.batch_size, min_last=min_last)
        """Number of images in each batch of an epoch."""
        self.seconds = 0.0
        """Time spent on selecting and preparing batches, in seconds. On a GPU, only the time to launch this work."""
        self._augmentation = Augmentation(recipe, len(images), images.shape, seed=seed, device=device)

    def __len__(self) -> int:
        """Return the number of steps in an epoch."""
        return len(self.sizes)

    def order(self, epoch: int) -> Tensor:
        """Return the order of the images in an epoch, int64 `[N]`.

        The order is drawn on the CPU, so it is the same on every device.
        """
        return torch.randperm(len(self.images), generator=generator_for(self.seed, Purpose.SHUFFLE, epoch))

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, starting at step `first_step`, counted from 0.

        The images are neither normalised nor augmented; `prepare` does both.
        """
        self._augmentation.start_epoch(epoch)
        images = self.images
        for indices in self.order(epoch).to(images.device).split(self.sizes)[first_step:]:
            started = time.perf_counter()
            batch = self._to_device(Batch(images.gather(indices), images.labels.index_select(0, indices), indices))
            self.seconds += time.perf_counter() - started
            yield batch

    def prepare(self, batch: Batch) -> Tensor:
        """Return the normalised and augmented images of a batch of the current epoch, float32 `[B, C, H, W]`."""
        started = time.perf_counter()
        images = self._augmentation(normalise(batch.pixels, self.recipe.mean, self.recipe.std), batch.indices)
        self.seconds += time.perf_counter() - started
        return images

    def sample(self, count: int, size: int) -> Iterator[Tensor]:
        """Yield a random sample of at most `count` images in batches of `size`, float32 `[B, C, H, W]`.

        The images are normalised, but not augmented. The sample depends only on the seed.
        """
        images, chosen = self.images, self.order(0)[:count]
        for indices in chosen.to(images.device).split(batch_sizes(len(chosen), size, min_last=2)):
            batch = images.gather(indices).to(self.device)
            yield normalise(batch, self.recipe.mean, self.recipe.std)

    def _to_device(self, batch: Batch) -> Batch:
        if self.is_resident:
            return batch
        # Copies from pinned memory can overlap with computation.
        return Batch(*(part.pin_memory().to(self.device, non_blocking=True) for part in batch))


MAX_MEMORY_FRACTION = 0.5
"""Maximum fraction of a GPU's free memory to use for the data set.

The network, activations and gradients use the rest.
"""


def fits_on(device: torch.device, images: Images) -> bool:
    """Return whether the images fit on the device. The result is False only if a GPU has too little free memory."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return images.nbytes <= MAX_MEMORY_FRACTION * free


def _tensors(images: StoredImages) -> Images:
    """Return images as tensors that share the memory of the arrays."""
    return Images(torch.from_numpy(images.pixels), torch.from_numpy(images.labels))


def _arrays(images: Images) -> StoredImages:
    return StoredImages(images.pixels.numpy(), images.labels.numpy())
