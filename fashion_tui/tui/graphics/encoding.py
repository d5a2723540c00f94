"""Encode an image as a control sequence that draws it with the terminal's pixels.

This module imports NumPy and Pillow, so other modules import it only when they draw an image.
"""

import base64
import io
import re

import numpy as np
from PIL import Image

from fashion_tui.report.pictures import blend
from fashion_tui.report.resizing import resize
from fashion_tui.schema.picture import Picture

from .detection import Protocol
from .layer import KITTY_PLACEMENT

KITTY_CHUNK = 4096
"""Maximum length of the base64 data in one sequence of the Kitty graphics protocol."""

SIXEL_COLOURS = 256
_BAND = 6
"""Height of a row of sixels, in pixels."""
_REPEATED = re.compile(r"(.)\1{3,}")


def encode(picture: Picture, size: tuple[int, int], protocol: Protocol) -> str:
    """Return the sequence that draws an image at the cursor, with the height and width in `size`, in pixels."""
    if picture.heat:
        picture = blend(picture)
    pixels = resize(np.frombuffer(picture.pixels, np.uint8).reshape(picture.shape), size)
    image = Image.fromarray(pixels[0] if picture.channels == 1 else np.ascontiguousarray(np.moveaxis(pixels, 0, -1)))
    return kitty(image) if protocol is Protocol.KITTY else sixel(image)


def kitty(image: Image.Image) -> str:
    """Return the sequences of the Kitty graphics protocol that send an image as a PNG file and draw it.

    See https://sw.kovidgoyal.net/kitty/graphics-protocol.
    """
    png = io.BytesIO()
    image.save(png, format="PNG")
    data = base64.b64encode(png.getvalue()).decode()
    chunks = [data[start : start + KITTY_CHUNK] for start in range(0, len(data), KITTY_CHUNK)]
    keys = f"a=T,f=100,{KITTY_PLACEMENT},"
    parts = []
    for index, chunk in enumerate(chunks):
        parts.append(f"\x1b_G{'' if index else keys}m={int(index < len(chunks) - 1)};{chunk}\x1b\\")
    return "".join(parts)


def sixel(image: Image.Image) -> str:
    """Return the sixel sequence that draws an image in at most 256 colours, or in 101 greys.

    See chapter 14 of the VT330/VT340 Programmer Reference Manual.
    """
    palette: list[tuple[int, ...]]
    if image.mode == "L":
        indices = np.array([_percent(value) for value in range(256)], np.uint8)[np.asarray(image)]
        palette = [(percent,) * 3 for percent in range(101)]
    else:
        indexed = image.quantize(SIXEL_COLOURS, Image.Quantize.FASTOCTREE)
        indices = np.asarray(indexed)
        levels = indexed.getpalette() or []
        palette = [tuple(map(_percent, levels[start : start + 3])) for start in range(0, len(levels), 3)]
    parts = [f'\x1bP0;1;0q"1;1;{image.width};{image.height}']
    parts += [f"#{colour};2;{red};{green};{blue}" for colour, (red, green, blue) in enumerate(palette)]
    columns = np.arange(image.width)
    for top in range(0, image.height, _BAND):
        band = indices[top : top + _BAND]
        sixels = np.full((len(palette), image.width), ord("?"), np.uint8)
        for row, line in enumerate(band):
            sixels[line, columns] += 1 << row
        rows = (f"#{colour}{_encode_runs(sixels[colour].tobytes().decode())}" for colour in np.unique(band))
        parts.append(f"{'$'.join(rows)}-")
    return "".join(parts) + "\x1b\\"


def _percent(value: int) -> int:
    return (value * 100 + 127) // 255


def _encode_runs(sixels: str) -> str:
    """Omit empty sixels at the end of a row, and shorten more than three equal sixels to a count and one sixel."""
    return _REPEATED.sub(lambda match: f"!{len(match[0])}{match[1]}", sixels.rstrip("?"))
