"""The colours of a terminal with 256 colours: a cube of 6×6×6 colours and a ramp of 24 greys."""

from functools import lru_cache

from rich.color import Color, ColorType
from rich.color_triplet import ColorTriplet

CUBE_LEVELS = (0, 95, 135, 175, 215, 255)
"""Brightness of red, green and blue in the cube, which begins at colour 16. Its black is omitted, because it is often
redefined."""

GREY_RAMP = tuple(8 + 10 * step for step in range(24))
"""Brightness of the greys of the ramp, which begins at colour 232."""

_CUBE_INDICES = bytes(
    min(range(len(CUBE_LEVELS)), key=lambda index: abs(CUBE_LEVELS[index] - value)) for value in range(256)
)
"""Index in CUBE_LEVELS of the nearest level, for each brightness from 0 to 255."""


@lru_cache(maxsize=16_384)
def nearest_colour(colour: int) -> int:
    """Return the colour (0xrrggbb) of the palette that is nearest to a colour, by its distance in RGB."""
    channels = (colour >> 16, colour >> 8 & 255, colour & 255)
    cube = tuple(CUBE_LEVELS[_CUBE_INDICES[value]] for value in channels)
    step = round((sum(channels) / 3 - GREY_RAMP[0]) / 10)
    grey = (GREY_RAMP[min(max(step, 0), len(GREY_RAMP) - 1)],) * 3
    entries = (cube, grey) if any(cube) else (grey,)
    red, green, blue = min(entries, key=lambda entry: _distance(entry, channels))
    return red << 16 | green << 8 | blue


def _distance(entry: tuple[int, ...], channels: tuple[int, ...]) -> int:
    return sum((value - other) ** 2 for value, other in zip(entry, channels, strict=True))


def palette_colour(colour: int) -> Color:
    """Convert a colour of the palette, 0xrrggbb, to a `Color`.

    The `Color` includes its RGB triplet, so that Textual doesn't convert it to a 24-bit colour.
    """
    red, green, blue = triplet = ColorTriplet(colour >> 16, colour >> 8 & 255, colour & 255)
    if red == green == blue and red in GREY_RAMP:
        number = 232 + GREY_RAMP.index(red)
    else:
        number = 16 + 36 * _CUBE_INDICES[red] + 6 * _CUBE_INDICES[green] + _CUBE_INDICES[blue]
    return Color(f"#{colour:06x}", ColorType.EIGHT_BIT, number, triplet)
