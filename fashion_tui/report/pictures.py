"""Draw images of any shape as lines of terminal text, with or without a heat map."""

import math
from array import array
from collections.abc import Sequence

from rich.segment import Segment

from fashion_tui.schema.dataset import ImageShape
from fashion_tui.schema.picture import Picture

from .colormap import heat_colour
from .pixels import INK, INK_STYLE, Shading, Size, colour_cells, grey_image, half_blocks, pixel_rows

MAX_HEAT = 127
"""Number that stands for 1 in `Picture.heat`."""

NEGATIVE_INK = " 123456789"
"""Characters for negative heat, from 0 to the largest magnitude."""

HEAT_GAP = 1
"""Columns between an image and its heat map, if they are side by side."""

IMAGE_LIGHT = 0.6
"""Brightness of the image under a heat map, relative to the original. The heat stands out on a darker image."""

THUMBNAIL_SIDE = 64
"""Maximum width and height of a thumbnail, in pixels."""

MAX_OPACITY = 0.75
"""Opacity of the heat map where its value is 1 or −1. Elsewhere, the opacity is proportional to the magnitude."""


def fit(shape: ImageShape, available: Size) -> Size:
    """Return the largest size, in lines and columns, at which an image fits and keeps its aspect ratio.

    A line is as high as two columns are wide. Each pixel of an enlarged image has the same whole number of columns.
    """
    _, height, width = shape
    lines, columns = available
    scale = min(2 * lines / height, columns / width)
    if scale >= 1:
        return -(-height * int(scale) // 2), width * int(scale)
    return max(round(height * scale / 2), 1), max(round(width * scale), 1)


def fit_pixels(shape: ImageShape, available: Size) -> Size:
    """Return the largest height and width, in pixels, at which an image fits into `available` pixels.

    The image keeps its aspect ratio. Each pixel of an enlarged image becomes a square with a whole number of pixels.
    """
    _, height, width = shape
    scale = min(available[0] / height, available[1] / width)
    if scale >= 1:
        return height * int(scale), width * int(scale)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def fit_picture(picture: Picture, available: Size, shading: Shading) -> Size:
    """Return the largest size, in lines and columns, at which `draw_picture` fits into `available`."""
    lines, columns = available
    if not _is_beside(picture, shading):
        return fit(picture.shape, available)
    lines, columns = fit(picture.shape, (lines, max((columns - HEAT_GAP) // 2, 1)))
    return lines, 2 * columns + HEAT_GAP


def draw_picture(picture: Picture, size: Size, shading: Shading) -> list[list[Segment]]:
    """Draw an image with a size from `fit_picture`, in lines and columns.

    A heat map is drawn over the image. If the terminal has no colours, it is drawn beside the image: positive values
    as characters of different density, negative values as digits.
    """
    lines, columns = size
    image_size = (picture.height, picture.width)
    if _is_beside(picture, shading):
        cells = lines, (columns - HEAT_GAP) // 2
        image = draw_picture(Picture(picture.pixels, picture.shape), cells, shading)
        heat = _heat_characters(picture, cells)
        return [[*left, Segment(" " * HEAT_GAP, INK_STYLE), *right] for left, right in zip(image, heat, strict=True)]
    if picture.heat:
        picture = blend(picture)
    if picture.channels == 1:
        return grey_image(picture.pixels, image_size, size, shading)
    if shading is Shading.CHARACTERS:
        return grey_image(luminance(picture), image_size, size, shading)
    return _colour_image(picture, size, shading)


def overlay(picture: Picture, heat: Sequence[float]) -> Picture:
    """Return the image with a heat map over it.

    `heat` contains a value in [−1, 1] for each pixel, row by row. NaN counts as 0.
    """
    levels = (0 if math.isnan(value) else round(MAX_HEAT * min(max(value, -1.0), 1.0)) for value in heat)
    return Picture(picture.pixels, picture.shape, array("b", levels).tobytes())


def blend(picture: Picture) -> Picture:
    """Return an RGB image in which the colours of the heat map cover a darker, grey copy of the image.

    If a value is negative, negative values are blue and positive ones orange. Otherwise, the colours are viridis.
    """
    import numpy as np  # noqa: PLC0415 -- only images need it, and importing it takes 80 ms

    heat = np.frombuffer(picture.heat, np.int8)
    low = -MAX_HEAT if heat.min() < 0 else 0
    colours = np.array([heat_colour(level, low, MAX_HEAT) for level in range(-MAX_HEAT, MAX_HEAT + 1)], np.uint32)
    colours = colours[heat.astype(int) + MAX_HEAT]
    opacity = np.abs(heat.astype(float)) * (MAX_OPACITY / MAX_HEAT)
    grey = np.frombuffer(luminance(picture), np.uint8) * IMAGE_LIGHT
    planes = [(1 - opacity) * grey + opacity * (colours >> shift & 255) for shift in (16, 8, 0)]
    return Picture(np.rint(planes).astype(np.uint8).tobytes(), (3, picture.height, picture.width))


def luminance(picture: Picture) -> bytes:
    """Return the brightness of each pixel, uint8 `[H, W]`, as in ITU-R BT.601."""
    if picture.channels == 1:
        return picture.pixels
    import numpy as np  # noqa: PLC0415

    red, green, blue = np.frombuffer(picture.pixels, np.uint8).reshape(3, -1).astype(np.uint32)
    return ((299 * red + 587 * green + 114 * blue) // 1000).astype(np.uint8).tobytes()


def thumbnail(picture: Picture) -> Picture:
    """Return the image and its heat map, reduced so that no side is longer than THUMBNAIL_SIDE."""
    longest = max(picture.height, picture.width)
    if longest <= THUMBNAIL_SIDE:
        return picture
    import numpy as np  # noqa: PLC0415

    from .resizing import resize  # noqa: PLC0415

    height, width = (max(side * THUMBNAIL_SIDE // longest, 1) for side in picture.shape[1:])
    pixels = resize(np.frombuffer(picture.pixels, np.uint8).reshape(picture.shape), (height, width)).tobytes()
    heat = picture.heat
    if heat:
        heat = resize(np.frombuffer(heat, np.int8).reshape(picture.shape[1:]), (height, width)).tobytes()
    return Picture(pixels, (picture.channels, height, width), heat)


def _is_beside(picture: Picture, shading: Shading) -> bool:
    return bool(picture.heat) and shading is Shading.CHARACTERS


def _heat_characters(picture: Picture, cells: Size) -> list[list[Segment]]:
    import numpy as np  # noqa: PLC0415

    from .resizing import resize  # noqa: PLC0415

    heat = resize(np.frombuffer(picture.heat, np.int8).reshape(picture.shape[1:]), cells)
    return [[Segment("".join(map(_heat_character, row)), INK_STYLE)] for row in heat.tolist()]


def _heat_character(level: int) -> str:
    characters = INK if level >= 0 else NEGATIVE_INK
    return characters[round(abs(level) / MAX_HEAT * (len(characters) - 1))]


def _colour_image(picture: Picture, size: Size, shading: Shading) -> list[list[Segment]]:
    import numpy as np  # noqa: PLC0415

    from .resizing import resize  # noqa: PLC0415

    lines, columns = size
    planes = np.frombuffer(picture.pixels, np.uint8).reshape(picture.shape)
    if 2 * columns <= picture.width:
        from .quarter_blocks import two_colours  # noqa: PLC0415

        parts = two_colours(resize(planes, (2 * lines, 2 * columns)))
        return [colour_cells(zip(*row, strict=True), shading) for row in zip(*parts, strict=True)]
    rows = pixel_rows((picture.height, picture.width), size)
    red, green, blue = resize(planes, (rows, columns)).astype(np.uint32)
    colours = (red << 16 | green << 8 | blue).tolist()
    colours += [[0] * columns] * (rows % 2)
    return [half_blocks(upper, lower, shading) for upper, lower in zip(colours[::2], colours[1::2], strict=True)]
