"""The colours of a heat map: from dark to light for one sign, from blue over dark to red where values have both."""

from functools import lru_cache

from rich.color import Color
from rich.style import Style

STEPS = 12
"""Shades of one side: more aren't told apart, and fewer make fewer bytes."""

_DARK = (24, 28, 34)
_LIGHT = (176, 196, 120)
_BELOW = (70, 140, 200)
_ABOVE = (206, 108, 82)


def heat_style(value: float, low: float, high: float) -> Style:
    """A ground in the colour of the value among those from `low` to `high`, and a text that is read on it."""
    if low < 0 < high:
        share = value / max(-low, high)
        return _style(_BELOW if share < 0 else _ABOVE, round(abs(share) * STEPS))
    span = high - low
    return _style(_LIGHT, round((value - low) / span * STEPS) if span else 0)


@lru_cache(maxsize=64)
def _style(full: tuple[int, int, int], step: int) -> Style:
    red, green, blue = (round(d + (f - d) * step / STEPS) for d, f in zip(_DARK, full, strict=True))
    is_light = 0.3 * red + 0.59 * green + 0.11 * blue > 110
    return Style(color="#101010" if is_light else "#d0d0d0", bgcolor=Color.from_rgb(red, green, blue))
