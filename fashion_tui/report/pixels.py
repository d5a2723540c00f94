"""Pixels as lines of a terminal.

A cell shows two to four pixels: a block element in one colour over another. Greys are those of the 256 palette, which
every colour terminal but the oldest has, take half the bytes of 24-bit colours, and make neighbours equal. Where greys
can't be had, a picture is drawn with characters of more and less ink.
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

from .style import FOREGROUND

Size = tuple[int, int]
"""Height and width."""

GAMMA = 0.85
"""Many garments are dark: this lifts them off their background without bleaching the light ones."""

GREYS = (*(8 + 10 * step for step in range(24)), 255)
"""Brightness, 0 to 255, of each grey level: the palette's ramp and its white. Colour 16 is often redefined."""

INK = " .:-=+*#%@"
"""From black to white, for characters in a light colour on a dark ground."""

BLOCKS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
"""Block elements by the quarters that they fill: upper left 1, upper right 2, lower left 4, lower right 8."""
UPPER, LOWER, FULL = 3, 12, 15

NOTHING = -1
"""In place of a pixel's colour: there is none."""


class Shading(enum.Enum):
    GREYS = "block elements in greys"
    CHARACTERS = "ASCII characters"


Cell = tuple[int, int, int]
"""A grey level, a lighter one or the same, and which quarters (as in BLOCKS) are of the lighter."""


