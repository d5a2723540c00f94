"""The steps from an image to a batch, compared with torchvision's transforms and NumPy."""

import msgspec
import numpy as np
import pytest
import torch
from torchvision import transforms
from torchvision.utils import make_grid

from fashion_tui.lab.data.augmentation import Augmentation
from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.data.transforms import MAX_GRID_IMAGES, VALUES, transform_image
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.recipe import Recipe

COLOUR = msgspec.structs.replace(
    GUIDE, mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3), flip="alternating", crop=2, erase=6, batch_size=100
)


def random_images(count: int, channels: int, height: int, width: int) -> Images:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=generator)
    return Images(pixels, torch.zeros(count, dtype=torch.int64))


@pytest.mark.parametrize(("channels", "recipe"), [(1, GUIDE), (3, COLOUR)])
def test_each_step_equals_torchvision(channels: int, recipe: Recipe) -> None:
    images = random_images(120, channels, 12, 16)
    index, draw = 17, 3
    shown = transform_image(images, images, index, recipe, draw=draw, nrow=5)
    image, scaled, normalised, augmented = shown.steps
    pixels = images.pixels[index].permute(1, 2, 0).numpy()
    expected = transforms.ToTensor()(pixels)
    assert image.dtype == "uint8"
    assert image.shape == ((12, 16) if channels == 1 else (12, 16, 3))
    assert (image.minimum, image.maximum) == (pixels.min(), pixels.max())
    assert (image.mean, image.std) == pytest.approx((pixels.mean(), pixels.std()))
    row, column = shown.value_row, shown.value_column
    assert list(image.values) == pixels[row, column : column + VALUES, 0].tolist()
    assert list(scaled.values) == expected[0, row, column : column + VALUES].tolist()
    mean, std = (values * (channels // len(values)) for values in (recipe.mean, recipe.std))
    expected = transforms.Normalize(mean, std)(expected)
    assert list(normalised.values) == expected[0, row, column : column + VALUES].tolist()
    assert normalised.shape == (channels, 12, 16)
    assert normalised.mean == pytest.approx(expected.double().mean().item())
    assert normalised.std == pytest.approx(np.std(expected.double().numpy()))
    assert normalised.picture is not None
    assert normalised.picture.pixels == images.pixels[index].numpy().tobytes(), "the same image without normalisation"
    augment = Augmentation(recipe, 120, images.shape, seed=draw, device=torch.device("cpu"))
    expected = augment(expected[None], torch.tensor([index]))[0]
    assert list(augmented.values) == expected[0, row, column : column + VALUES].tolist()


def test_a_batch_and_its_grid() -> None:
    images = random_images(120, 3, 12, 16)
    for nrow, count in ((2, 4), (5, 25), (8, MAX_GRID_IMAGES), (9, MAX_GRID_IMAGES)):
        shown = transform_image(images, images, 0, COLOUR, draw=1, nrow=nrow)
        assert shown.batch.shape == (100, 3, 12, 16)
        assert shown.grid_images == count
        assert shown.grid.shape == tuple(make_grid(torch.zeros(count, 3, 12, 16), nrow=nrow).shape)
    small = transform_image(images[:3], images[:3], 0, COLOUR, draw=1, nrow=8)
    assert small.batch.shape == (3, 3, 12, 16)
    assert small.grid_images == 3


def test_each_draw_augments_differently_and_can_be_repeated() -> None:
    images = random_images(120, 3, 12, 16)

    def augmented(draw: int) -> bytes:
        picture = transform_image(images, images, 5, COLOUR, draw=draw, nrow=8).steps[-1].picture
        assert picture is not None
        return picture.pixels

    assert augmented(1) == augmented(1)
    assert len({augmented(draw) for draw in range(6)}) > 3


def test_pictures_of_large_images_are_reduced() -> None:
    images = random_images(2, 1, 600, 1200)
    picture = transform_image(images, images, 0, GUIDE, draw=0, nrow=8).steps[0].picture
    assert picture is not None
    assert picture.shape == (1, 256, 512)
