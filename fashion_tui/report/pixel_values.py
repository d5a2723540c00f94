"""A window of an image's pixel values."""

from collections.abc import Sequence

from rich.text import Text

from fashion_tui.schema.picture import Picture

from .glyphs import Glyphs
from .style import FOREGROUND, MUTED

ROW_LABEL_WIDTH = 5


def cell_width(picture: Picture) -> int:
    """Return the width of a pixel in columns: a number of three digits, or two hexadecimal digits per channel."""
    return 4 if picture.channels == 1 else 2 * picture.channels + 1


def window_size(picture: Picture, width: int, height: int) -> tuple[int, int]:
    """Return the number of rows and columns of pixels that fit below a heading of two lines."""
    columns = max((width - ROW_LABEL_WIDTH) // cell_width(picture), 1)
    return min(max(height - 2, 1), picture.height), min(columns, picture.width)


def pixel_values(picture: Picture, start: Sequence[int], width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return the pixel values from the row and the column `start`, as many as fit, with their rows and columns.

    The value of a grey pixel is between 0 and 255. That of a colour is the hexadecimal number `rrggbb`.
    """
    rows, columns = window_size(picture, width, height)
    top = min(max(start[0], 0), picture.height - rows)
    left = min(max(start[1], 0), picture.width - columns)
    cell, dash = cell_width(picture), "–" if glyphs.unicode else "-"
    kind = "values" if picture.channels == 1 else "values rrggbb"
    shown = f"rows {top}{dash}{top + rows - 1} and columns {left}{dash}{left + columns - 1}"
    all_pixels = rows == picture.height and columns == picture.width
    lines = [
        Text(f"pixel {kind}" if all_pixels else f"pixel {kind}, {shown}", MUTED, no_wrap=True),
        Text(" " * ROW_LABEL_WIDTH, MUTED, no_wrap=True),
    ]
    for column in range(left, left + columns):
        lines[1].append(f"{column:>{cell - 1}} "[-cell:])
    size = picture.height * picture.width
    for row in range(top, top + rows):
        line = Text(f"{row:>{ROW_LABEL_WIDTH - 1}} ", MUTED, no_wrap=True)
        for column in range(left, left + columns):
            offset = row * picture.width + column
            values = [picture.pixels[channel * size + offset] for channel in range(picture.channels)]
            text = f"{values[0]}" if len(values) == 1 else "".join(f"{value:02x}" for value in values)
            line.append(f"{text:>{cell - 1}} ", FOREGROUND if any(values) else MUTED)
        lines.append(line)
    for line in lines:
        line.truncate(width)
    return lines