def grey_image(pixels: bytes, size: Size, cells: Size, shading: Shading) -> list[list[Segment]]:
    """uint8 [height, width] of that size in so many lines and columns, with as few segments as show it."""
    lines, columns = cells
    if shading is Shading.CHARACTERS:
        return [ink_line(row) for row in resample(pixels, size, (lines, columns))]
    if 2 * columns <= size[1]:
        # Four brightnesses a cell, drawn with the two greys that come closest: outlines keep their full width.
        rows = [row.translate(_LEVELS) for row in resample(pixels, size, (2 * lines, 2 * columns))]
        drawn = [_quarters(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
    else:
        rows = [row.translate(_LEVELS) for row in resample(pixels, size, (2 * lines, columns))]
        drawn = [_halves(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
    tolerance = 0 if columns >= size[1] else 1
    return [_segments(line, tolerance) for line in drawn]


def colour_image(pixels: bytes, size: Size, cells: Size, shading: Shading) -> list[list[Segment]]:
    """uint8 [height, width, 3] of that size in so many lines and columns."""
    lines, columns = cells
    planes = [pixels[channel::3] for channel in range(3)]
    if shading is Shading.CHARACTERS:
        grey = bytes((299 * red + 587 * green + 114 * blue) // 1000 for red, green, blue in zip(*planes, strict=True))
        return grey_image(grey, size, cells, shading)
    red, green, blue = (resample(plane, size, (2 * lines, columns)) for plane in planes)
    rows = [[r << 16 | g << 8 | b for r, g, b in zip(*row, strict=True)] for row in zip(red, green, blue, strict=True)]
    return [half_blocks(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]


def ink_line(values: bytes) -> list[Segment]:
    """A character for each brightness."""
    return [Segment("".join(INK[level] for level in values.translate(_INK)), _INK_STYLE)]


def half_blocks(upper: Sequence[int], lower: Sequence[int]) -> list[Segment]:
    """A cell for each pixel of two rows, in 24-bit colours (0xrrggbb); what is NOTHING lets the ground through.

    One segment for as many cells as two colours can show.
    """
    segments: list[Segment] = []
    run: list[tuple[int, int]] = []
    colours: set[int] = set()
    for cell in zip(upper, lower, strict=True):
        if len(colours.union(cell)) > 2:
            segments.append(_coloured(run, colours))
            run, colours = [], set()
        run.append(cell)
        colours.update(cell)
    return [*segments, _coloured(run, colours)] if run else segments


def _coloured(run: Sequence[tuple[int, int]], colours: set[int]) -> Segment:
    ground, ink = min(colours), max(colours)  # NOTHING is the least, and no colour for a sign
    masks = (UPPER * (top == ink != ground) + LOWER * (bottom == ink != ground) for top, bottom in run)
    return Segment("".join(BLOCKS[mask] for mask in masks), _two_colours(ink, ground))


@lru_cache(maxsize=4_096)
def _two_colours(ink: int, ground: int) -> Style:
    """Without a foreground where there is nothing to be seen of it."""
    return Style(color=None if ink == ground else rgb(ink), bgcolor=None if ground == NOTHING else rgb(ground))


def rgb(colour: int) -> Color:
    """Of 0xrrggbb. As `Color.from_rgb`, in a third of the time."""
    triplet = ColorTriplet(colour >> 16, colour >> 8 & 255, colour & 255)
    return Color(f"#{colour:06x}", ColorType.TRUECOLOR, None, triplet)


def _lifted(value: int) -> float:
    return float(255 * (value / 255) ** GAMMA)


def _level(value: int) -> int:
    return min(range(len(GREYS)), key=lambda level: abs(GREYS[level] - _lifted(value)))


_LEVELS = bytes(map(_level, range(256)))
"""The grey level of each pixel value."""

_INK = bytes(round(_lifted(value) / 255 * (len(INK) - 1)) for value in range(256))
"""The place in INK of each pixel value."""

_INK_STYLE = Style.parse(f"{FOREGROUND} on #080808")


def resample(pixels: bytes, size: Size, wanted: Size) -> list[bytes]:
    """The rows of a picture in another size: each value the mean of what it covers, or a copy where it grows."""
    height, width = size
    lines = _stretched([pixels[start : start + width] for start in range(0, height * width, width)], wanted[0])
    if wanted[1] == width:
        return lines
    turned = [bytes(column) for column in zip(*lines, strict=True)]
    return [bytes(line) for line in zip(*_stretched(turned, wanted[1]), strict=True)]


def _stretched(lines: list[bytes], count: int) -> list[bytes]:
    """`count` lines in place of those."""
    size = len(lines)
    if count >= size:
        return [lines[y * size // count] for y in range(count)]
    result = []
    for first, weights in _shares(size, count):
        covered = lines[first : first + len(weights)]
        if any(map(any, covered)):
            weighted = (map(mul, line, repeat(weight)) for line, weight in zip(covered, weights, strict=True))
            totals = map(add, map(sum, zip(*weighted, strict=True)), repeat(size // 2))
            result.append(bytes(map(floordiv, totals, repeat(size))))
        else:
            result.append(covered[0])
    return result


@lru_cache(maxsize=256)
def _shares(size: int, count: int) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """For each of `count` stretches of a side: its first pixel, and how many `size`ths of it each pixel makes up."""

    def weights(start: int, end: int) -> Iterator[int]:
        for pixel in range(start // count, -(-end // count)):
            yield min(end, (pixel + 1) * count) - max(start, pixel * count)

    return tuple((start // count, tuple(weights(start, start + size))) for start in range(0, count * size, size))


def _halves(upper: bytes, lower: bytes) -> Iterator[Cell]:
    """A cell for each pixel of two rows."""
    for top, bottom in zip(upper, lower, strict=True):
        yield (bottom, top, UPPER) if top > bottom else (top, bottom, LOWER if top < bottom else 0)


def _quarters(upper: bytes, lower: bytes) -> Iterator[Cell]:
    """A cell for every two pixels of two rows, in the two levels with the least squared error."""
    for x in range(0, len(upper), 2):
        quarters = (upper[x], upper[x + 1], lower[x], lower[x + 1])
        ranked = sorted(quarters)
        if ranked[3] - ranked[0] <= 1:
            level = round(sum(ranked) / 4)
            yield level, level, 0
            continue
        total = sum(ranked)
        below, split, gain = 0, 1, -1.0
        for count in (1, 2, 3):
            below += ranked[count - 1]
            explained = below * below / count + (total - below) ** 2 / (4 - count)
            if ranked[count] > ranked[count - 1] and explained > gain:
                split, gain = count, explained
        lighter = sum(1 << quarter for quarter in range(4) if quarters[quarter] >= ranked[split])
        yield round(sum(ranked[:split]) / split), round(sum(ranked[split:]) / (4 - split)), lighter


def _segments(cells: Iterator[Cell], tolerance: int) -> list[Segment]:
    """One segment for as many cells as two greys can show together, each for all within `tolerance`."""
    segments: list[Segment] = []
    greys: tuple[int, ...] = ()
    run: list[Cell] = []
    for cell in cells:
        low, high, lighter = cell
        if low in greys and high in greys:
            run.append(cell)
            continue
        low, together = _among(low, greys, tolerance)
        high, together = _among(high, together, tolerance)
        if len(together) > 2:
            segments.append(_segment(run, greys))
            run, (low, high, lighter) = [], cell
            together = (low,) if low == high else (low, high)
        run.append((low, high, lighter) if low <= high else (high, low, FULL - lighter))
        greys = together
    segments.append(_segment(run, greys))
    return segments


def _among(level: int, greys: tuple[int, ...], tolerance: int) -> tuple[int, tuple[int, ...]]:
    """The grey that stands for the level, and the greys with it. The ground stays black."""
    for grey in greys:
        if grey == level or (grey and level and abs(grey - level) <= tolerance):
            return grey, greys
    return level, (*greys, level)


def _segment(run: Sequence[Cell], greys: tuple[int, ...]) -> Segment:
    dark, light = min(greys), max(greys)
    masks = (lighter if low != high else FULL * (low == light != dark) for low, high, lighter in run)
    return Segment("".join(BLOCKS[mask] for mask in masks), _style(dark, light))


@lru_cache(maxsize=len(GREYS) ** 2)
def _style(dark: int, light: int) -> Style:
    """`light` on `dark`; without a foreground where there is nothing to be seen of it."""
    return Style(color=None if dark == light else _colour(light), bgcolor=_colour(dark))


def _colour(level: int) -> Color:
    """A colour of the palette that also knows its triplet, so that Textual needn't turn it into a 24-bit one."""
    grey = GREYS[level]
    number = 231 if grey == 255 else 232 + level
    return Color(f"grey{grey}", ColorType.EIGHT_BIT, number, ColorTriplet(grey, grey, grey))
