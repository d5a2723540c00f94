"""The size of a tensor at a glance: a small bar, as wide as it has channels and as high as its picture."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from fashion_tui.schema.shapes import Shape

from .glyphs import Glyphs

WIDEST = 10
"""Cells of the tensor with the most channels."""


@dataclass(frozen=True, slots=True)
class TensorScale:
    """What the bars of a network are measured by."""

    channels: int
    """The most that a tensor has."""
    side: float
    """The largest side of a picture, if pictures were square."""

    @classmethod
    def of(cls, shapes: Iterable[Shape]) -> "TensorScale":
        known = [shape for shape in shapes if shape]
        return cls(max((shape[0] for shape in known), default=1), max(map(_side, known), default=1.0))

    def bar(self, shape: Shape, glyphs: Glyphs) -> str:
        """`▆▆▆▆`: the logarithm of the channels in its width, the root of the side in its height; rows of values flat.

        Halving a side takes a fifth to a third off the height, so that five halvings can be told apart.
        """
        if not shape:
            return glyphs.levels[0]
        width = 1 + round((WIDEST - 1) * math.log(max(shape[0], 1)) / math.log(max(self.channels, 2)))
        tallest = len(glyphs.levels) - 2  # a full cell would run into those above and below
        level = 0 if len(shape) == 1 else max(round(tallest * (_side(shape) / self.side) ** 0.5), 1)
        return glyphs.levels[level] * width


def _side(shape: Shape) -> float:
    return math.prod(shape[1:]) ** 0.5 if len(shape) > 1 else 1.0
