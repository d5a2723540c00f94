"""Images of any shape, drawn with block elements and characters, and heat maps over them."""

import math
import random

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from rich.color import ColorType
from rich.segment import Segment

from fashion_tui.report.colormap import heat_colour
from fashion_tui.report.pictures import blend, draw_picture, fit, fit_picture, luminance, overlay, thumbnail
from fashion_tui.report.pixels import BLOCKS, INK, Shading
from fashion_tui.report.resizing import resize
from fashion_tui.report.terminal_palette import nearest_colour, palette_colour
from fashion_tui.schema.dataset import ImageShape
from fashion_tui.schema.picture import Picture

Array = npt.NDArray[np.uint8]


def noise(*shape: int) -> Array:
    return np.frombuffer(random.Random(7).randbytes(math.prod(shape)), np.uint8).reshape(shape)


def picture_of(pixels: Array) -> Picture:
    channels, height, width = pixels.shape
    return Picture(pixels.tobytes(), (channels, height, width))


def shown(rows: list[list[Segment]]) -> Array:
    """Return the colours that a terminal would show, with four pixels per cell: `[2 * lines, 2 * columns, 3]`."""
    lines = []
    for row in rows:
        cells = []
        for text, style, _control in row:
            assert style is not None
            background = style.bgcolor.get_truecolor() if style.bgcolor else (0, 0, 0)
            ink = style.color.get_truecolor() if style.color else background
            for mask in map(BLOCKS.index, text):
                quarters = [ink if mask >> quarter & 1 else background for quarter in range(4)]
                cells.append([quarters[:2], quarters[2:]])
        lines.append(np.concatenate(cells, axis=1))
    return np.concatenate(lines).astype(np.uint8)


def characters(rows: list[list[Segment]]) -> list[str]:
    return ["".join(segment.text for segment in row) for row in rows]


