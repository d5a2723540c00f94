"""The colours of the themes: legible on their backgrounds, and different for users who are colour-blind."""

from itertools import combinations

import pytest

from fashion_tui.report.colormap import lightness
from fashion_tui.report.style import PALETTES
from fashion_tui.settings import THEMES, Theme

Colour = tuple[float, float, float]

COLOUR_BLINDNESS = {
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}
"""Matrices for linear RGB (G. Machado, M. Oliveira and L. Fernandes, 2009)."""

MIN_DIFFERENCE = 25.0
"""Minimum distance of two colours in CIELAB. A distance of 2 is barely visible."""


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of WCAG 2."""
    darker, lighter = sorted(lightness(int(colour[1:], 16)) for colour in (first, second))
    return (lighter + 0.05) / (darker + 0.05)


def linear(colour: str) -> Colour:
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return (_linear(red), _linear(green), _linear(blue))


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


def as_seen(colour: Colour, matrix: tuple[Colour, ...]) -> Colour:
    red, green, blue = (min(max(sum(a * b for a, b in zip(row, colour, strict=True)), 0.0), 1.0) for row in matrix)
    return (red, green, blue)


def lab(colour: Colour) -> Colour:
    red, green, blue = colour
    x = _lab((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505)
    y = _lab(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    z = _lab((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.0888)
    return (116 * y - 16, 500 * (x - y), 200 * (y - z))


def _lab(share: float) -> float:
    return float(share ** (1 / 3)) if share > 0.008856 else 7.787 * share + 16 / 116


def difference(first: Colour, second: Colour) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(lab(first), lab(second), strict=True)) ** 0.5)


@pytest.mark.parametrize("theme", THEMES)
def test_text_is_legible(theme: Theme) -> None:
    palette = PALETTES[theme]
    minimum = 4.0 if theme == "dark" else 4.5
    for text in (palette.foreground, palette.muted, palette.accent, palette.good, palette.attention, palette.bad):
        for background in (palette.background, palette.surface, palette.panel):
            assert contrast(text, background) >= minimum, (text, background)
    for background in (palette.cursor, palette.error_line, palette.correct, *palette.confusions):
        assert contrast(palette.foreground, background) >= 4.5, background
    assert palette.is_dark == (lightness(int(palette.background[1:], 16)) < 0.5)


@pytest.mark.parametrize("kind", COLOUR_BLINDNESS)
def test_the_status_colours_of_the_colour_blind_theme_differ(kind: str) -> None:
    palette = PALETTES["colour-blind"]
    colours = (palette.good, palette.attention, palette.bad)
    seen = [as_seen(linear(colour), COLOUR_BLINDNESS[kind]) for colour in colours]
    assert min(difference(first, second) for first, second in combinations(seen, 2)) > MIN_DIFFERENCE


def test_the_colour_blind_theme_shows_problems_in_orange() -> None:
    palette = PALETTES["colour-blind"]
    for colour in (palette.bad, palette.error_line, *palette.confusions):
        red, green, blue = linear(colour)
        assert red > green > blue, colour


def test_the_dark_theme_would_fail_for_colour_blind_users() -> None:
    """Shows that the test above can fail."""
    palette = PALETTES["dark"]
    good, bad = (as_seen(linear(colour), COLOUR_BLINDNESS["deuteranopia"]) for colour in (palette.good, palette.bad))
    assert difference(good, bad) < MIN_DIFFERENCE
