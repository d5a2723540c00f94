"""The augmentation of a batch, checked image by image."""

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from fashion_tui.lab.data.augmentation import Augmentation
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.recipe import Recipe

CPU = torch.device("cpu")
COUNT = 200
IMAGES = torch.randn(COUNT, 1, 28, 28, generator=torch.Generator().manual_seed(0))
ALL = torch.arange(COUNT)


def recipe_with(**changes: Any) -> Recipe:
    return msgspec.structs.replace(GUIDE, **changes)


def augmented(recipe: Recipe, epoch: int = 0, seed: int = 0, indices: Tensor = ALL) -> Tensor:
    augmentation = Augmentation(recipe, COUNT, (1, 28, 28), seed=seed, device=CPU)
    augmentation.start_epoch(epoch)
    return augmentation(IMAGES[indices], indices)


def mirrored(images: Tensor) -> list[bool]:
    return [torch.equal(image, before.flip(-1)) for image, before in zip(images, IMAGES, strict=True)]


def test_images_are_unchanged_without_augmentation() -> None:
    assert torch.equal(augmented(recipe_with()), IMAGES)


@pytest.mark.covers("recipe.flip")
def test_alternating_flip_mirrors_each_image_in_every_second_epoch() -> None:
    first, second = (augmented(recipe_with(flip="alternating"), epoch) for epoch in (0, 1))
    assert [not is_mirrored for is_mirrored in mirrored(first)] == mirrored(second)
    assert 0.35 < sum(mirrored(first)) / COUNT < 0.65
    assert torch.equal(augmented(recipe_with(flip="alternating"), 2), first)


@pytest.mark.covers("recipe.crop")
def test_each_image_is_shifted_independently_and_padded_with_black() -> None:
    recipe = recipe_with(crop=2)
    framed = np.full((COUNT, 32, 32), (0 - recipe.mean[0]) / recipe.std[0], dtype=np.float32)
    framed[:, 2:30, 2:30] = IMAGES[:, 0].numpy()
    shifts = []
    for before, after in zip(framed, augmented(recipe)[:, 0].numpy(), strict=True):
        found = [
            (row, column)
            for row in range(5)
            for column in range(5)
            if np.array_equal(before[row : row + 28, column : column + 28], after)
        ]
        assert len(found) == 1
        shifts += found
    counts = Counter(shifts)
    assert len(counts) == 25, "all 25 shifts occur"
    assert max(counts.values()) < 25, "the shifts are about equally frequent"
    assert not torch.equal(augmented(recipe, epoch=1), augmented(recipe, epoch=0))


@pytest.mark.covers("recipe.erase")
def test_a_rectangle_is_erased_from_half_of_the_images() -> None:
    after = augmented(recipe_with(erase=10)).squeeze(1)
    erased = after != IMAGES.squeeze(1)
    assert (after[erased] == 0).all()
    erased_images = 0
    sides = Counter[int]()
    for mask in erased:
        if mask.any():
            rows, columns = mask.any(dim=1).nonzero(), mask.any(dim=0).nonzero()
            height, width = (int(line.max() - line.min()) + 1 for line in (rows, columns))
            assert mask.sum() == height * width, "all erased pixels form one rectangle"
            erased_images += 1
            if not any(line.min() == 0 or line.max() == 27 for line in (rows, columns)):  # the border doesn't cut it
                sides.update((height, width))
    assert 0.35 < erased_images / COUNT < 0.65
    assert set(sides) == {5, 6, 7, 8, 9, 10}, "from half of `erase` to `erase`, both included"
    assert max(sides.values()) < 3 * min(sides.values()), "the sides are about equally frequent"


def test_transforms_keep_their_memory_addresses() -> None:
    """A CUDA graph reads from the memory addresses with which it was captured."""
    augmentation = Augmentation(recipe_with(**EVERYTHING), COUNT, (1, 28, 28), seed=0, device=CPU)
    before = {name: tensor.data_ptr() for name, tensor in augmentation._transforms.items()}
    first = augmentation(IMAGES, ALL)
    augmentation.start_epoch(1)
    assert {name: tensor.data_ptr() for name, tensor in augmentation._transforms.items()} == before
    assert len(before) == len(EVERYTHING)
    assert not torch.equal(augmentation(IMAGES, ALL), first)


EVERYTHING = {"flip": "alternating", "crop": 2, "erase": 8}


@pytest.mark.parametrize("changes", [{key: value} for key, value in EVERYTHING.items()] + [EVERYTHING], ids=str)
def test_augmentation_depends_only_on_seed_epoch_and_index(changes: dict[str, Any]) -> None:
    recipe = recipe_with(**changes)
    torch.manual_seed(5)
    every = augmented(recipe, epoch=3, seed=7)
    torch.rand(9)
    some = torch.tensor([4, 190, 17])
    assert torch.equal(augmented(recipe, epoch=3, seed=7, indices=some), every[some])
    assert not torch.equal(augmented(recipe, epoch=3, seed=8), every)
