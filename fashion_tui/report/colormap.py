"""Map numbers to colours.

The scale runs from dark to light. If there are both negative and positive numbers, the scale diverges from zero, and
numbers near zero have nearly the colour of the terminal's background. Lightness changes evenly, so that equal steps
look equal, even to users who can't distinguish the hues.
"""

from functools import cache, lru_cache

from rich.style import Style

from .pixels import rgb
from .style import DARK_TEXT, LIGHT_TEXT, PALETTE

STEPS = 48
"""Number of colours in a scale. With few colours, neighbouring cells often share a colour, so fewer bytes are sent."""

_VIRIDIS: tuple[str, ...] = (
    "440154", "482475", "414487", "355f8d", "2a788e", "21918c", "22a884", "44bf70", "7ad151", "bddf26", "fde725",
)  # fmt: skip
"""Evenly spaced colours of matplotlib's viridis (S. van der Walt and N. Smith, 2015)."""

_BLUES = ("1d3a52", "22587f", "2f78a9", "5398cb", "8ab8e3", "c4d9f2")
_ORANGES = ("4a2c1f", "773d22", "a35329", "cc7141", "e8996b", "f6c6a6")
_BLUE, _ORANGE = (
    (PALETTE.zero.removeprefix("#"), *(colours if PALETTE.is_dark else reversed(colours)))
    for colours in (_BLUES, _ORANGES)
)
"""Halves of the diverging scale, each from zero to the largest magnitude: blue for negative, orange for positive."""

MIN_LIGHTNESS_FOR_DARK_TEXT = 0.145
"""If a background is lighter than this, dark text is used, because it is more legible."""


def heat_colour(value: float, low: float, high: float) -> int:
    """Return the colour (0xrrggbb) of a value in the range from `low` to `high`."""
    scale = _VIRIDIS
    share = (value / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)  # halved because `high - low` may overflow
    if low < 0 < high:
        scale = _BLUE if value < 0 else _ORANGE
        share = abs(value) / max(-low, high)
    return _scale(scale)[round(min(max(share, 0.0), 1.0) * (STEPS - 1))]


def heat_style(value: float, low: float, high: float) -> Style:
    """Return a style with the value's colour as background and a legible foreground."""
    return _style(heat_colour(value, low, high))


def lightness(colour: int) -> float:
    """Return the relative luminance of a colour, from 0 for black to 1 for white (WCAG 2)."""
    shares = ((colour >> shift & 255) / 255 for shift in (16, 8, 0))
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@lru_cache(maxsize=3 * STEPS)
def _style(background: int) -> Style:
    is_light = lightness(background) > MIN_LIGHTNESS_FOR_DARK_TEXT
    return Style(color=DARK_TEXT if is_light else LIGHT_TEXT, bgcolor=rgb(background))


@cache
def _scale(anchors: tuple[str, ...]) -> tuple[int, ...]:
    """Return STEPS colours, interpolated linearly between the anchors."""
    colours = []
    for step in range(STEPS):
        position = step * (len(anchors) - 1) / (STEPS - 1)
        before = min(int(position), len(anchors) - 2)
        share = position - before
        colour = 0
        for channel in range(0, 6, 2):
            start, end = (int(anchor[channel : channel + 2], 16) for anchor in anchors[before : before + 2])
            colour = colour << 8 | round(start + (end - start) * share)
        colours.append(colour)
    return tuple(colours)
