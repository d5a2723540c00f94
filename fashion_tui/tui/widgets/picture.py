"""Pictures of 28×28 grey pixels as lines of a terminal.

A cell shows two to four pixels: a block element in one grey over another. The greys are those of the 256 palette, which
every colour terminal but the oldest has, take half the bytes of 24-bit colours, and make neighbours equal. Where greys
can't be had, a picture is drawn with characters of more and less ink.
"""

import enum
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import mul
from typing import Any

from rich.color import Color, ColorType
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.strip import Strip
from textual.widget import Widget

from fashion_tui.report.glyphs import glyphs
from fashion_tui.report.style import FOREGROUND
from fashion_tui.schema.dataset import IMAGE_SIZE

SIZE = IMAGE_SIZE[0]
"""Pixels of a picture's side."""

WIDTHS = (14, 20, 28, 56)
"""Columns that a picture can be drawn in; its lines are half as many. From 28 on nothing of it is lost."""

GAMMA = 0.85
"""Many garments are dark: this lifts them off their background without bleaching the light ones."""

GREYS = (*(8 + 10 * step for step in range(24)), 255)
"""Brightness, 0 to 255, of each grey level: the palette's ramp and its white. Colour 16 is often redefined."""

INK = " .:-=+*#%@"
"""From black to white, for characters in a light colour on a dark ground."""

BLOCKS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
"""Block elements by the quarters that they fill: upper left 1, upper right 2, lower left 4, lower right 8."""
UPPER, LOWER, FULL = 3, 12, 15


class Shading(enum.Enum):
    GREYS = "block elements in greys"
    CHARACTERS = "ASCII characters"


Cell = tuple[int, int, int]
"""A grey level, a lighter one or the same, and which quarters (as in BLOCKS) are of the lighter."""


def shading_of(app: App[Any]) -> Shading:
    """What the app's terminal can show."""
    has_greys = app.console.color_system in ("truecolor", "256") and not app.no_color
    return Shading.GREYS if has_greys and glyphs().unicode else Shading.CHARACTERS


@lru_cache(maxsize=256)
def paint(pixels: bytes, width: int, shading: Shading) -> tuple[Strip, ...]:
    """uint8 [28, 28] as `width // 2` lines of `width` columns, one of WIDTHS, with as few segments as show it."""
    if shading is Shading.CHARACTERS:
        rows = [row.translate(_INK) for row in _resampled(pixels, width, width // 2)]
        return tuple(Strip([Segment("".join(INK[level] for level in row), _INK_STYLE)], width) for row in rows)
    if width < SIZE // 2 + 1:
        # Four brightnesses a cell, drawn with the two greys that come closest: outlines keep their full width.
        rows = [row.translate(_LEVELS) for row in _resampled(pixels, 2 * width, width)]
        lines = [_quarters(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
    else:
        rows = [row.translate(_LEVELS) for row in _resampled(pixels, width, width)]
        lines = [_halves(upper, lower) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]
    tolerance = 0 if width >= SIZE else 1
    return tuple(Strip(_segments(line, tolerance), width) for line in lines)


def _lifted(value: int) -> float:
    return float(255 * (value / 255) ** GAMMA)


def _level(value: int) -> int:
    return min(range(len(GREYS)), key=lambda level: abs(GREYS[level] - _lifted(value)))


_LEVELS = bytes(map(_level, range(256)))
"""The grey level of each pixel value."""

_INK = bytes(round(_lifted(value) / 255 * (len(INK) - 1)) for value in range(256))
"""The place in INK of each pixel value."""

_INK_STYLE = Style.parse(f"{FOREGROUND} on #080808")


def _resampled(pixels: bytes, columns: int, rows: int) -> list[bytes]:
    """The picture in another size: each value the mean over the area that it covers, or a copy where it grows."""
    lines = [pixels[start : start + SIZE] for start in range(0, SIZE * SIZE, SIZE)]
    lines = _stretched(lines, rows)
    if columns == SIZE:
        return lines
    turned = [bytes(column) for column in zip(*lines, strict=True)]
    return [bytes(line) for line in zip(*_stretched(turned, columns), strict=True)]


def _stretched(lines: list[bytes], count: int) -> list[bytes]:
    """`count` lines in place of SIZE."""
    if count >= SIZE:
        return [lines[y * SIZE // count] for y in range(count)]
    result = []
    for first, weights in _shares(count):
        covered = lines[first : first + len(weights)]
        if any(map(any, covered)):
            sums = (sum(map(mul, weights, column)) for column in zip(*covered, strict=True))
            result.append(bytes((total + SIZE // 2) // SIZE for total in sums))
        else:
            result.append(covered[0])
    return result


@lru_cache
def _shares(count: int) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """For each of `count` stretches of a side: its first pixel, and how many SIZEths of it each pixel makes up."""

    def weights(start: int, end: int) -> Iterator[int]:
        for pixel in range(start // count, -(-end // count)):
            yield min(end, (pixel + 1) * count) - max(start, pixel * count)

    return tuple((start // count, tuple(weights(start, start + SIZE))) for start in range(0, count * SIZE, SIZE))


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


class Picture(Widget):
    """One picture, as wide as WIDTHS allow in the columns and lines that there are."""

    DEFAULT_CSS = """
    Picture { width: 28; height: 14; }
    """

    def __init__(self, pixels: bytes | None = None, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._pixels = pixels

    def show(self, pixels: bytes | None) -> None:
        """uint8 [28, 28]; None: nothing."""
        if pixels != self._pixels:
            self._pixels = pixels
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = max((width for width in WIDTHS if self.fits(width)), default=None)
        if self._pixels is None or width is None or y >= width // 2:
            return Strip.blank(self.size.width, self.rich_style)
        strip = paint(self._pixels, width, shading_of(self.app))[y]
        return strip.adjust_cell_length(self.size.width, self.rich_style)

    def fits(self, width: int) -> bool:
        return width <= self.size.width and width // 2 <= self.size.height
