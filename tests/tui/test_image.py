"""Images drawn with the cells of a terminal."""

import math
import random
from itertools import pairwise

import pytest
from rich.color import ColorType
from rich.console import Console
from textual.app import App, ComposeResult
from textual.strip import Strip

from fashion_tui.machine.terminal import unicode_obstacle
from fashion_tui.report.pictures import overlay
from fashion_tui.report.pixels import BLOCKS, GAMMA, GREYS, INK, Shading
from fashion_tui.schema.picture import Picture
from fashion_tui.tui.widgets.image import ImageView, paint_picture, shading_of
from tests.tui.pilots import screen_text

SIDE = 28
WIDTHS = (14, 20, 28, 56)

RAMP = bytes(value % 256 for value in range(SIDE * SIDE))
NOISE = random.Random(0).randbytes(SIDE * SIDE)
BLACK = bytes(SIDE * SIDE)
SHOE = bytes(min(255, 12 * x) if 10 < y < 10 + x else 0 for y in range(SIDE) for x in range(SIDE))

STEP = GREYS[2] - GREYS[1]


def paint_image(pixels: bytes, width: int, shading: Shading) -> tuple[Strip, ...]:
    return paint_picture(Picture(pixels, (1, SIDE, SIDE)), (width // 2, width), shading)


def nearest_grey(value: float) -> int:
    lifted = 255 * (value / 255) ** GAMMA
    return min(GREYS, key=lambda grey: abs(grey - lifted))


def decoded(strips: tuple[Strip, ...]) -> list[list[tuple[int, int, int, int]]]:
    """Return the greys that a terminal would show in the four quarters of every cell."""
    rows = []
    for strip in strips:
        row = []
        for text, style, _control in strip:
            assert style is not None
            assert style.bgcolor is not None
            below = style.bgcolor.get_truecolor().red
            above = below if style.color is None else style.color.get_truecolor().red
            for char in text:
                mask = BLOCKS.index(char)
                quarters = [above if mask >> quarter & 1 else below for quarter in range(4)]
                row.append((quarters[0], quarters[1], quarters[2], quarters[3]))
        rows.append(row)
    return rows


def ansi(strips: tuple[Strip, ...]) -> str:
    console = Console(force_terminal=True, color_system="truecolor")
    return "\n".join(strip.render(console) for strip in strips)


@pytest.mark.parametrize("pixels", [RAMP, NOISE, BLACK, SHOE], ids=["ramp", "noise", "black", "shoe"])
def test_every_pixel_of_a_full_size_image_has_the_nearest_grey(pixels: bytes) -> None:
    cells = decoded(paint_image(pixels, SIDE, Shading.PALETTE))
    assert len(cells) == SIDE // 2
    for y in range(SIDE):
        for x in range(SIDE):
            upper_left, upper_right, lower_left, lower_right = cells[y // 2][x]
            assert (upper_left, lower_left) == (upper_right, lower_right)
            assert (lower_left if y % 2 else upper_left) == nearest_grey(pixels[y * SIDE + x])


def test_enlarged_image_shows_each_pixel_twice_as_wide_and_high() -> None:
    cells = decoded(paint_image(NOISE, 2 * SIDE, Shading.PALETTE))
    for y in range(SIDE):
        for x in range(SIDE):
            assert {*cells[y][2 * x], *cells[y][2 * x + 1]} == {nearest_grey(NOISE[y * SIDE + x])}


@pytest.mark.parametrize("width", [14, 20])
def test_small_image_keeps_the_brightness_of_each_part(width: int) -> None:
    cells = decoded(paint_image(SHOE, width, Shading.PALETTE))
    assert (len(cells), len(cells[0])) == (width // 2, width)
    shown = [sum(cell) / 4 for row in cells for cell in row]
    side, lines = SIDE / width, SIDE / (width // 2)
    for y in range(width // 2):
        for x in range(width):
            covered = [
                SHOE[row * SIDE + column]
                for row in range(int(y * lines), math.ceil((y + 1) * lines))
                for column in range(int(x * side), math.ceil((x + 1) * side))
            ]
            low, high = nearest_grey(min(covered)), nearest_grey(max(covered))
            assert low - STEP <= shown[y * width + x] <= high + STEP


def test_outlines_stay_sharp_at_half_size() -> None:
    left_column_white = bytes(255 if x == 14 else 0 for _ in range(SIDE) for x in range(SIDE))
    cells = decoded(paint_image(left_column_white, 14, Shading.PALETTE))
    for row in cells:
        assert row[7] == (255, 8, 255, 8)
        assert {quarter for x, cell in enumerate(row) if x != 7 for quarter in cell} == {8}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("shading", Shading)
def test_image_has_the_requested_size(width: int, shading: Shading) -> None:
    strips = paint_image(NOISE, width, shading)
    assert [strip.cell_length for strip in strips] == [width] * (width // 2)
    assert all(len(strip.text) == width for strip in strips)


def test_greys_are_palette_colours_and_equal_neighbours_share_a_segment() -> None:
    for strip in paint_image(SHOE, SIDE, Shading.PALETTE):
        for _text, style, _control in strip:
            assert style is not None
            for colour in (style.color, style.bgcolor):
                assert colour is None or (colour.type is ColorType.EIGHT_BIT and colour.triplet is not None)
    assert all(len(list(strip)) == 1 for strip in paint_image(BLACK, SIDE, Shading.PALETTE))
    assert len(ansi(paint_image(BLACK, SIDE, Shading.PALETTE))) < 50 * SIDE // 2


def test_any_pattern_of_two_greys_is_one_segment() -> None:
    chequered = bytes(255 * ((x + y) % 2) for y in range(SIDE) for x in range(SIDE))
    assert all(len(list(strip)) == 1 for strip in paint_image(chequered, SIDE, Shading.PALETTE))


def test_brighter_pixels_never_look_darker() -> None:
    ramp = bytes(range(256)) * 4
    shown = [decoded(paint_image(bytes([value]) * SIDE**2, SIDE, Shading.PALETTE))[0][0][0] for value in range(256)]
    assert all(before <= after for before, after in pairwise(shown))
    assert len(set(shown)) == len(GREYS)
    inked = [
        paint_image(ramp[value : value + 1] * SIDE**2, SIDE, Shading.CHARACTERS)[0].text[0] for value in range(256)
    ]
    assert all(INK.index(before) <= INK.index(after) for before, after in pairwise(inked))
    assert set(inked) == set(INK)


def test_characters_show_the_outline() -> None:
    strips = paint_image(SHOE, SIDE, Shading.CHARACTERS)
    assert all(len(list(strip)) == 1 for strip in strips)
    for y, strip in enumerate(strips):
        assert strip.text.isascii()
        for x, char in enumerate(strip.text):
            lit = SHOE[2 * y * SIDE + x] + SHOE[(2 * y + 1) * SIDE + x]
            assert (char == " ") == (lit < 40) or abs(lit - 40) < 20


async def test_a_heat_map_is_shown_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    class HeatMap(App[None]):
        def compose(self) -> ComposeResult:
            yield ImageView()

        def on_mount(self) -> None:
            heat = [(x - 14) / 14 for _ in range(SIDE) for x in range(SIDE)]
            self.query_one(ImageView).show(overlay(Picture(SHOE, (1, SIDE, SIDE)), heat), (20, 60))

    app = HeatMap()
    async with app.run_test(size=(60, 20)):
        line = screen_text(app).splitlines()[3]
        assert line[SIDE + 1 :].startswith("9")
        assert line.rstrip().endswith("%")


class OneImage(App[None]):
    def compose(self) -> ComposeResult:
        yield ImageView()

    def on_mount(self) -> None:
        self.query_one(ImageView).show(Picture(SHOE, (1, SIDE, SIDE)), (20, 40))


@pytest.mark.parametrize(
    ("environ", "shading"),
    [
        ({"TERM": "xterm-256color"}, Shading.PALETTE),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, Shading.TRUECOLOR),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, Shading.CHARACTERS),
        ({"TERM": "xterm-256color", "LANG": "C"}, Shading.CHARACTERS),
        ({"TERM": "xterm"}, Shading.CHARACTERS),
    ],
    ids=["256 colours", "24 bits", "NO_COLOR", "LANG=C", "16 colours"],
)
async def test_shading_depends_on_the_terminal(
    environ: dict[str, str], shading: Shading, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "COLORTERM", "NO_COLOR", "LANG", "LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    unicode_obstacle.cache_clear()
    try:
        app = OneImage()
        async with app.run_test(size=(40, 20)):
            assert shading_of(app) is shading
            shown = app.query_one(ImageView).render_line(6).text
            assert shown.rstrip() == paint_image(SHOE, SIDE, shading)[6].text.rstrip()
    finally:
        unicode_obstacle.cache_clear()
