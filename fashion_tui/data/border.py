"""Measure the brightness of image borders, to tell a bright background from a dark one."""

import numpy as np
from numpy.typing import NDArray

MAX_SAMPLED = 1_000
"""Maximum number of images from which the brightness of a data set's border is computed."""


def border_brightness(images: NDArray[np.uint8], thickness: int = 1) -> float:
    """Return the median of the outermost pixels of images `[N, ..., H, W]`.

    If there are more than MAX_SAMPLED images, evenly spaced ones are used. `thickness` is the width of the border in
    pixels.
    """
    sampled = images[:: -(-len(images) // MAX_SAMPLED)]
    inner = slice(thickness, -thickness)
    sides = (
        sampled[..., :thickness, :],
        sampled[..., -thickness:, :],
        sampled[..., inner, :thickness],
        sampled[..., inner, -thickness:],
    )
    return float(np.median(np.concatenate([side.reshape(-1) for side in sides])))
