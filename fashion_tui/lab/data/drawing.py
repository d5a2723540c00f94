"""Draw shapes on a batch of small images `[B, 28, 28]` with torch operations.

A shape is a tensor with the coverage of each pixel, from 0 to 1, which gives anti-aliased edges. The coverage is
computed from a signed distance field: the distance of each pixel to the edge, positive inside the shape. The x
coordinate runs from -1 at the left to 1 at the right, and y from -1 at the top to 1 at the bottom.

The code uses only +, -, ×, ÷, √, comparisons and rounding, each as a separate torch operation. IEEE 754 defines the
results of these operations to the last bit. The same seed therefore gives the same images on every machine and with any
number of threads.
"""

from itertools import pairwise

import torch
from torch import Tensor

SIZE = 28
PIXEL = 2 / SIZE

Length = float | Tensor
"""One value for all images, or a tensor `[B, 1, 1]` with one value per image."""


class Sketch:
    """A batch of black images to draw on, with pixel coordinates and a generator for random variations."""

    def __init__(self, count: int, generator: torch.Generator, *, upright: bool) -> None:
        """Create a black canvas and slightly tilted and shifted pixel coordinates.

        Tilting is a shear. For an upright garment, the shear only shifts rows sideways, so `y` has shape `[B, 28, 1]`.
        For a shoe, the shear only shifts columns up and down, so `x` has shape `[B, 1, 28]`. Operations on these small
        tensors are nearly free.
        """
        self.count = count
        self.generator = generator
        self.canvas = torch.zeros(count, SIZE, SIZE)
        centres = (torch.arange(SIZE) * 2 - (SIZE - 1)) / SIZE
        across, down = centres.view(1, 1, SIZE), centres.view(1, SIZE, 1)
        tilt, shift = self.between(-0.06, 0.06), self.between(-0.05, 0.05)
        self.x = across - tilt * down - shift if upright else across - shift
        self.y = down - shift if upright else down - tilt * across - shift

    def between(self, low: float, high: float) -> Tensor:
        """Return a random number for each image, `[B, 1, 1]`, drawn uniformly between `low` and `high`."""
        return torch.rand(self.count, 1, 1, generator=self.generator) * (high - low) + low

    def maybe(self, probability: float) -> Tensor:
        """Return a random 0 or 1 for each image, `[B, 1, 1]`. `probability` is the probability of 1."""
        return (torch.rand(self.count, 1, 1, generator=self.generator) < probability).float()

    def paint(self, coverage: Tensor, shade: Length) -> None:
        """Paint a shape over the canvas. Shade 0 is black, and shade 1 is white."""
        self.canvas += coverage * (shade - self.canvas)


def edge(distance: Tensor) -> Tensor:
    """Return the coverage of each pixel, given its signed distance from the edge of a shape."""
    return (distance / PIXEL + 0.5).clamp(0, 1)


def band(position: Tensor, start: Length, end: Length) -> Tensor:
    """Return how much of each pixel is covered by a band from `start` to `end`.

    `position` is the position of each pixel across the band.
    """
    return edge(position - start) * edge(end - position)


def outline(position: Tensor, *knots: tuple[Length, Length]) -> Tensor:
    """Interpolate linearly between (position, value) knots.

    Before the first knot and after the last knot, the result is constant.
    """
    _, value = knots[0]
    result = value + torch.zeros_like(position)
    for (start, before), (end, after) in pairwise(knots):
        result = result + ((position - start) / (end - start)).clamp(0, 1) * (after - before)
    return result


def ellipse(x: Tensor, y: Tensor, width: Length, height: Length) -> Tensor:
    """Return the signed distance to an ellipse with the given semi-axes, centred at the origin.

    The distance is exact for a circle, and approximate otherwise.
    """
    across, down = x / width, y / height
    radius = square_root(across * across + down * down)
    return (1 - radius) * torch.minimum(torch.as_tensor(width), torch.as_tensor(height))


def limb(x: Tensor, y: Tensor, start: tuple[Length, Length], end: tuple[Length, Length], *thickness: Length) -> Tensor:
    """Return the signed distance to a bar with round ends.

    `thickness` is one radius for the whole bar, or one radius for each end.
    """
    (left, top), (right, bottom) = start, end
    along, down = right - left, bottom - top
    x, y = x - left, y - top
    share = ((x * along + y * down) / (along * along + down * down)).clamp(0, 1)
    x, y = x - share * along, y - share * down
    first, last = thickness[0], thickness[-1]
    return first + share * (last - first) - square_root(x * x + y * y)


def square_root(square: Tensor) -> Tensor:
    """Return the correctly rounded square root in float32.

    torch computes square roots with MKL, whose results differ in the last bit between processors. Computing in float64
    and then rounding removes this difference.
    """
    return square.double().sqrt().float()
