"""What an epoch does to the pictures, against the same done one picture at a time."""

from typing import Any

import msgspec
import torch
from torch import Tensor

from fashion_tui.lab.augmentation import Augmentation
from fashion_tui.schema.recipe import GUIDE, Recipe

CPU = torch.device("cpu")
COUNT = 200
IMAGES = torch.randn(COUNT, 1, 28, 28, generator=torch.Generator().manual_seed(0))
ALL = torch.arange(COUNT)


def recipe(**changes: Any) -> Recipe:
    return msgspec.structs.replace(GUIDE, **changes)


def augmented(wanted: Recipe, epoch: int = 0, seed: int = 0, places: Tensor = ALL) -> Tensor:
    return Augmentation(wanted, COUNT, seed=seed, epoch=epoch, device=CPU)(IMAGES[places], places)


def mirrored(images: Tensor) -> list[bool]:
    return [torch.equal(image, before.flip(-1)) for image, before in zip(images, IMAGES, strict=True)]


def test_without_augmentation_pictures_stay_as_they_are() -> None:
    assert torch.equal(augmented(recipe()), IMAGES)


def test_alternating_shows_both_sides_in_two_epochs() -> None:
    first, second = (augmented(recipe(flip="alternating"), epoch) for epoch in (0, 1))
    assert [not one for one in mirrored(first)] == mirrored(second)
    assert 0.35 < sum(mirrored(first)) / COUNT < 0.65
    assert torch.equal(augmented(recipe(flip="alternating"), 2), first)


def test_it_is_a_function_of_seed_epoch_and_place_alone() -> None:
    wanted = recipe(flip="alternating")
    torch.manual_seed(5)
    whole = augmented(wanted, epoch=3, seed=7)
    torch.rand(9)
    some = torch.tensor([4, 190, 17])
    assert torch.equal(augmented(wanted, epoch=3, seed=7, places=some), whole[some])
    assert not torch.equal(augmented(wanted, epoch=3, seed=8), whole)
