"""Greyscale pixels as characters of different density and as block elements in two greys."""

import math

from rich.segment import Segment

from fashion_tui.report.pixels import Shading, grey_image, ink_line

INK = " .:-=+*#%@"


def text_of(lines: list[list[Segment]]) -> str:
    return "\n".join("".join(segment.text for segment in line) for line in lines)


def grey(level: int) -> int:
    """Return the pixel value that is shown with this grey of the palette, which has the brightness 8 + 10·level."""
    brightness = (8 + 10 * level) / 255
    return round(255 * math.pow(brightness, 1 / 0.85))


def test_a_lighter_pixel_has_a_denser_character() -> None:
    expected = "".join(INK[round(9 * (value / 255) ** 0.85)] for value in range(256))
    assert text_of([ink_line(bytes(range(256)))]) == expected


def test_two_pixels_of_the_same_grey_are_a_space() -> None:
    pixels = bytes([grey(5), grey(5), grey(5), grey(9)])
    assert text_of(grey_image(pixels, (2, 2), (1, 2), Shading.TRUECOLOR)) == " ▄"


def test_four_pixels_keep_their_outline_unless_their_greys_are_neighbours() -> None:
    def drawn(left: int, right: int) -> str:
        pixels = bytes([grey(left), grey(right)] * 2)
        return text_of(grey_image(pixels, (2, 2), (1, 1), Shading.TRUECOLOR))

    assert drawn(5, 6) == " "
    assert drawn(5, 7) == "▐"
    assert drawn(7, 5) == "▌"
