"""Convert the output of a layer or function for one sample to greyscale images, one image per channel."""

import torch.nn.functional as F
from torch import Tensor

from fashion_tui.schema.dataset import ImageShape
from fashion_tui.schema.shapes import Shape

MAX_SIDE = 64
"""Maximum height and width of a feature map's image, in pixels."""


def as_planes(values: Tensor, shape: Shape) -> Tensor:
    """Return the output of a layer or function for one sample as float32 planes `[C, H, W]`.

    `shape` is the shape of the output without the batch axis. A vector becomes a nearly square plane, padded with the
    minimum of the vector.
    """
    planes = values.detach().float().reshape(shape)
    if planes.dim() >= 2:
        return planes.reshape(-1, *planes.shape[-2:])
    row = planes.reshape(-1)
    width = max(int(row.numel() ** 0.5 + 0.999), 1)
    height = -(-row.numel() // width)
    return F.pad(row, (0, width * height - row.numel()), value=row.min().item()).reshape(1, height, width)


def map_size(image_shape: ImageShape) -> tuple[int, int]:
    """Return the height and width of a feature map's image: that of the test image, at most MAX_SIDE."""
    _, height, width = image_shape
    scale = min(1.0, MAX_SIDE / max(height, width))
    return max(round(height * scale), 1), max(round(width * scale), 1)


def as_images(planes: Tensor, low: float, high: float, size: tuple[int, int]) -> tuple[bytes, ...]:
    """Convert planes to uint8 images of one height and width. `low` and NaN are black, `high` is white.

    Larger planes are downsampled by averaging. Smaller planes are enlarged by repeating values.
    """
    span = (high - low) or 1.0
    levels = ((planes - low) / span).nan_to_num(0.0, 1.0, 0.0).clamp(0.0, 1.0)
    pixels = F.adaptive_avg_pool2d(levels[None], size)[0].mul(255).round().byte()
    return tuple(plane.contiguous().numpy().tobytes() for plane in pixels)


def value_range(planes: Tensor) -> tuple[float, float]:
    """Return the minimum and maximum of the finite values, or (0, 0) if no value is finite."""
    finite = planes[planes.isfinite()]
    return (finite.min().item(), finite.max().item()) if finite.numel() else (0.0, 0.0)
