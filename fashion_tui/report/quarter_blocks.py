"""Reduce each block of 2×2 pixels of an RGB image to two colours, which one cell can show.

This module imports NumPy, so other modules import it only when they draw an image.
"""

import numpy as np

from .resizing import Pixels

_SUBSETS = np.array([[subset >> quarter & 1 for quarter in range(4)] for subset in range(1, 8)])
"""The ways to divide four pixels into two groups, as `[7, 4]`: 1 for the first group, 0 for the second."""

MIN_SPREAD = 600
"""Minimum sum of the squared distances of four pixels from their mean for which two colours are used."""


def two_colours(planes: Pixels) -> tuple[list[list[int]], list[list[int]], list[list[int]]]:
    """Return the background, the ink and the mask of every cell of an RGB image, `[3, 2 * lines, 2 * columns]`.

    The colours (0xrrggbb) are the means of the two groups of pixels for which the squared error is smallest. Bit
    `2 * y + x` of the mask is set if the pixel at row `y` and column `x` of the cell has the colour of the ink.
    """
    _, height, width = planes.shape
    blocks = planes.reshape(3, height // 2, 2, width // 2, 2).transpose(1, 3, 2, 4, 0).reshape(-1, 4, 3).astype(float)
    total = blocks.sum(1)
    first = np.einsum("sq,bqc->bsc", _SUBSETS, blocks)  # [blocks, subsets, channels]
    size = _SUBSETS.sum(1)
    explained = (first**2).sum(2) / size + ((total[:, None] - first) ** 2).sum(2) / (4 - size)
    best = explained.argmax(1)
    rows = np.arange(len(blocks))
    is_plain = (blocks**2).sum((1, 2)) - (total**2).sum(1) / 4 < MIN_SPREAD
    ink = first[rows, best] / size[best, None]
    background = (total - first[rows, best]) / (4 - size[best, None])
    mean = total / 4
    ink[is_plain], background[is_plain] = mean[is_plain], mean[is_plain]
    shape = height // 2, width // 2
    return _packed(background, shape), _packed(ink, shape), (best + 1).reshape(shape).tolist()


def _packed(colours: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", shape: tuple[int, int]) -> list[list[int]]:
    red, green, blue = np.rint(colours).astype(np.uint32).T
    packed: list[list[int]] = (red << 16 | green << 8 | blue).reshape(shape).tolist()
    return packed
