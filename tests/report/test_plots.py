"""Plots drawn as lines of characters, in any width and style."""

import random
from collections.abc import Iterator
from itertools import pairwise

import msgspec
import pytest
from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.segment import Segment

from fashion_tui.report.colormap import STEPS, heat_colour, lightness
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.report.pixels import BLOCKS, Shading
from fashion_tui.report.plots import PlotStyle, draw
from fashion_tui.report.plots.layout import max_lines
from fashion_tui.schema.plots import MAX_LEVEL, MIME_TYPE, NON_FINITE, Bars, HeatMap, ImageGrid, Plot, plot_in

COLOURS = PlotStyle(Shading.TRUECOLOR, UNICODE)
NO_COLOURS = PlotStyle(Shading.CHARACTERS, UNICODE)
PLAIN = PlotStyle(Shading.CHARACTERS, ASCII)
STYLES = pytest.mark.parametrize("style", [COLOURS, NO_COLOURS, PLAIN], ids=["colours", "no colours", "ASCII"])

RNG = random.Random(0)


def images(count: int, height: int, width: int, channels: int = 1, **more: object) -> ImageGrid:
    pixels = RNG.randbytes(count * height * width * channels)
    known: dict[str, object] = {"total": count, "caption": "float32 [1, 28, 28] in [0, 1]"}
    return msgspec.convert(
        {"type": "images", "count": count, "height": height, "width": width, "channels": channels, "pixels": pixels}
        | known
        | more,
        ImageGrid,
    )


def heat_map(
    rows: int, columns: int, value_strings: tuple[str, ...] = (), low: float = -1.0, high: float = 2.0
) -> HeatMap:
    levels = bytes(RNG.randrange(MAX_LEVEL + 1) for _ in range(rows * columns))
    return HeatMap(
        rows=rows, columns=columns, levels=levels, low=low, high=high, value_strings=value_strings, caption="float32"
    )


def bars(*values: float | None, value_strings: tuple[str, ...] = (), labels: tuple[str, ...] = ()) -> Bars:
    return Bars(values=values, value_strings=value_strings, labels=labels, caption="float32 [n]")


PLOTS: dict[str, Plot] = {
    "garment": images(1, 28, 28),
    "tiny image": images(1, 5, 5),
    "tall image": images(1, 160, 3),
    "photograph": images(1, 120, 160, 3),
    "batch": images(64, 28, 28, total=60_000),
    "labelled batch": images(6, 28, 28, labels=("Ankle boot", "漢字漢字漢字漢字", "", "a", "b", "c")),
    "coloured batch": images(10, 32, 32, 3),
    "wide planes": images(3, 4, 160),
    "numbers": heat_map(2, 3, ("1", "-0.25", "inf", "1e-05", "0", "7")),
    "map": heat_map(160, 160),
    "row": heat_map(2, 160),
    "column": heat_map(160, 2, low=3.0, high=3.0),
    "few": bars(0.1, 0.9, value_strings=("0.1", "0.9"), labels=("Ankle boot", "Bag")),
    "both signs": bars(-3.0, 2.0, 0.0, None, value_strings=("-3", "2", "0", "nan")),
    "chart": bars(*(float(value) for value in range(-60, 100))),
    "chart of non-finite values": bars(*[None] * 20),
    "extremes": bars(-1.7e308, 1.7e308, value_strings=("-1.7e+308", "1.7e+308")),
}


@STYLES
@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_fits_its_width_and_has_its_height(name: str, style: PlotStyle) -> None:
    for width in (1, 2, 7, 13, 28, 40, 60, 80, 119, 200):
        drawing = draw(PLOTS[name], width, style)
        rows = drawing.rows()
        assert len(rows) == drawing.height, width
        assert max(sum(cell_len(segment.text) for segment in row) for row in rows) <= width
        if style is PLAIN:
            assert all(segment.text.isascii() or "漢" in segment.text for row in rows for segment in row)


