"""Resize images. Pixels are averaged by area when an image shrinks, and repeated when it grows.

This module imports NumPy, so other modules import it only when they draw an image.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Value = TypeVar("Value", np.uint8, np.int8)


def resize(pixels: npt.NDArray[Value], size: tuple[int, int]) -> npt.NDArray[Value]:
    """Resize an image, or several at once, from `[..., H, W]` to the height and width in `size`.

    If a side isn't a multiple of the new one, a pixel on the border of two new pixels contributes to both, in
    proportion to its area in each. The height is changed and rounded first, then the width.
    """
    rows = _resize_axis(pixels, size[0], -2)
    return _resize_axis(rows, size[1], -1)


def _resize_axis(pixels: npt.NDArray[Value], count: int, axis: int) -> npt.NDArray[Value]:
    size = pixels.shape[axis]
    if count == size:
        return pixels
    if count > size:
        repeated: npt.NDArray[Value] = pixels.take(np.arange(count) * size // count, axis)
        return repeated
    lines = np.moveaxis(pixels, axis, 0)
    # The new lines have count + 1 borders. Each border is at the start of the old line `whole`, or divides this line.
    whole, part = np.divmod(np.arange(count + 1) * size, count)
    sums = np.add.reduceat(lines, whole[:-1], axis=0, dtype=np.int64) * count
    divided = part.reshape(-1, *[1] * (lines.ndim - 1)) * lines[np.minimum(whole, size - 1)]
    totals = sums + np.diff(divided, axis=0)
    means: npt.NDArray[Value] = ((totals + size // 2) // size).astype(pixels.dtype)
    return np.moveaxis(means, 0, axis)