def area_means(pixels: Array, size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Shrink an image `[H, W]` by repeating its pixels until both sides are multiples of the new sides."""
    height, width = pixels.shape
    repeated = np.kron(pixels, np.ones(size))
    result: npt.NDArray[np.float64] = repeated.reshape(size[0], height, size[1], width).mean((1, 3))
    return result


@pytest.mark.parametrize(("side", "new"), [(64, 32), (64, 16), (224, 32), (512, 64), (96, 12)])
def test_image_shrinks_as_with_a_box_filter(side: int, new: int) -> None:
    pixels = noise(side, side)
    expected = np.asarray(Image.fromarray(pixels).resize((new, new), Image.Resampling.BOX))
    assert np.abs(resize(pixels, (new, new)).astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("size", "new"), [((28, 28), (20, 20)), ((37, 50), (11, 33)), ((9, 64), (9, 7))])
def test_divided_pixels_count_by_their_area(size: tuple[int, int], new: tuple[int, int]) -> None:
    pixels = noise(*size)
    assert np.abs(resize(pixels, new) - area_means(pixels, new)).max() <= 1
    assert (resize(np.stack([pixels] * 3), new) == resize(pixels, new)).all()


def test_signed_values_are_averaged_too() -> None:
    values = np.array([[-100, 50, -3, -4]], np.int8)
    assert resize(values, (1, 2)).tolist() == [[-25, -3]]  # −3.5 is rounded up


@pytest.mark.parametrize(
    ("shape", "room", "expected"),
    [
        ((1, 28, 28), (14, 28), (14, 28)),
        ((1, 28, 28), (22, 33), (14, 28)),
        ((1, 28, 28), (38, 73), (28, 56)),
        ((1, 28, 28), (7, 14), (7, 14)),
        ((3, 32, 32), (38, 73), (32, 64)),
        ((3, 8, 8), (16, 33), (16, 32)),
        ((3, 9, 9), (5, 20), (5, 9)),
        ((3, 64, 64), (22, 33), (16, 33)),
        ((3, 224, 224), (16, 32), (16, 32)),
        ((3, 512, 256), (16, 32), (16, 16)),
        ((1, 100, 400), (16, 32), (4, 32)),
        ((1, 8, 512), (16, 32), (1, 32)),
    ],
)
def test_image_is_as_large_as_the_space_allows(
    shape: ImageShape, room: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert fit(shape, room) == expected


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("side", [8, 9, 32])
def test_every_pixel_of_a_small_colour_image_has_its_own_colour(side: int, factor: int) -> None:
    pixels = noise(3, side, side)
    size = fit((3, side, side), (side * factor, side * factor))
    drawn = shown(draw_picture(picture_of(pixels), size, Shading.TRUECOLOR))
    assert drawn.shape[0] - side * factor in {0, 1}  # an odd number of rows leaves the lower half of a line empty
    expected = pixels.transpose(1, 2, 0).repeat(factor, 0).repeat(2 * factor, 1)
    assert (drawn[: side * factor] == expected).all()
    assert not drawn[side * factor :].any()


def test_large_colour_image_is_averaged() -> None:
    pixels = np.asarray(Image.fromarray(noise(6, 6, 3)).resize((96, 96), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    drawn = shown(draw_picture(picture_of(pixels), (32, 64), Shading.TRUECOLOR))[:, ::2]
    for channel in range(3):
        expected = area_means(pixels[channel], (64, 64))
        assert np.abs(drawn[..., channel] - expected).max() <= 1


def test_reduced_colour_image_keeps_edges_within_a_cell() -> None:
    pixels = np.zeros((3, 8, 8), np.uint8)
    pixels[0, :, :3], pixels[2, :, 3:] = 200, 90
    drawn = shown(draw_picture(picture_of(pixels), (2, 4), Shading.TRUECOLOR))
    expected = [[(200, 0, 0)] * 3 + [(0, 0, 90)] * 5] * 4
    assert drawn.tolist() == np.array(expected).tolist()


def test_two_colours_per_cell_have_the_smallest_squared_error() -> None:
    pixels = noise(3, 16, 16)
    drawn = shown(draw_picture(picture_of(pixels), (4, 8), Shading.TRUECOLOR)).astype(int)
    averaged = pixels.reshape(3, 8, 2, 16).mean(2).transpose(1, 2, 0)
    for y in range(0, 8, 2):
        for x in range(0, 16, 2):
            block = averaged[y : y + 2, x : x + 2].reshape(4, 3)
            errors = []
            for subset in range(1, 8):
                first = np.array([bool(subset >> quarter & 1) for quarter in range(4)])
                groups = (block[first], block[~first])
                errors.append(sum(((group - group.mean(0)) ** 2).sum() for group in groups))
            error = ((drawn[y : y + 2, x : x + 2].reshape(4, 3) - block) ** 2).sum()
            assert error <= min(errors) + 4 * 3 * 2 * math.sqrt(max(errors))  # colours are rounded to integers


def test_256_colours_are_the_nearest_of_the_palette() -> None:
    cube = [(r, g, b) for r in (0, 95, 135, 175, 215, 255) for g in (0, 95, 135, 175, 215, 255)
            for b in (0, 95, 135, 175, 215, 255)]  # fmt: skip
    entries = np.array([*cube[1:], *[(8 + 10 * step,) * 3 for step in range(24)]])
    for red, green, blue in noise(300, 3).tolist():
        colour = nearest_colour(red << 16 | green << 8 | blue)
        chosen = np.array([colour >> 16, colour >> 8 & 255, colour & 255])
        distances = ((entries - [red, green, blue]) ** 2).sum(1)
        assert ((chosen - [red, green, blue]) ** 2).sum() == distances.min()
        number = palette_colour(colour).number
        assert number is not None
        assert (np.array([*cube, *[(8 + 10 * step,) * 3 for step in range(24)]])[number - 16] == chosen).all()
    drawn = draw_picture(picture_of(noise(3, 8, 8)), (4, 8), Shading.PALETTE)
    for _text, style, _control in (segment for row in drawn for segment in row):
        assert style is not None
        for colour_used in (style.color, style.bgcolor):
            assert colour_used is None or colour_used.type is ColorType.EIGHT_BIT


def test_colour_image_without_colours_shows_its_luminance() -> None:
    pixels = noise(3, 32, 32)
    picture = picture_of(pixels)
    grey = np.asarray(Image.fromarray(pixels.transpose(1, 2, 0).copy()).convert("L"))
    assert np.abs(np.frombuffer(luminance(picture), np.uint8).reshape(32, 32).astype(int) - grey).max() <= 1
    drawn = characters(draw_picture(picture, (16, 32), Shading.CHARACTERS))
    assert drawn == characters(draw_picture(Picture(luminance(picture), (1, 32, 32)), (16, 32), Shading.CHARACTERS))
    assert set("".join(drawn)) <= set(INK)


def test_thumbnail_keeps_the_shape_of_the_image() -> None:
    pixels = noise(3, 256, 128)
    small = thumbnail(overlay(picture_of(pixels), [0.5] * (256 * 128)))
    assert small.shape == (3, 64, 32)
    assert set(small.heat) == {64}
    expected = np.asarray(Image.fromarray(pixels[1]).resize((32, 64), Image.Resampling.BOX))
    assert np.abs(np.frombuffer(small.pixels, np.uint8).reshape(3, 64, 32)[1].astype(int) - expected).max() <= 1
    unchanged = picture_of(noise(1, 64, 20))
    assert thumbnail(unchanged) is unchanged


def test_hot_pixels_have_the_colour_of_the_heat_and_cold_ones_a_darker_grey() -> None:
    picture = overlay(Picture(bytes([200] * 4), (1, 2, 2)), [0.0, 1.0, math.nan, 0.5])
    red, green, blue = np.frombuffer(blend(picture).pixels, np.uint8).reshape(3, 4).tolist()
    assert (red[0], green[0], blue[0]) == (red[2], green[2], blue[2]) == (120, 120, 120)
    hot = heat_colour(1, 0, 1)
    expected = [0.25 * 120 + 0.75 * channel for channel in (hot >> 16, hot >> 8 & 255, hot & 255)]
    assert [red[1], green[1], blue[1]] == pytest.approx(expected, abs=1)
    assert red[1] > blue[1]
    assert green[3] > red[3]  # the middle of viridis is green


def test_negative_heat_is_blue_and_positive_heat_orange() -> None:
    picture = overlay(Picture(bytes(3 * 3), (3, 1, 3)), [-1.0, 0.0, 1.0])
    red, green, blue = np.frombuffer(blend(picture).pixels, np.uint8).reshape(3, 3).tolist()
    for x, value in ((0, -1.0), (2, 1.0)):
        colour = heat_colour(value, -1.0, 1.0)
        expected = [0.75 * channel for channel in (colour >> 16, colour >> 8 & 255, colour & 255)]
        assert [red[x], green[x], blue[x]] == pytest.approx(expected, abs=1)
    assert blue[0] > red[0]
    assert red[2] > blue[2]
    assert red[1] == blue[1] == 0


def test_without_colours_the_heat_map_is_beside_the_image() -> None:
    heat = [x / 15 if y < 8 else -x / 15 for y in range(16) for x in range(16)]
    picture = overlay(picture_of(noise(1, 16, 16)), heat)
    size = fit_picture(picture, (10, 33), Shading.CHARACTERS)
    assert size == (8, 33)
    rows = characters(draw_picture(picture, size, Shading.CHARACTERS))
    assert [len(row) for row in rows] == [33] * 8
    plain = draw_picture(Picture(picture.pixels, picture.shape), (8, 16), Shading.CHARACTERS)
    assert [row[:16] for row in rows] == characters(plain)
    assert rows[0][17:] == "".join(INK[round(round(127 * x / 15) / 127 * 9)] for x in range(16))
    assert rows[7][17] == " "
    assert rows[7][18:] == "".join(str(round(round(127 * x / 15) / 127 * 9)) for x in range(1, 16))
    assert fit_picture(picture, (10, 33), Shading.TRUECOLOR) == (8, 16)


@pytest.mark.parametrize(
    ("pixels", "shape", "heat"),
    [(b"123", (1, 2, 2), b""), (b"12", (2, 1, 1), b""), (b"", (1, 0, 4), b""), (b"1234", (1, 2, 2), b"1")],
)
def test_bytes_must_match_the_shape(pixels: bytes, shape: ImageShape, heat: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|shape"):
        Picture(pixels, shape, heat)
