"""Drawing on many small pictures at once, in torch: every operation works on a whole stack `[B, 28, 28]`.

A shape is a tensor that says how much of each pixel it covers, from 0 to 1; so edges are smooth without drawing larger
first. It is computed from a distance to the edge, positive inside (as in signed distance fields). Lengths are in halves
of a picture: x runs from -1 at the left to 1 at the right, y from -1 at the top to 1 at the bottom.

Only + - × ÷ √, comparisons and rounding are used, one to an operation: IEEE 754 fixes their results to the last bit, so
that a seed gives the same pictures on every machine and with any number of threads.
"""

from itertools import pairwise

import torch
from torch import Tensor

SIZE = 28
PIXEL = 2 / SIZE

Length = float | Tensor
"""One for all pictures, or [B, 1, 1]: one for each."""


class Sketch:
    """A stack of black pictures, the coordinates to draw in, and the dice that make each one different."""

    def __init__(self, count: int, generator: torch.Generator, *, standing: bool) -> None:
        """Where the thing stands, tilting it moves its rows sideways, else (a shoe) its columns up and down.

        Then y is the same along a row, [B, 28, 1], or x along a column, [B, 1, 28], and whatever is computed of it
        alone costs next to nothing.
        """
        self.count = count
        self.generator = generator
        self.canvas = torch.zeros(count, SIZE, SIZE)
        centres = (torch.arange(SIZE) * 2 - (SIZE - 1)) / SIZE
        across, down = centres.view(1, 1, SIZE), centres.view(1, SIZE, 1)
        tilt, shift = self.between(-0.06, 0.06), self.between(-0.05, 0.05)
        self.x = across - tilt * down - shift if standing else across - shift
        self.y = down - shift if standing else down - tilt * across - shift

    def between(self, low: float, high: float) -> Tensor:
        """[B, 1, 1]: a random number for each picture."""
        return torch.rand(self.count, 1, 1, generator=self.generator) * (high - low) + low

    def maybe(self, probability: float) -> Tensor:
        """[B, 1, 1]: 1 for about that share of the pictures, 0 for the others."""
        return (torch.rand(self.count, 1, 1, generator=self.generator) < probability).float()

    def paint(self, cover: Tensor, shade: Length) -> None:
        """Lays a shape over what is there, in that shade: 0 black, 1 white."""
        self.canvas += cover * (shade - self.canvas)


def edge(distance: Tensor) -> Tensor:
    """How much of a pixel is covered, that far inside the edge of a shape."""
    return (distance / PIXEL + 0.5).clamp(0, 1)


def band(position: Tensor, start: Length, end: Length) -> Tensor:
    """What lies between `start` and `end`."""
    return edge(position - start) * edge(end - position)


def outline(position: Tensor, *knots: tuple[Length, Length]) -> Tensor:
    """The polyline through the knots (position, value), level before the first and after the last one."""
    _, value = knots[0]
    result = value + torch.zeros_like(position)
    for (start, before), (end, after) in pairwise(knots):
        result = result + ((position - start) / (end - start)).clamp(0, 1) * (after - before)
    return result


def ellipse(x: Tensor, y: Tensor, width: Length, height: Length) -> Tensor:
    """Distance to the edge of an ellipse around the origin with these half axes; exact for a circle."""
    across, down = x / width, y / height
    radius = root(across * across + down * down)
    return (1 - radius) * torch.minimum(torch.as_tensor(width), torch.as_tensor(height))


def limb(x: Tensor, y: Tensor, start: tuple[Length, Length], end: tuple[Length, Length], *thickness: Length) -> Tensor:
    """Distance to the edge of a bar with round ends. `thickness` is from its axis: one for all of it, or one an end."""
    (left, top), (right, bottom) = start, end
    along, down = right - left, bottom - top
    x, y = x - left, y - top
    share = ((x * along + y * down) / (along * along + down * down)).clamp(0, 1)
    x, y = x - share * along, y - share * down
    first, last = thickness[0], thickness[-1]
    return first + share * (last - first) - root(x * x + y * y)


def root(square: Tensor) -> Tensor:
    """√, right to the last bit of float32.

    torch's own takes MKL's, whose last bit depends on the processor; by way of float64 that is rounded away.
    """
    return square.double().sqrt().float()
