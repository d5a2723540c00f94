"""Feature maps as pictures: what a step gives for one sample, each channel in greys."""

import torch.nn.functional as F
from torch import Tensor

from fashion_tui.schema.shapes import Shape

SIDE = 28
"""Pixels of a picture's side, as large as the test pictures are."""


def as_planes(values: Tensor, shape: Shape) -> Tensor:
    """What a step gave for a single sample as float32 planes `[C, H, W]`; `shape` is that of the sample.

    A single row of values is laid out in rows like a page, about as wide as high.
    """
    planes = values.detach().float().reshape(shape)
    if planes.dim() >= 2:
        return planes.reshape(-1, *planes.shape[-2:])
    row = planes.reshape(-1)
    width = max(int(row.numel() ** 0.5 + 0.999), 1)
    height = -(-row.numel() // width)
    return F.pad(row, (0, width * height - row.numel()), value=row.min().item()).reshape(1, height, width)


def as_images(planes: Tensor, low: float, high: float) -> tuple[bytes, ...]:
    """Planes `[C, H, W]` as uint8 [28, 28] each: black is `low` and what is no number, white is `high`.

    A pixel is the mean of what it covers, or one of several of the same value.
    """
    span = (high - low) or 1.0
    shares = ((planes - low) / span).nan_to_num(0.0, 1.0, 0.0).clamp(0.0, 1.0)
    pixels = F.adaptive_avg_pool2d(shares[None], (SIDE, SIDE))[0].mul(255).round().byte()
    return tuple(plane.contiguous().numpy().tobytes() for plane in pixels)


def value_range(planes: Tensor) -> tuple[float, float]:
    """Of the finite values; 0 and 0 where there are none."""
    finite = planes[planes.isfinite()]
    return (finite.min().item(), finite.max().item()) if finite.numel() else (0.0, 0.0)
