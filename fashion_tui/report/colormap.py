"""The colours of numbers: from dark to light as they grow, or away from zero where there are some on both sides of it.

The lightness grows evenly with the number, so that equal steps look equal, and who can't tell the hues apart reads the
lightness. Around zero the colour is nearly that of the terminal's ground: what is near zero recedes.
"""

from functools import cache, lru_cache

from rich.style import Style

from .pixels import rgb
from .style import FOREGROUND

STEPS = 48
"""Colours from one end to the other: few enough that neighbours are often equal and cost nothing."""

_VIRIDIS: tuple[str, ...] = (
    "440154", "482475", "414487", "355f8d", "2a788e", "21918c", "22a884", "44bf70", "7ad151", "bddf26", "fde725",
)  # fmt: skip
"""Every tenth of matplotlib's scale of that name (S. van der Walt and N. Smith, 2015)."""

_BLUE = ("1c1c1c", "1d3a52", "22587f", "2f78a9", "5398cb", "8ab8e3", "c4d9f2")
_ORANGE = ("1c1c1c", "4a2c1f", "773d22", "a35329", "cc7141", "e8996b", "f6c6a6")
"""From nothing to the largest number of a sign."""

DARK_TEXT = "#121212"

MIDDLE = 0.145
"""The lightness from which dark text is read better than light one."""


def heat_colour(value: float, low: float, high: float) -> int:
    """The colour (0xrrggbb) of a value among those from `low` to `high`."""
    scale = _VIRIDIS
    share = (value / 2 - low / 2) / ((high / 2 - low / 2) or 1.0)  # in halves: the span may be no number any more
    if low < 0 < high:
        scale = _BLUE if value < 0 else _ORANGE
        share = abs(value) / max(-low, high)
    return _scale(scale)[round(min(max(share, 0.0), 1.0) * (STEPS - 1))]


def heat_style(value: float, low: float, high: float) -> Style:
    """A ground in the value's colour, and a text that is read on it."""
    return _text_on(heat_colour(value, low, high))


def lightness(colour: int) -> float:
    """Relative luminance, 0 black to 1 white (WCAG 2)."""
    shares = ((colour >> shift & 255) / 255 for shift in (16, 8, 0))
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@lru_cache(maxsize=3 * STEPS)
def _text_on(colour: int) -> Style:
    return Style(color=DARK_TEXT if lightness(colour) > MIDDLE else FOREGROUND, bgcolor=rgb(colour))


@cache
def _scale(anchors: tuple[str, ...]) -> tuple[int, ...]:
    """STEPS colours on the straight lines between the anchors."""
    colours = []
    for step in range(STEPS):
        place = step * (len(anchors) - 1) / (STEPS - 1)
        before = min(int(place), len(anchors) - 2)
        share = place - before
        colour = 0
        for channel in range(0, 6, 2):
            start, end = (int(anchor[channel : channel + 2], 16) for anchor in anchors[before : before + 2])
            colour = colour << 8 | round(start + (end - start) * share)
        colours.append(colour)
    return tuple(colours)
