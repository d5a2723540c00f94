"""Data sets that live on the device: all pictures in one tensor of bytes, cut into batches by their indices.

60,000 pictures of 28×28 bytes are 47 MB. With all of them where the network is, a batch is one gather and three
operations on small tensors, in place of the decoding, collating and copying of single pictures.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec
import torch
from torch import Tensor

from fashion_tui.data import files
from fashion_tui.data.sources import (
    FASHION_MNIST,
    SYNTHETIC,
    SYNTHETIC_TEST_SIZE,
    SYNTHETIC_TRAIN_SIZE,
    DatasetSource,
    find_source,
)
from fashion_tui.lab.rng import Purpose, generator_for
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.recipe import Recipe

from .augmentation import Augmentation
from .synthetic import draw

FASHION_CLASSES = FASHION_MNIST.classes


@dataclass(frozen=True)
class Images:
    """Pictures and what they show."""

    pixels: Tensor
    """uint8 [N, 1, 28, 28]: 0 black, 255 white."""
    labels: Tensor
    """int64 [N]: places in the data set's `classes`."""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which: slice | Tensor) -> "Images":
        """Some of them: a slice shares the memory, a tensor of indices or a mask copies."""
        return Images(self.pixels[which], self.labels[which])

    def to(self, device: torch.device | str) -> "Images":
        return Images(self.pixels.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """A training set to learn from and a test set to be judged by, on one device."""

    ref: DatasetRef
    classes: tuple[str, ...]
    train: Images
    test: Images

    def to(self, device: torch.device | str) -> "Dataset":
        return replace(self, train=self.train.to(device), test=self.test.to(device))


def load(ref: DatasetRef) -> Dataset:
    """The whole set on the CPU, its files read once and checked against their sums; its ref carries the set's sum.

    DamagedData where a file isn't as published; UserError where `ref` carries the sum of another set.
    """
    source = find_source(ref.name)
    checked = SYNTHETIC if source is None else msgspec.structs.replace(ref, sha256=source.sha256)
    if ref.sha256 not in ("", checked.sha256):
        raise UserError(
            f"{ref.name} has changed since: its SHA-256 is {checked.sha256}, it was {ref.sha256}; start a new run"
        )
    if source is None:
        train, test = Images(*draw(SYNTHETIC_TRAIN_SIZE, seed=0)), Images(*draw(SYNTHETIC_TEST_SIZE, seed=1))
        return Dataset(checked, FASHION_CLASSES, train, test)
    train, test = _read(source, ref)
    return Dataset(checked, source.classes, train, test)


def hold_out(images: Images, count: int) -> tuple[Images, Images]:
    """All but the last `count` images, and these: a validation set to choose by. Both share the memory of `images`.

    UsageError where none would be left to train on.
    """
    if not 0 <= count < len(images):
        raise UsageError(
            f"validation is {count}; it must be 0 or more and less than the {len(images):,} training images"
        )
    kept = len(images) - count
    return images[:kept], images[kept:]


def normalise(pixels: Tensor, mean: float, std: float) -> Tensor:
    """uint8 [N, 1, 28, 28] to float32 around 0, as torchvision's ToTensor and Normalize do it, to the bit on a CPU."""
    return pixels.to(torch.float32).div_(255).sub_(mean).div_(std)


class Batch(NamedTuple):
    """Some pictures of a set, on the device that computes."""

    pixels: Tensor
    """uint8 [B, 1, 28, 28]."""
    labels: Tensor
    """int64 [B]."""
    places: Tensor
    """int64 [B]: where they stand in the set."""


class ImageBatches:
    """The shuffled, normalised batches of every epoch of a training.

    The order of an epoch is a function of (seed, epoch) and of nothing else, and a step's batch is a slice of it. So a
    training that resumes in the middle of an epoch needs two numbers to go on with exactly the batches that were next.
    """

    def __init__(self, images: Images, recipe: Recipe, *, seed: int, device: torch.device) -> None:
        """Puts the set on the device where that has room for it, else streams it, a batch at a time.

        UsageError where the images don't fill one batch. The last batch of an epoch holds what is left.
        """
        if not 1 <= recipe.batch_size <= len(images):
            raise UsageError(
                f"batch size is {recipe.batch_size}; it must be from 1 to the {len(images):,} training images"
            )
        self.is_resident = has_room_for(images, device)
        self.images = images.to(device) if self.is_resident else images
        self.recipe = recipe
        self.seed = seed
        self.device = device
        self._augmented = Augmentation(recipe, len(images), seed=seed, device=device)

    def __len__(self) -> int:
        """Steps of an epoch."""
        return math.ceil(len(self.images) / self.recipe.batch_size)

    def order(self, epoch: int) -> Tensor:
        """int64 [N]: every index once, as that epoch visits them. Drawn on the CPU: the same for every device."""
        return torch.randperm(len(self.images), generator=generator_for(self.seed, Purpose.SHUFFLE, epoch))

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from `first_step` on (0: the first), whose pictures `prepared` then makes ready."""
        self._augmented.begin(epoch)
        pixels, labels = self.images.pixels, self.images.labels
        for places in self.order(epoch).to(pixels.device).split(self.recipe.batch_size)[first_step:]:
            yield self._on_device(Batch(pixels.index_select(0, places), labels.index_select(0, places), places))

    def prepared(self, batch: Batch) -> Tensor:
        """float32 [B, 1, 28, 28]: normalised, and augmented as the epoch does it that was begun last."""
        return self._augmented(normalise(batch.pixels, self.recipe.mean, self.recipe.std), batch.places)

    def _on_device(self, batch: Batch) -> Batch:
        """From pinned memory a batch is copied while the device computes."""
        if self.is_resident:
            return batch
        return Batch(*(part.pin_memory().to(self.device, non_blocking=True) for part in batch))


RESIDENT_SHARE = 0.5
"""Most of a device's free memory that a set may take: the network and its gradients have to live beside it."""


def has_room_for(images: Images, device: torch.device) -> bool:
    """Whether the set may live on the device: always, but on a GPU with little free memory."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return images.pixels.nbytes + images.labels.nbytes <= RESIDENT_SHARE * free


def _read(source: DatasetSource, ref: DatasetRef) -> tuple[Images, Images]:
    """Training and test images, on the very memory that the files were read into."""
    train_images, train_labels, test_images, test_labels = (
        torch.frombuffer(numbers, dtype=torch.uint8).view(file.shape)
        for file, numbers in zip(source.files, files.read(ref), strict=True)
    )
    return (
        Images(train_images.unsqueeze(1), train_labels.to(torch.int64)),
        Images(test_images.unsqueeze(1), test_labels.to(torch.int64)),
    )
