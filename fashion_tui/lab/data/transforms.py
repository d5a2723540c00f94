"""Apply the transforms of training to one image and to a batch, step by step."""

import msgspec
import torch
from torch import Tensor

from fashion_tui.schema.picture import Picture
from fashion_tui.schema.recipe import Recipe
from fashion_tui.schema.transforms import TransformName, Transforms, TransformStep

from .augmentation import Augmentation
from .datasets import ImageBatches, Images
from .normalisation import normalise, per_channel

VALUES = 5
"""Number of consecutive pixels whose values are listed."""

MAX_GRID_IMAGES = 64
"""Maximum number of images in the grid."""

PICTURE_SIDE = 512
"""Maximum height and width of the picture of a step, in pixels."""

CPU = torch.device("cpu")


def transform_image(  # noqa: PLR0913
    images: Images, train: Images, index: int, recipe: Recipe, *, draw: int, nrow: int
) -> Transforms:
    """Apply the transforms of a recipe to the image `index` of `images`, and to a batch of the training set.

    `draw` is the seed of the augmentation and of the order of the images. Each row of the grid has `nrow` images.
    The grid has at most `nrow` rows, and at most MAX_GRID_IMAGES images.
    """
    from torchvision.utils import make_grid  # noqa: PLC0415 - takes 2 s

    pixels = images.pixels[index]
    _, height, width = pixels.shape
    row, column = height // 2, max((width - VALUES) // 2, 0)
    scaled = pixels.to(torch.float32) / 255
    normalised = normalise(pixels[None], recipe.mean, recipe.std)
    augmentation = Augmentation(recipe, len(images), images.shape, seed=draw, device=CPU)
    augmented = augmentation(normalised, torch.tensor([index]))[0]
    tensors: tuple[tuple[TransformName, Tensor, Tensor], ...] = (
        ("ToTensor", scaled, scaled),
        ("Normalize", normalised[0], _without_normalisation(normalised[0], recipe)),
        ("augmentation", augmented, _without_normalisation(augmented, recipe)),
    )
    image = pixels.permute(1, 2, 0)  # the order of axes that Pillow and NumPy use
    values = pixels[0, row, column : column + VALUES]
    steps = [_describe("image", image if image.shape[2] > 1 else image[..., 0], values, _picture(scaled))]
    for name, tensor, shown in tensors:
        steps.append(_describe(name, tensor, tensor[0, row, column : column + VALUES], _picture(shown)))
    batch = _training_batch(train, recipe, draw)
    chosen = batch[: min(nrow * nrow, MAX_GRID_IMAGES)]
    grid = make_grid(chosen, nrow=nrow)
    return Transforms(
        steps=tuple(steps),
        value_row=row,
        value_column=column,
        batch=_describe("batch", batch),
        grid=_describe("make_grid", grid, picture=_picture(_without_normalisation(grid, recipe))),
        grid_images=len(chosen),
    )


def _training_batch(train: Images, recipe: Recipe, seed: int) -> Tensor:
    """Return the first batch of an epoch as the network gets it, float32 `[B, C, H, W]`."""
    recipe = msgspec.structs.replace(recipe, batch_size=min(recipe.batch_size, len(train)))
    batches = ImageBatches(train, recipe, seed=seed, device=CPU)
    return batches.prepare(next(batches.epoch(0)))


def _without_normalisation(images: Tensor, recipe: Recipe) -> Tensor:
    """Reverse the normalisation of `[C, H, W]`."""
    return images * per_channel(recipe.std, CPU) + per_channel(recipe.mean, CPU)


def _describe(
    name: TransformName, result: Tensor, values: Tensor | None = None, picture: Picture | None = None
) -> TransformStep:
    numbers = result.to(torch.float64)
    return TransformStep(
        name=name,
        dtype=str(result.dtype).removeprefix("torch."),
        shape=tuple(result.shape),
        minimum=numbers.min().item(),
        mean=numbers.mean().item(),
        std=numbers.std(correction=0).item(),
        maximum=numbers.max().item(),
        values=() if values is None else tuple(values.tolist()),
        picture=picture,
    )


def _picture(image: Tensor) -> Picture:
    """Return an image `[C, H, W]` with values from 0 to 1 for display. Values outside this range are clipped."""
    _, height, width = image.shape
    longest = max(height, width)
    if longest > PICTURE_SIDE:
        size = [max(side * PICTURE_SIDE // longest, 1) for side in (height, width)]
        image = torch.nn.functional.interpolate(image[None], size=size, mode="area")[0]
    pixels = (image.clamp(0, 1) * 255).round().to(torch.uint8)
    channels, height, width = pixels.shape
    return Picture(pixels.numpy().tobytes(), (channels, height, width))
