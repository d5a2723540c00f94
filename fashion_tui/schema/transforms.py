"""What happens to an image before the network gets it: the transforms of training, a batch, and a grid of images."""

from typing import Literal

import msgspec

from .picture import Picture

TransformName = Literal["image", "ToTensor", "Normalize", "augmentation", "batch", "make_grid"]


class TransformStep(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a transform."""

    name: TransformName
    dtype: str
    """Element type of the result: `uint8` or `float32`."""
    shape: tuple[int, ...]
    """Shape of the result: `[H, W, C]` of the image, `[C, H, W]` of a tensor, and `[B, C, H, W]` of a batch."""
    minimum: float
    mean: float
    std: float
    """Standard deviation of all values, divided by their number N, not N − 1."""
    maximum: float
    values: tuple[float, ...] = ()
    """Values in the middle of the image: the first channel of consecutive pixels in one row."""
    picture: Picture | None = None
    """The result as an image, without normalisation, reduced if it is large. None for the batch, which the grid shows.
    """


class Transforms(msgspec.Struct, frozen=True, kw_only=True):
    """The transforms of an image, and a batch that the network gets in training."""

    steps: tuple[TransformStep, ...]
    """The image, ToTensor, Normalize, and the augmentation."""
    value_row: int
    """Row of the pixels in `TransformStep.values`, counted from 0."""
    value_column: int
    """Column of the first pixel in `TransformStep.values`, counted from 0."""
    batch: TransformStep
    """The first batch of an epoch. Its images are augmented."""
    grid: TransformStep
    """The first images of the batch, arranged by torchvision's make_grid."""
    grid_images: int
    """Number of images in the grid."""
