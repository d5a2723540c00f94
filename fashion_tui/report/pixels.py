"""Draw pixels as lines of terminal text.

Each cell shows two or four pixels as a block element, with one colour for the foreground and another for the
background. Greys are taken from the 256-colour palette, because almost every terminal supports it and its colours need
half as many bytes as 24-bit colours. The palette has few greys, so neighbouring cells often have the same grey, which
saves more bytes. On terminals without greys, pixels are drawn as ASCII characters of different density.
"""

import enum
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import repeat
from operator import add, floordiv, mul

from rich.color import Color, ColorType
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style

from .style import LIGHT_TEXT

Size = tuple[int, int]
"""Height and width."""

GAMMA = 0.85
"""Exponent of the gamma correction, which makes dark garments stand out without washing out light garments."""

GREYS = (*(8 + 10 * step for step in range(24)), 255)
"""Brightness of each grey level, from 0 to 255.

The levels are the palette's grey ramp and its white. The palette's black (colour 16) is omitted, because it is often
redefined.
"""

INK = " .:-=+*#%@"
"""Characters from the darkest to the lightest, for light text on a dark background."""

BLOCKS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
"""Block elements. The index is a bit mask of the filled quarters: 1 for the upper left, 2 for the upper right, 4 for
the lower left and 8 for the lower right."""
UPPER, LOWER, FULL = 3, 12, 15

TRANSPARENT = -1
"""Pseudo-colour of a pixel through which the terminal's background is visible."""


class Shading(enum.Enum):
    GREYS = "block elements in greys"
    CHARACTERS = "ASCII characters"


GreyCell = tuple[int, int, int]
"""Darker grey level, lighter grey level, and the index in BLOCKS of the block that shows the lighter level."""


