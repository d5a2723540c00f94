"""Corrupt images in four ways, each at five strengths, to measure how robust a network is."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fashion_tui.schema.robustness import CorruptionName

REFERENCE_SIDE = 28
"""Side of the images, in pixels, for which distances are defined. Distances are proportional to the shorter side."""


def add_noise(pixels: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise with a standard deviation of 255 × `deviation` to each value."""
    return pixels + 255 * deviation * torch.randn(pixels.shape, generator=generator)


def shift(pixels: Tensor, distance: float, generator: torch.Generator) -> Tensor:
    """Move each image by `distance` pixels to the right, down, to the left or up, at random."""
    direction = torch.randint(4, (len(pixels),), generator=generator) * (math.pi / 2)
    columns, rows = distance * direction.cos(), distance * direction.sin()
    height, width = pixels.shape[2:]
    matrices = torch.eye(2, 3).repeat(len(pixels), 1, 1)
    # Output (x, y) shows input (x - columns, y - rows); the sides of an image are 2 units long.
    matrices[:, 0, 2], matrices[:, 1, 2] = -2 * columns / width, -2 * rows / height
    return _resample(pixels, matrices)


def rotate(pixels: Tensor, degrees: float, generator: torch.Generator) -> Tensor:
    """Rotate each image about its centre by `degrees`, clockwise or anticlockwise at random."""
    sign = 2 * torch.randint(2, (len(pixels),), generator=generator) - 1
    angle = math.radians(degrees) * sign
    height, width = pixels.shape[2:]
    matrices = torch.zeros(len(pixels), 2, 3)
    matrices[:, 0, 0] = matrices[:, 1, 1] = angle.cos()
    matrices[:, 0, 1], matrices[:, 1, 0] = angle.sin() * height / width, -angle.sin() * width / height
    return _resample(pixels, matrices)


def blur(pixels: Tensor, deviation: float, _generator: torch.Generator) -> Tensor:
    """Blur images with a Gaussian whose standard deviation is `deviation` pixels.

    The weights exp(-d² / (2 `deviation`²)) of the distances d up to 3 `deviation`, rounded up to whole pixels, are
    scaled to a sum of 1. They are applied to the columns and then to the rows.
    """
    radius = math.ceil(3 * deviation)
    weights = torch.exp(-(torch.arange(-radius, radius + 1) ** 2) / (2 * deviation**2))
    weights /= weights.sum()
    planes = F.pad(pixels.flatten(0, 1).unsqueeze(1), (radius, radius, radius, radius), mode="replicate")
    columns = F.conv2d(planes, weights.view(1, 1, -1, 1))
    return F.conv2d(columns, weights.view(1, 1, 1, -1)).view(pixels.shape)


@dataclass(frozen=True)
class Corruption:
    """A kind of corruption and its five strengths."""

    apply: Callable[[Tensor, float, torch.Generator], Tensor]
    strengths: tuple[float, ...]
    unit: str
    is_distance: bool
    """Whether the strengths are distances in pixels, which grow in proportion to the size of the images."""

    def strengths_for(self, height: int, width: int) -> tuple[float, ...]:
        """Return the strengths for images of this size."""
        scale = min(height, width) / REFERENCE_SIDE if self.is_distance else 1.0
        return tuple(strength * scale for strength in self.strengths)


CORRUPTIONS: Mapping[CorruptionName, Corruption] = {
    "noise": Corruption(add_noise, (0.05, 0.1, 0.15, 0.2, 0.25), "standard deviation", is_distance=False),
    "shift": Corruption(shift, (1.0, 2.0, 3.0, 4.0, 5.0), "pixels", is_distance=True),
    "rotation": Corruption(rotate, (6.0, 12.0, 18.0, 24.0, 30.0), "degrees", is_distance=False),
    "blur": Corruption(blur, (0.4, 0.8, 1.2, 1.6, 2.0), "pixels", is_distance=True),
}


def corrupt(pixels: Tensor, name: CorruptionName, strength: float, generator: torch.Generator) -> Tensor:
    """Corrupt uint8 images `[N, C, H, W]` before they are normalised. The results are rounded and limited to 0 to 255.

    `strength` is the parameter of the corruption: see `add_noise`, `shift`, `rotate` and `blur`. Pixels from outside an
    image have the value of the nearest pixel at its border. Values between pixels are interpolated bilinearly.
    """
    corrupted = CORRUPTIONS[name].apply(pixels.to(torch.float32), strength, generator)
    return corrupted.round_().clamp_(0, 255).to(torch.uint8)


def _resample(pixels: Tensor, matrices: Tensor) -> Tensor:
    """Apply an affine transform to each image. `matrices` `[N, 2, 3]` map output to input positions, in [-1, 1]."""
    grid = F.affine_grid(matrices, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)
