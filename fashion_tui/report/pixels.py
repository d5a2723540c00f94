"""Draw pixels as lines of terminal text.

Each cell shows two or four pixels as a block element, with one colour for the foreground and another for the
background. Greys are taken from the 256-colour palette, because almost every terminal supports it and its colours need
half as many bytes as 24-bit colours. The palette has few greys, so neighbouring cells often have the same grey, which
saves more bytes. On terminals without greys, pixels are drawn as ASCII characters of different density.
"""

import enum
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from rich.color import Color, ColorType
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style

from .glyphs import terminal_glyphs
from .style import LIGHT_TEXT
from .terminal_palette import GREY_RAMP, nearest_colour, palette_colour

Size = tuple[int, int]
"""Height and width."""

GAMMA = 0.85
"""Exponent of the gamma correction, which makes dark garments stand out without washing out light garments."""

GREYS = (*GREY_RAMP, 255)
"""Brightness of each grey level, from 0 to 255. The levels are the palette's grey ramp and its white."""

INK = " .:-=+*#%@"
"""Characters from the darkest to the lightest, for light text on a dark background."""

BLOCKS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
"""Block elements. The index is a bit mask of the filled quarters: 1 for the upper left, 2 for the upper right, 4 for
the lower left and 8 for the lower right."""
UPPER, LOWER, FULL = 3, 12, 15

TRANSPARENT = -1
"""Pseudo-colour of a pixel through which the terminal's background is visible."""


class Shading(enum.Enum):
    """How pixels are drawn. Greys always have colours of the 256-colour palette."""

    TRUECOLOR = "block elements in 24-bit colours"
    PALETTE = "block elements in 256 colours"
    CHARACTERS = "ASCII characters"


ColourCell = tuple[int, int, int]
"""Two colours (0xrrggbb or TRANSPARENT), and the index in BLOCKS of the block that shows the second one."""


def best_shading(color_system: str | None, *, no_color: bool) -> Shading:
    """Return the best shading for a terminal, given the `color_system` of its Rich console."""
    if no_color or not terminal_glyphs().unicode:
        return Shading.CHARACTERS
    return {"truecolor": Shading.TRUECOLOR, "256": Shading.PALETTE}.get(color_system or "", Shading.CHARACTERS)


GreyCell = tuple[int, int, int]
"""Darker grey level, lighter grey level, and the index in BLOCKS of the block that shows the lighter level."""


def grey_image(pixels: bytes, size: Size, cells: Size, shading: Shading) -> list[list[Segment]]:
    """Draw a greyscale image (uint8, `[H, W]`). `cells` is the size of the drawing: lines and columns."""
    lines, columns = cells
    if shading is Shading.CHARACTERS:
        return [ink_line(row) for row in resample(pixels, size, (lines, columns))]
    if 2 * columns <= size[1]:
        # Draw four pixels in each cell, using two greys, so that outlines keep their full width.
        rows = [row.translate(_LEVELS) for row in resample(pixels, size, (2 * lines, 2 * columns))]
        drawn = [_quarter_cells(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
    else:
        rows = [row.translate(_LEVELS) for row in resample(pixels, size, (pixel_rows(size, cells), columns))]
        rows += [bytes(columns)] * (len(rows) % 2)
        drawn = [_half_cells(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
    tolerance = 0 if columns >= size[1] else 1
    return [_to_segments(line, tolerance) for line in drawn]


def pixel_rows(size: Size, cells: Size) -> int:
    """Return the number of rows of pixels in a drawing with two rows per line.

    It is odd if each pixel of an image with an odd height is enlarged to an odd number of pixels. The lower half of the
    last line is then empty.
    """
    (height, width), (lines, columns) = size, cells
    rows = height * (columns // width)
    return rows if rows == 2 * lines - 1 and columns % width == 0 else 2 * lines


def ink_line(values: bytes) -> list[Segment]:
    """Draw a row of pixels with one character per pixel."""
    return [Segment("".join(INK[index] for index in values.translate(_INK_INDICES)), INK_STYLE)]


def half_blocks(upper: Iterable[int], lower: Iterable[int], shading: Shading) -> list[Segment]:
    """Draw two rows of pixels as one line of text, with a cell for each column.

    A pixel is a colour (0xrrggbb) or TRANSPARENT.
    """
    return colour_cells(((bottom, top, UPPER) for top, bottom in zip(upper, lower, strict=True)), shading)


def colour_cells(cells: Iterable[ColourCell], shading: Shading) -> list[Segment]:
    """Draw a line of cells with two colours each. In 256 colours, the nearest colours of the palette are drawn.

    Each segment has at most two colours and contains as many cells as possible.
    """
    segments: list[Segment] = []
    run: list[ColourCell] = []
    colours: set[int] = set()
    for background, ink, mask in cells:
        pair = (background, ink) if shading is Shading.TRUECOLOR else (_in_palette(background), _in_palette(ink))
        if len(colours.union(pair)) > 2:
            segments.append(_colour_segment(run, colours, shading))
            run, colours = [], set()
        run.append((*pair, mask))
        colours.update(pair)
    return [*segments, _colour_segment(run, colours, shading)] if run else segments


def _in_palette(colour: int) -> int:
    return colour if colour == TRANSPARENT else nearest_colour(colour)


def _colour_segment(run: Sequence[ColourCell], colours: set[int], shading: Shading) -> Segment:
    low, high = min(colours), max(colours)  # TRANSPARENT, the smallest value, is always the background

    def filled(background: int, ink: int, mask: int) -> int:
        if background == ink:
            return FULL * (ink == high != low)
        return mask if ink == high else FULL - mask

    return Segment("".join(BLOCKS[filled(*cell)] for cell in run), _colour_style(high, low, shading))


@lru_cache(maxsize=4_096)
def _colour_style(ink: int, background: int, shading: Shading) -> Style:
    """Return the style of `ink` on `background`. If the two are equal, the style has no foreground colour."""
    color = palette_colour if shading is Shading.PALETTE else rgb
    return Style(
        color=None if ink == background else color(ink),
        bgcolor=None if background == TRANSPARENT else color(background),
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

INK_STYLE = Style.parse(f"{LIGHT_TEXT} on #080808")


def resample(pixels: bytes, size: Size, new_size: Size) -> list[bytes]:
    """Resize an image and return its rows.

    Pixels are averaged if the image shrinks, and repeated if it grows.
    """
    import numpy as np  # noqa: PLC0415 -- only images need it, and importing it takes 80 ms

    from .resizing import resize  # noqa: PLC0415

    rows = resize(np.frombuffer(pixels, np.uint8).reshape(size), new_size)
    return [row.tobytes() for row in rows]


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
    return palette_colour(GREYS[level] * 0x010101)