def grey_image(pixels: bytes, size: Size, cells: Size, shading: Shading) -> list[list[Segment]]:
    """Draw a greyscale image (uint8, [height, width]). `cells` is the size of the drawing: lines and columns."""
    lines, columns = cells
    if shading is Shading.CHARACTERS:
        return [ink_line(row) for row in resample(pixels, size, (lines, columns))]
    if 2 * columns <= size[1]:
        # Draw four pixels in each cell, using two greys, so that outlines keep their full width.
        rows = [row.translate(_LEVELS) for row in resample(pixels, size, (2 * lines, 2 * columns))]
        drawn = [_quarter_cells(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
    else:
        rows = [row.translate(_LEVELS) for row in resample(pixels, size, (2 * lines, columns))]
        drawn = [_half_cells(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
    tolerance = 0 if columns >= size[1] else 1
    return [_to_segments(line, tolerance) for line in drawn]


def colour_image(pixels: bytes, size: Size, cells: Size, shading: Shading) -> list[list[Segment]]:
    """Draw an RGB image (uint8, [height, width, 3]). `cells` is the size of the drawing: lines and columns."""
    lines, columns = cells
    planes = [pixels[channel::3] for channel in range(3)]
    if shading is Shading.CHARACTERS:
        grey = bytes((299 * red + 587 * green + 114 * blue) // 1000 for red, green, blue in zip(*planes, strict=True))
        return grey_image(grey, size, cells, shading)
    red, green, blue = (resample(plane, size, (2 * lines, columns)) for plane in planes)
    rows = [[r << 16 | g << 8 | b for r, g, b in zip(*row, strict=True)] for row in zip(red, green, blue, strict=True)]
    return [half_blocks(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]


def ink_line(values: bytes) -> list[Segment]:
    """Draw a row of pixels with one character per pixel."""
    return [Segment("".join(INK[index] for index in values.translate(_INK_INDICES)), _INK_STYLE)]


def half_blocks(upper: Sequence[int], lower: Sequence[int]) -> list[Segment]:
    """Draw two rows of pixels as one line of text, with a cell for each column.

    A pixel is a 24-bit colour (0xrrggbb) or TRANSPARENT. Each segment has at most two colours and contains as many
    cells as possible.
    """
    segments: list[Segment] = []
    run: list[tuple[int, int]] = []
    colours: set[int] = set()
    for cell in zip(upper, lower, strict=True):
        if len(colours.union(cell)) > 2:
            segments.append(_colour_segment(run, colours))
            run, colours = [], set()
        run.append(cell)
        colours.update(cell)
    return [*segments, _colour_segment(run, colours)] if run else segments


def _colour_segment(run: Sequence[tuple[int, int]], colours: set[int]) -> Segment:
    background, ink = min(colours), max(colours)  # TRANSPARENT, the smallest value, is always the background
    masks = (UPPER * (top == ink != background) + LOWER * (bottom == ink != background) for top, bottom in run)
    return Segment("".join(BLOCKS[mask] for mask in masks), _colour_style(ink, background))


@lru_cache(maxsize=4_096)
def _colour_style(ink: int, background: int) -> Style:
    """Return the style of `ink` on `background`. If the two are equal, the style has no foreground colour."""
    return Style(
        color=None if ink == background else rgb(ink), bgcolor=None if background == TRANSPARENT else rgb(background)
    )


def rgb(colour: int) -> Color:
    """Convert 0xrrggbb to a `Color`. This is three times as fast as `Color.from_rgb`."""
    triplet = ColorTriplet(colour >> 16, colour >> 8 & 255, colour & 255)
    return Color(f"#{colour:06x}", ColorType.TRUECOLOR, None, triplet)


def _brighten(value: int) -> float:
    return float(255 * (value / 255) ** GAMMA)


def _grey_level(value: int) -> int:
    return min(range(len(GREYS)), key=lambda level: abs(GREYS[level] - _brighten(value)))


_LEVELS = bytes(map(_grey_level, range(256)))
"""Grey level for each pixel value from 0 to 255."""

_INK_INDICES = bytes(round(_brighten(value) / 255 * (len(INK) - 1)) for value in range(256))
"""Index in INK for each pixel value from 0 to 255."""

_INK_STYLE = Style.parse(f"{LIGHT_TEXT} on #080808")


def resample(pixels: bytes, size: Size, new_size: Size) -> list[bytes]:
    """Resize an image and return its rows.

    Pixels are averaged if the image shrinks, and repeated if it grows.
    """
    height, width = size
    rows = _resample_rows([pixels[start : start + width] for start in range(0, height * width, width)], new_size[0])
    if new_size[1] == width:
        return rows
    columns = [bytes(column) for column in zip(*rows, strict=True)]
    return [bytes(row) for row in zip(*_resample_rows(columns, new_size[1]), strict=True)]


def _resample_rows(rows: list[bytes], count: int) -> list[bytes]:
    size = len(rows)
    if count >= size:
        return [rows[y * size // count] for y in range(count)]
    result = []
    for first, weights in _overlaps(size, count):
        covered = rows[first : first + len(weights)]
        if any(map(any, covered)):
            weighted = (map(mul, row, repeat(weight)) for row, weight in zip(covered, weights, strict=True))
            totals = map(add, map(sum, zip(*weighted, strict=True)), repeat(size // 2))
            result.append(bytes(map(floordiv, totals, repeat(size))))
        else:
            result.append(covered[0])
    return result


@lru_cache(maxsize=256)
def _overlaps(size: int, count: int) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Return the weights for averaging `size` old rows into `count` new rows.

    For each new row, the result contains the index of the first old row to average and the weights of the averaged
    rows. The weights for a new row add up to `size`.
    """

    def weights(start: int, end: int) -> Iterator[int]:
        for row in range(start // count, -(-end // count)):
            yield min(end, (row + 1) * count) - max(start, row * count)

    return tuple((start // count, tuple(weights(start, start + size))) for start in range(0, count * size, size))


def _half_cells(upper: bytes, lower: bytes) -> Iterator[GreyCell]:
    """Yield one cell per column, given the grey levels of two adjacent rows."""
    for top, bottom in zip(upper, lower, strict=True):
        yield (bottom, top, UPPER) if top > bottom else (top, bottom, LOWER if top < bottom else 0)


def _quarter_cells(upper: bytes, lower: bytes) -> Iterator[GreyCell]:
    """Yield one cell per two columns, given the grey levels of two adjacent rows.

    The two grey levels of a cell minimise the squared error.
    """
    for x in range(0, len(upper), 2):
        quarters = (upper[x], upper[x + 1], lower[x], lower[x + 1])
        ranked = sorted(quarters)
        if ranked[3] - ranked[0] <= 1:
            level = round(sum(ranked) / 4)
            yield level, level, 0
            continue
        total = sum(ranked)
        darker_sum, split, best = 0, 1, -1.0
        for count in (1, 2, 3):
            darker_sum += ranked[count - 1]
            explained = darker_sum * darker_sum / count + (total - darker_sum) ** 2 / (4 - count)
            if ranked[count] > ranked[count - 1] and explained > best:
                split, best = count, explained
        lighter = sum(1 << quarter for quarter in range(4) if quarters[quarter] >= ranked[split])
        yield round(sum(ranked[:split]) / split), round(sum(ranked[split:]) / (4 - split)), lighter


def _to_segments(cells: Iterator[GreyCell], tolerance: int) -> list[Segment]:
    """Merge cells into segments with at most two greys. Each segment contains as many cells as possible.

    Levels that differ by at most `tolerance` share a grey.
    """
    segments: list[Segment] = []
    greys: tuple[int, ...] = ()
    run: list[GreyCell] = []
    for cell in cells:
        low, high, lighter = cell
        if low in greys and high in greys:
            run.append(cell)
            continue
        low, extended = _match_grey(low, greys, tolerance)
        high, extended = _match_grey(high, extended, tolerance)
        if len(extended) > 2:
            segments.append(_grey_segment(run, greys))
            run, (low, high, lighter) = [], cell
            extended = (low,) if low == high else (low, high)
        run.append((low, high, lighter) if low <= high else (high, low, FULL - lighter))
        greys = extended
    segments.append(_grey_segment(run, greys))
    return segments


def _match_grey(level: int, greys: tuple[int, ...], tolerance: int) -> tuple[int, tuple[int, ...]]:
    """Return the grey to use for `level`, and `greys` with this grey added if it is missing.

    Level 0 is the background and always stays black.
    """
    for grey in greys:
        if grey == level or (grey and level and abs(grey - level) <= tolerance):
            return grey, greys
    return level, (*greys, level)


def _grey_segment(run: Sequence[GreyCell], greys: tuple[int, ...]) -> Segment:
    dark, light = min(greys), max(greys)
    masks = (lighter if low != high else FULL * (low == light != dark) for low, high, lighter in run)
    return Segment("".join(BLOCKS[mask] for mask in masks), _grey_style(dark, light))


@lru_cache(maxsize=len(GREYS) ** 2)
def _grey_style(dark: int, light: int) -> Style:
    """Return the style of `light` on `dark`. If the two are equal, the style has no foreground colour."""
    return Style(color=None if dark == light else _grey(light), bgcolor=_grey(dark))


def _grey(level: int) -> Color:
    """Return the palette colour of a grey level.

    The colour includes its RGB triplet, so that Textual doesn't convert it to a 24-bit colour.
    """
    grey = GREYS[level]
    number = 231 if grey == 255 else 232 + level
    return Color(f"grey{grey}", ColorType.EIGHT_BIT, number, ColorTriplet(grey, grey, grey))
