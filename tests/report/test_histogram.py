"""Histograms and tensor bars as characters."""

import pytest
from rich.cells import cell_len

from fashion_tui.report.glyphs import ASCII, UNICODE, Glyphs
from fashion_tui.report.histogram import histogram_block, histogram_line
from fashion_tui.report.shape_columns import MAX_BAR, TensorScale
from fashion_tui.schema.weights import Histogram

WEIGHTS = Histogram(
    name="conv1.weight", counts=(1, 0, 2, 4, 8, 4, 2, 1, 0, 0, 0, 2), low=-0.5, high=0.7, mean=0.01, std=0.2,
    non_finite=0,
)  # fmt: skip


def test_a_histogram_with_its_axis() -> None:
    lines = [line.plain for line in histogram_block(WEIGHTS, width=60, height=2, glyphs=UNICODE)]
    assert lines == [
        "weight  24 values  mean 0.01  std 0.2",
        "    █       ",
        "▂ ▄███▄▂   ▄",
        "−0.5     0.7",
    ]


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_a_bin_with_one_value_of_a_million_is_visible(glyphs: Glyphs) -> None:
    counts = (0, 1, 1_000_000, 0, 1, 0)
    histogram = Histogram(name="w", counts=counts, low=-1.0, high=1.0, mean=0.0, std=0.1, non_finite=0)
    expected = [glyphs.levels[0] if count == 1 else glyphs.levels[-1] if count else " " for count in counts]
    block = histogram_block(histogram, width=60, height=4, glyphs=glyphs)
    assert block[4].plain == "".join(expected)
    assert block[1].plain == f"  {glyphs.levels[-1]}   "
    assert "".join(expected) in histogram_line(histogram, width=60, glyphs=glyphs).plain


def test_one_value() -> None:
    histogram = Histogram(name="fc.bias", counts=(1,), low=0.5, high=0.5, mean=0.5, std=0.0, non_finite=0)
    assert histogram_block(histogram, width=60, height=1, glyphs=UNICODE)[0].plain.startswith("bias  1 value  mean")


def test_bins_are_merged_if_the_width_is_small() -> None:
    lines = histogram_block(WEIGHTS, width=6, height=1, glyphs=UNICODE)
    assert lines[1].plain == "▁▄█▂ ▁"


def test_a_histogram_in_one_line() -> None:
    assert histogram_line(WEIGHTS, width=60, glyphs=UNICODE).plain == "weight ▁ ▂▄█▄▂▁   ▂ −0.5 … 0.7"
    assert histogram_line(WEIGHTS, width=60, glyphs=ASCII).plain.isascii()


def test_a_line_uses_the_whole_width() -> None:
    line = histogram_line(WEIGHTS, width=80, glyphs=UNICODE).plain
    assert histogram_line(WEIGHTS, width=len(line), glyphs=UNICODE).plain == line
    assert len(histogram_line(WEIGHTS, width=len(line) - 1, glyphs=UNICODE).plain) < len(line) - 1


def test_non_finite_weights_are_counted() -> None:
    broken = Histogram(name="w", counts=(0,) * 4, low=0.0, high=0.0, mean=0.0, std=0.0, non_finite=12)
    assert "12 are NaN or infinite" in histogram_block(broken, width=80, height=2, glyphs=UNICODE)[0].plain
    assert "12 are NaN or infinite" in histogram_line(broken, width=80, glyphs=UNICODE).plain


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize("width", [12, 24, 47, 80])
def test_no_line_is_wider_than_the_width(width: int, glyphs: Glyphs) -> None:
    lines = histogram_block(WEIGHTS, width=width, height=3, glyphs=glyphs)
    assert max(cell_len(line.plain) for line in lines) <= width


def test_bars_follow_channels_and_sides() -> None:
    shapes = [(1, 28, 28), (12, 28, 28), (12, 14, 14), (20, 14, 14), (20, 7, 7), (980,), (200,), (10,)]
    scale = TensorScale.of(shapes)
    bars = [scale.bar(shape, UNICODE) for shape in shapes]
    heights = [UNICODE.levels.index(bar[0]) for bar in bars]
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights[:5])) == 3
    assert heights[5:] == [0, 0, 0]
    widths = [len(bar) for bar in bars]
    assert widths[0] < widths[1] == widths[2] < widths[3]
    assert max(widths) == widths[5] == MAX_BAR
    assert widths[5] > widths[6] > widths[7]


def test_bars_of_shapes_without_axes_or_one_channel() -> None:
    assert TensorScale.of([()]).bar((), UNICODE) == "▁"
    assert TensorScale.of([(1,)]).bar((1,), UNICODE) == "▁"
    assert TensorScale.of([(3, 4)]).bar((3, 4), ASCII).isascii()
