"""Data sets that live on the device: all pictures in one tensor of bytes, cut into batches by their indices.

60,000 pictures of 28×28 bytes are 47 MB. With all of them where the network is, a batch is one gather and three
operations on small tensors, in place of the decoding, collating and copying of single pictures.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec
import torch
from torch import Tensor

from fashion_tui.data import files
from fashion_tui.data.sources import FASHION_MNIST, SYNTHETIC, SYNTHETIC_TEST, SYNTHETIC_TRAIN, Source, source_named
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.recipe import Recipe

from .augmentation import Augmentation
from .seeds import Purpose, generator_for
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
    source = source_named(ref.name)
    checked = SYNTHETIC if source is None else msgspec.structs.replace(ref, sha256=source.sha256)
    if ref.sha256 not in ("", checked.sha256):
        raise UserError(
            f"{ref.name} has changed since: its SHA-256 is {checked.sha256}, it was {ref.sha256}; start a new run"
        )
    if source is None:
        train, test = Images(*draw(SYNTHETIC_TRAIN, seed=0)), Images(*draw(SYNTHETIC_TEST, seed=1))
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


class ImageBatches:
    """The shuffled, normalised batches of every epoch of a training.

    The order of an epoch is a function of (seed, epoch) and of nothing else, and a step's batch is a slice of it. So a
    training that resumes in the middle of an epoch needs two numbers to go on with exactly the batches that were next.
    """

    def __init__(self, images: Images, recipe: Recipe, *, seed: int) -> None:
        """UsageError where the images don't fill one batch. The last batch of an epoch holds what is left."""
        if not 1 <= recipe.batch_size <= len(images):
            raise UsageError(
                f"batch size is {recipe.batch_size}; it must be from 1 to the {len(images):,} training images"
            )
        self.images = images
        self.recipe = recipe
        self.seed = seed

    def __len__(self) -> int:
        """Steps of an epoch."""
        return math.ceil(len(self.images) / self.recipe.batch_size)

    def order(self, epoch: int) -> Tensor:
        """int64 [N]: every index once, as that epoch visits them. Drawn on the CPU: the same for every device."""
        return torch.randperm(len(self.images), generator=generator_for(self.seed, Purpose.SHUFFLE, epoch))

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of an epoch from `first_step` on (0: the first): float32 [B, 1, 28, 28], int64 [B]."""
        pixels, labels, recipe = self.images.pixels, self.images.labels, self.recipe
        augmented = Augmentation(recipe, len(labels), seed=self.seed, epoch=epoch, device=pixels.device)
        for indices in self.order(epoch).to(pixels.device).split(recipe.batch_size)[first_step:]:
            images = normalise(pixels.index_select(0, indices), recipe.mean, recipe.std)
            yield augmented(images, indices), labels.index_select(0, indices)


def _read(source: Source, ref: DatasetRef) -> tuple[Images, Images]:
    """Training and test images, on the very memory that the files were read into."""
    train_images, train_labels, test_images, test_labels = (
        torch.frombuffer(numbers, dtype=torch.uint8).view(file.shape)
        for file, numbers in zip(source.files, files.read(ref), strict=True)
    )
    return (
        Images(train_images.unsqueeze(1), train_labels.to(torch.int64)),
        Images(test_images.unsqueeze(1), test_labels.to(torch.int64)),
    )
