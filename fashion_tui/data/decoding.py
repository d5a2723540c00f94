"""Decode image files and fit them into a square.

The images of a folder and the images to predict take the same two steps, `decode` and `fit_to`, so a network sees both
in the same way.
"""

import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from fashion_tui.files import open_regular
from fashion_tui.schema.dataset import Fit
from fashion_tui.schema.text import one_line

DecodedImage = NDArray[np.uint8]
"""A decoded image: uint8 `[H, W]` if every pixel is grey, and `[H, W, 3]` (red, green, blue) otherwise."""

EXTENSIONS = frozenset(
    "avif bmp gif jfif jp2 jpe jpeg jpg pbm pgm png pnm ppm tif tiff webp".split()  # noqa: SIM905 - easier to read
)
"""Extensions of image files, in lower case. The format is determined by the content, not by the extension."""

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF")
"""Pillow's names of the formats. Each format begins with a signature, so other files aren't mistaken for images."""

MAX_PIXELS = 100_000_000
"""Maximum number of pixels in an image. A small file can contain an image so large that it would fill the memory."""

BLOCK_ROWS = 64
"""Number of rows of an image that are searched for colours at once."""

# Pillow's warnings, for example about damaged metadata, would appear on the screen of the app.
warnings.filterwarnings("ignore", module=r"PIL\.")


class UnreadableImage(Exception):
    """Raised when a file can't be decoded. The message is a one-line reason."""


def decode(path: Path) -> DecodedImage:
    """Read an image file, and return its pixels as uint8 `[H, W]` if all of them are grey, else `[H, W, 3]`.

    The orientation in the file's EXIF data is applied. Transparent pixels are drawn on white. 16-bit values are scaled
    to 8 bits. Only the first frame of an animation is read. Raises UnreadableImage if the file can't be decoded or the
    image has more than MAX_PIXELS, in which case no pixels are decoded.
    """
    try:
        with open_regular(path) as file, Image.open(file, formats=_formats()) as image:
            _check_size(image)
            image.load()
            return _pixels(image)
    except UnreadableImage:
        raise
    except UnidentifiedImageError:
        raise UnreadableImage("it isn't an image, or its format isn't supported") from None
    except Image.DecompressionBombError:
        raise UnreadableImage(f"more than {MAX_PIXELS:,} pixels") from None
    except OSError as error:
        raise UnreadableImage(error.strerror or _damaged(error)) from error
    except MemoryError:
        raise UnreadableImage("not enough memory to decode it") from None
    except Exception as error:  # Pillow's decoders raise many kinds of errors for damaged files
        raise UnreadableImage(_damaged(error)) from error


def fit_to(image: DecodedImage, size: int, fit: Fit) -> DecodedImage:
    """Resize an image to `size`×`size` pixels, and keep its aspect ratio. An image of this size isn't changed.

    `pad` resizes the longer side to `size`, and fills the rest with the mean colour of the resized image's outermost
    pixels. `crop` cuts off what is outside the central square. Resizing is bilinear with antialiasing, like
    torchvision's `Resize`.
    """
    height, width = image.shape[:2]
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return _resize(image[top : top + side, left : left + side], size, size)
    scale = size / max(height, width)
    resized = _resize(image, max(1, round(height * scale)), max(1, round(width * scale)))
    return _pad(resized, size)


@cache
def _formats() -> tuple[str, ...]:
    """Return those of FORMATS that this version of Pillow can read."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise UnreadableImage(f"{image.width:,}×{image.height:,} pixels; the maximum is {MAX_PIXELS:,}")


def _damaged(error: Exception) -> str:
    return f"damaged ({one_line(str(error)) or type(error).__name__})"


def _pixels(image: Image.Image) -> DecodedImage:
    has_16_bits = image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PNG", "PPM"})
    if image.mode in {"I", "F"} and not has_16_bits:
        raise UnreadableImage("its pixels have 32 bits, so the range of their values is unknown")
    with suppress(Exception):  # an image with damaged metadata is still an image
        ImageOps.exif_transpose(image, in_place=True)
    if has_16_bits:
        return _to_8_bits(np.asarray(image))
    if image.mode in {"1", "L"} and not image.has_transparency_data:
        return np.asarray(image.convert("L"))
    pixels = np.asarray(_opaque(image))
    return np.ascontiguousarray(pixels[..., 0]) if _is_grey(pixels) else pixels


def _is_grey(pixels: DecodedImage) -> bool:
    """Return whether the channels are equal. Stop at the first block of rows where they aren't."""
    blocks = (pixels[top : top + BLOCK_ROWS] for top in range(0, len(pixels), BLOCK_ROWS))
    return all((block == block[..., :1]).all() for block in blocks)


def _to_8_bits(values: NDArray[Any]) -> DecodedImage:
    """Scale 0…65535 to 0…255, and round."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _opaque(image: Image.Image) -> Image.Image:
    """Convert an image to RGB. If it has transparent pixels, draw it on white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    drawing = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", drawing.size, "white"), drawing).convert("RGB")


def _resize(image: DecodedImage, height: int, width: int) -> DecodedImage:
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def _pad(image: DecodedImage, size: int) -> DecodedImage:
    """Centre an image in a square of the mean colour of its outermost pixels."""
    height, width = image.shape[:2]
    if height == width:
        return image
    is_border = np.ones((height, width), bool)
    is_border[1:-1, 1:-1] = False
    square = np.empty((size, size, *image.shape[2:]), np.uint8)
    square[:] = np.rint(image[is_border].mean(axis=0))
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = image
    return square
