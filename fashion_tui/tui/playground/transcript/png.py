"""Pictures of the transcript as PNG, for notebooks."""

import io
import math

from PIL import Image

from fashion_tui.schema.plots import ImageGrid

LEAST_WIDTH = 112
"""Pixels; smaller pictures are enlarged by a whole number, so that each of their own pixels is seen."""

_GAP = 2
"""Of their own pixels, between the pictures of a batch."""


def png(pictures: ImageGrid) -> bytes:
    """A picture, or the pictures of a batch side by side, about as many in a column as in a row."""
    columns = math.ceil(math.sqrt(pictures.count))
    rows = math.ceil(pictures.count / columns)
    mode = "L" if pictures.channels == 1 else "RGB"
    width, height = pictures.width + _GAP, pictures.height + _GAP
    sheet = Image.new(mode, (columns * width - _GAP, rows * height - _GAP))
    for number in range(pictures.count):
        picture = Image.frombytes(mode, (pictures.width, pictures.height), pictures.image(number))
        sheet.paste(picture, (number % columns * width, number // columns * height))
    enlarged = max(1, math.ceil(LEAST_WIDTH / pictures.width))
    file = io.BytesIO()
    sheet.resize((sheet.width * enlarged, sheet.height * enlarged), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()
