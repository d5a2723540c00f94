"""What an epoch does to the pictures, against the same done one picture at a time."""

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from fashion_tui.lab.data.augmentation import Augmentation
from fashion_tui.schema.recipe import GUIDE, Recipe

CPU = torch.device("cpu")
COUNT = 200
IMAGES = torch.randn(COUNT, 1, 28, 28, generator=torch.Generator().manual_seed(0))
ALL = torch.arange(COUNT)


def recipe(**changes: Any) -> Recipe:
    return msgspec.structs.replace(GUIDE, **changes)


def augmented(wanted: Recipe, epoch: int = 0, seed: int = 0, indices: Tensor = ALL) -> Tensor:
    augmentation = Augmentation(wanted, COUNT, seed=seed, device=CPU)
    augmentation.start_epoch(epoch)
    return augmentation(IMAGES[indices], indices)


def mirrored(images: Tensor) -> list[bool]:
    return [torch.equal(image, before.flip(-1)) for image, before in zip(images, IMAGES, strict=True)]


def test_without_augmentation_pictures_stay_as_they_are() -> None:
    assert torch.equal(augmented(recipe()), IMAGES)


def test_alternating_shows_both_sides_in_two_epochs() -> None:
    first, second = (augmented(recipe(flip="alternating"), epoch) for epoch in (0, 1))
    assert [not one for one in mirrored(first)] == mirrored(second)
    assert 0.35 < sum(mirrored(first)) / COUNT < 0.65
    assert torch.equal(augmented(recipe(flip="alternating"), 2), first)


def test_each_picture_is_moved_by_its_own_and_black_comes_in() -> None:
    wanted = recipe(crop=2)
    framed = np.full((COUNT, 32, 32), (0 - wanted.mean) / wanted.std, dtype=np.float32)
    framed[:, 2:30, 2:30] = IMAGES[:, 0].numpy()
    moves = []
    for before, after in zip(framed, augmented(wanted)[:, 0].numpy(), strict=True):
        found = [
            (row, column)
            for row in range(5)
            for column in range(5)
            if np.array_equal(before[row : row + 28, column : column + 28], after)
        ]
        assert len(found) == 1
        moves += found
    counts = Counter(moves)
    assert len(counts) == 25, "all of them occur"
    assert max(counts.values()) < 25, "and none more often than chance has it"
    assert not torch.equal(augmented(wanted, epoch=1), augmented(wanted, epoch=0))


def test_half_of_the_pictures_lose_a_rectangle() -> None:
    after = augmented(recipe(erase=10)).squeeze(1)
    lost = after != IMAGES.squeeze(1)
    assert (after[lost] == 0).all()
    losers = 0
    for one in lost:
        if one.any():
            rows, columns = one.any(dim=1).nonzero(), one.any(dim=0).nonzero()
            height, width = (int(line.max() - line.min()) + 1 for line in (rows, columns))
            assert one.sum() == height * width, "a rectangle, and nothing beside it"
            assert max(height, width) <= 10
            losers += 1
    assert 0.35 < losers / COUNT < 0.65


def test_what_is_transforms_stays_in_its_place() -> None:
    """A CUDA graph goes on reading from where it was recorded."""
    augmentation = Augmentation(recipe(**EVERYTHING), COUNT, seed=0, device=CPU)
    before = {what: tensor.data_ptr() for what, tensor in augmentation._transforms.items()}
    first = augmentation(IMAGES, ALL)
    augmentation.start_epoch(1)
    assert {what: tensor.data_ptr() for what, tensor in augmentation._transforms.items()} == before
    assert len(before) == len(EVERYTHING)
    assert not torch.equal(augmentation(IMAGES, ALL), first)


EVERYTHING = {"flip": "alternating", "crop": 2, "erase": 8}


@pytest.mark.parametrize("what", [{key: value} for key, value in EVERYTHING.items()] + [EVERYTHING], ids=str)
def test_it_is_a_function_of_seed_epoch_and_place_alone(what: dict[str, Any]) -> None:
    wanted = recipe(**what)
    torch.manual_seed(5)
    whole = augmented(wanted, epoch=3, seed=7)
    torch.rand(9)
    some = torch.tensor([4, 190, 17])
    assert torch.equal(augmented(wanted, epoch=3, seed=7, indices=some), whole[some])
    assert not torch.equal(augmented(wanted, epoch=3, seed=8), whole)
