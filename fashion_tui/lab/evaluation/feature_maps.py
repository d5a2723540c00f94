"""Convert the output of a layer or function for one sample to greyscale images, one image per channel."""

import torch.nn.functional as F
from torch import Tensor

from fashion_tui.schema.shapes import Shape

SIDE = 28
"""Height and width of a feature map's image, in pixels. The test images have the same size."""


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


def as_images(planes: Tensor, low: float, high: float) -> tuple[bytes, ...]:
    """Convert planes `[C, H, W]` to uint8 images `[28, 28]`, in which `low` and NaN are black and `high` is white.

    Planes larger than 28×28 are downsampled by averaging. Smaller planes are enlarged by repeating values.
    """
    span = (high - low) or 1.0
    levels = ((planes - low) / span).nan_to_num(0.0, 1.0, 0.0).clamp(0.0, 1.0)
    pixels = F.adaptive_avg_pool2d(levels[None], (SIDE, SIDE))[0].mul(255).round().byte()
    return tuple(plane.contiguous().numpy().tobytes() for plane in pixels)


def value_range(planes: Tensor) -> tuple[float, float]:
    """Return the minimum and maximum of the finite values, or (0, 0) if no value is finite."""
    finite = planes[planes.isfinite()]
    return (finite.min().item(), finite.max().item()) if finite.numel() else (0.0, 0.0)