def lines_of(plot: Plot, width: int, style: PlotStyle) -> list[str]:
    return ["".join(segment.text for segment in row).rstrip() for row in draw(plot, width, style).rows()]


def halves(row: list[Segment]) -> Iterator[tuple[str | None, str | None]]:
    """Yield the upper and the lower colour of each cell, as a terminal would show them."""
    for text, style, _ in row:
        background = None if style is None or style.bgcolor is None else style.bgcolor.get_truecolor().hex
        ink = background if style is None or style.color is None else style.color.get_truecolor().hex
        for character in text:
            mask = BLOCKS.index(character)
            yield ink if mask & 1 else background, ink if mask & 4 else background


def test_every_pixel_of_a_coloured_image_has_its_colour() -> None:
    image = images(1, 28, 30, 3)
    rows = draw(image, 80, COLOURS).rows()
    for y in range(28):
        cells = list(halves(rows[y // 2]))
        for x in range(30):
            start = (y * 30 + x) * 3
            assert cells[x][y % 2] == f"#{image.pixels[start : start + 3].hex()}"


def test_values_of_a_heat_map_have_their_colours_and_non_finite_ones_stand_out() -> None:
    levels = bytes([0, MAX_LEVEL, NON_FINITE] * 7)
    rows = draw(HeatMap(rows=7, columns=3, levels=levels, low=0.0, high=5.0), 80, COLOURS).rows()
    cells = [list(halves(row)) for row in rows[:7]]
    assert {tuple(row) for row in cells} == {tuple(cells[0])}
    smallest, largest, non_finite = cells[0][::2]
    assert cells[0][1::2] == [smallest, largest, non_finite]
    assert (smallest[0], largest[0], non_finite[0]) == ("#440154", "#fde725", "#d75f5f")
    assert lines_of(HeatMap(rows=7, columns=3, levels=levels, low=0.0, high=5.0), 80, PLAIN)[-1].endswith(
        "5   ? 7 NaN or infinite"
    )


def test_averaging_a_heat_map_keeps_non_finite_values() -> None:
    levels = bytes(NON_FINITE if index == 100 * 160 + 77 else 9 for index in range(160 * 160))
    plot = HeatMap(rows=160, columns=160, levels=levels, low=0.0, high=1.0)
    for width in (30, 80, 120):
        pixels = draw(plot, width, COLOURS).rows()[: max_lines(width)]
        colours = [half for row in pixels for cell in halves(row) for half in cell]
        assert 1 <= colours.count("#d75f5f") <= 4  # more than one if the value is on the border of two pixels
        assert any("?" in line for line in lines_of(plot, width, PLAIN)[: max_lines(width)])


def test_a_small_matrix_shows_its_numbers_if_they_fit() -> None:
    plot = heat_map(2, 3, ("1", "-0.25", "inf", "12", "0", "7"))
    assert lines_of(plot, 80, NO_COLOURS) == ["     1  −0.25    inf", "    12      0      7", "float32"]
    assert lines_of(plot, 18, NO_COLOURS)[0] == "    1 −0.25   inf"
    assert "0.25" not in "".join(lines_of(plot, 17, NO_COLOURS))
    assert lines_of(plot, 17, PLAIN)[-2].startswith("-1 ")


def test_bars_grow_from_zero_in_both_directions() -> None:
    plot = bars(-2.0, 1.0, 0.0, None, value_strings=("-2", "1", "0", "nan"))
    assert lines_of(plot, 18, PLAIN) == [
        "0   -2  =======",
        "1    1         ===",
        "2    0",
        "3  nan",
        "float32 [n]",
    ]
    tiny = bars(-1000.0, -1.0, 1.0, 1000.0, value_strings=("-1000", "-1", "1", "1000"))
    assert [line[10:].strip() for line in lines_of(tiny, 60, PLAIN)[1:3]] == ["=", "-"], "any bar but 0 is visible"
    labelled = bars(0.5, 1.0, value_strings=("0.5", "1"), labels=("Bag", "Ankle boot"))
    assert lines_of(labelled, 40, COLOURS)[:2] == [
        "Bag         0.5  ━━━━━━━━━━━╸",
        "Ankle boot    1  ━━━━━━━━━━━━━━━━━━━━━━━",
    ]


def test_a_chart_labels_the_ends_of_its_axes() -> None:
    lines = lines_of(bars(*(float(value) for value in range(-10, 31))), 80, PLAIN)
    assert [line.split("|")[0].strip() for line in lines[:8]] == ["30", "", "", "", "", "0", "", "-10"]
    assert lines[8].split() == ["0", "40"]
    assert lines[0].endswith("#")
    assert lines[7].endswith("|###")
    narrow = lines_of(bars(*[1.0] * 100), 40, PLAIN)
    assert " ".join(narrow[9:]) == "float32 [n] - each bar is the mean of 3"


def test_bars_are_apart_if_that_fits() -> None:
    """30 bars with a space after each need 60 columns, and the label of the axis, a space and the axis 3."""
    plot = bars(*[1.0] * 30)
    assert chart_columns(plot, 63, PLAIN)[:4] == ["#" * 8, " " * 8, "#" * 8, " " * 8]
    assert chart_columns(plot, 62, PLAIN)[:4] == ["#" * 8] * 4


def test_the_scale_of_a_heat_map_has_all_characters_and_as_many_columns_as_fit() -> None:
    scale = lines_of(heat_map(160, 160), 20, PLAIN)[-2]
    assert len(scale) == 20
    assert (scale[:4], scale[-3:]) == ("-1  ", "@ 2")
    assert set(scale[3:-2]) == set(" .:-=+*#%@"), "from the darkest to the lightest character"


def chart_columns(plot: Plot, width: int, style: PlotStyle) -> list[str]:
    """Return the columns of a chart with one column per bar, each from its top to its bottom."""
    lines = ["".join(segment.text for segment in row).ljust(width) for row in draw(plot, width, style).rows()[:8]]
    start = lines[0].index(style.glyphs.axis) + 1
    return ["".join(column) for column in zip(*(line[start:] for line in lines), strict=True)]


@pytest.mark.parametrize("style", [NO_COLOURS, PLAIN], ids=["Unicode", "ASCII"])
def test_a_value_that_is_not_finite_marks_the_bar_of_its_group(style: PlotStyle) -> None:
    values: list[float | None] = [2.0] * 100
    values[40] = None
    columns = chart_columns(bars(*values), 40, style)
    full = style.glyphs.levels[-1] * 8
    assert columns[:34] == [" " * 7 + style.glyphs.bad if group == 40 // 3 else full for group in range(34)]


def test_the_bar_of_a_group_is_its_mean() -> None:
    values = [8.0, 8.0, 2.0, 4.0, 6.0, 8.0] * 20  # the means of two are 8, 3 and 7, so that one level is 1
    columns = chart_columns(bars(*values), 70, PLAIN)
    assert [column.count("#") for column in columns[:6]] == [8, 3, 7, 8, 3, 7]


@pytest.mark.parametrize("style", [NO_COLOURS, PLAIN], ids=["Unicode", "ASCII"])
def test_a_bar_of_any_value_but_0_is_visible(style: PlotStyle) -> None:
    values = [1e-9, 0.0, -1e-9, 1000.0, -1000.0] * 12
    tiny, zero, tiny_negative, large, large_negative = chart_columns(bars(*values), 70, style)[:5]
    assert tiny == f"   {style.glyphs.levels[0]}    "
    assert zero.isspace()
    assert tiny_negative.strip() == tiny_negative[4] != " "
    assert large == style.glyphs.levels[-1] * 4 + " " * 4
    assert large_negative == " " * 4 + style.glyphs.levels[-1] * 4


@STYLES
def test_a_small_heat_map_is_enlarged_if_that_fits(style: PlotStyle) -> None:
    def columns(count: int, width: int) -> int:
        first = next(iter(draw(heat_map(4, count), width, style).rows()))
        return sum(cell_len(segment.text) for segment in first)

    assert columns(28, 80) == 56, "the widest enlarged map"
    assert columns(29, 80) == 29
    assert columns(20, 40) == 40
    assert columns(20, 39) == 20


def test_the_images_of_a_batch_are_as_large_as_possible() -> None:
    four = images(4, 28, 28)
    assert draw(four, 120, COLOURS).height == 14 + 1  # one row of images and the caption
    assert draw(four, 80, COLOURS).height == 7 + 1
    many = images(64, 28, 28, total=60_000)
    assert lines_of(many, 80, COLOURS)[-1].endswith("the first 25 of 60,000")
    labelled = lines_of(images(2, 28, 28, labels=("Bag", "Ankle boot")), 80, PLAIN)
    assert labelled[14] == f"{'Bag':29}Ankle boot"


def test_a_small_image_is_enlarged_and_a_large_one_fits() -> None:
    assert len(list(halves(draw(images(1, 8, 8), 80, COLOURS).rows()[0]))) == 24
    assert draw(images(1, 160, 160), 80, COLOURS).height == 20 + 1


@pytest.mark.parametrize(("low", "sign"), [(0.0, 1), (-1.0, 1), (-1.0, -1)], ids=["one sign", "above", "below"])
def test_colours_get_lighter_with_the_value_even_with_256_colours(low: float, sign: int) -> None:
    colours = [heat_colour(sign * step / 100, low, 1.0) for step in range(101)]
    assert len(set(colours)) == STEPS
    assert all(before <= after for before, after in pairwise(map(lightness, colours)))
    shown = [Color.from_rgb(c >> 16, c >> 8 & 255, c & 255).downgrade(ColorSystem.EIGHT_BIT) for c in colours]
    light = [lightness(int(colour.get_truecolor().hex[1:], 16)) for colour in shown]
    assert all(after > before - 0.03 for before, after in pairwise(light))
    assert len({colour.number for colour in shown}) > 10


@pytest.mark.parametrize(
    ("plot", "words"),
    [
        ({"type": "images", "count": 1}, "missing required field"),
        ({"type": "film"}, "film"),
        ([], "Expected `object`"),
        (msgspec.to_builtins(images(1, 2, 2)) | {"height": 3}, "4 bytes; expected 6"),
        (msgspec.to_builtins(images(1, 2, 2)) | {"height": 0, "pixels": ""}, "height is 0"),
        (msgspec.to_builtins(images(1, 2, 2)) | {"pixels": "!"}, "base64"),
        (msgspec.to_builtins(images(1, 2, 2)) | {"channels": 2}, "2"),
        (msgspec.to_builtins(images(1, 2, 2)) | {"caption": "x" * 500}, "500 characters"),
        (msgspec.to_builtins(heat_map(2, 2)) | {"high": float("nan")}, "from -1.0 to nan"),
        (msgspec.to_builtins(heat_map(2, 2)) | {"columns": 10**9}, "columns is 1000000000"),
        (msgspec.to_builtins(bars(1.0)) | {"values": [float("inf")]}, "not finite"),
        (msgspec.to_builtins(bars(1.0)) | {"values": [1.0] * 161}, "values is 161"),
        (msgspec.to_builtins(bars(1.0)) | {"labels": ["a", "b"]}, "2 labels; expected 1"),
    ],
)
def test_an_invalid_plot_is_refused_in_one_line(plot: object, words: str) -> None:
    with pytest.raises(ValueError, match="invalid plot: ") as caught:
        plot_in({MIME_TYPE: plot})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_can_be_encoded_and_decoded(name: str) -> None:
    sent = msgspec.json.encode(msgspec.to_builtins(PLOTS[name]))
    assert plot_in({MIME_TYPE: msgspec.json.decode(sent), "text/plain": ""}) == PLOTS[name]
    assert plot_in({"text/plain": ""}) is None
