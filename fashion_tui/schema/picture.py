"""An image of any shape, with an optional heat map over it."""

import math

import msgspec

from .dataset import ImageShape


class Picture(msgspec.Struct, frozen=True):
    """An image to draw."""

    pixels: bytes
    """Pixels as uint8 `[C, H, W]`: 0 is black, 255 is white."""
    shape: ImageShape
    heat: bytes = b""
    """Heat map to draw over the image, as int8 `[H, W]`: 127 stands for 1, and −127 for −1. Empty if there is none."""

    def __post_init__(self) -> None:
        if self.shape[0] not in {1, 3} or min(self.shape) < 1:
            raise ValueError(f"the shape is {list(self.shape)}; an image has the shape [1, H, W] or [3, H, W]")
        if len(self.pixels) != math.prod(self.shape):
            raise ValueError(f"pixels has {len(self.pixels)} bytes; expected {math.prod(self.shape)}")
        if len(self.heat) not in {0, self.height * self.width}:
            raise ValueError(f"heat has {len(self.heat)} bytes; expected {self.height * self.width}")

    @property
    def channels(self) -> int:
        return self.shape[0]

    @property
    def height(self) -> int:
        return self.shape[1]

    @property
    def width(self) -> int:
        return self.shape[2]
