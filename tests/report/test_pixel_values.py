"""The window of an image's pixel values."""

import numpy as np
import pytest

from fashion_tui.report.glyphs import UNICODE
from fashion_tui.report.pixel_values import pixel_values, window_size
from fashion_tui.schema.picture import Picture


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("start", [(0, 0), (7, 3), (99, 99), (-5, -5)])
def test_each_value_is_in_its_row_and_column(channels: int, start: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (channels, 20, 24), np.uint8)
    picture = Picture(pixels.tobytes(), (channels, 20, 24))
    width, height = 44, 12
    rows, columns = window_size(picture, width, height)
    assert (rows, columns) == (10, 39 // (4 if channels == 1 else 7))
    heading, column_line, *lines = (line.plain for line in pixel_values(picture, start, width, height, UNICODE))
    assert len(lines) == rows
    top, left = (min(max(value, 0), limit) for value, limit in zip(start, (20 - rows, 24 - columns), strict=True))
    assert f"rows {top}–{top + rows - 1} and columns {left}–{left + columns - 1}"[:20] in heading
    assert [int(number) for number in column_line.split()] == [*range(left, left + columns)]
    for row, line in enumerate(lines, top):
        label, *values = line.split()
        assert int(label) == row
        expected = pixels[:, row, left : left + columns].T
        for value, pixel in zip(values, expected, strict=True):
            assert (int(value) == pixel[0]) if channels == 1 else (bytes.fromhex(value) == bytes(pixel))


def test_all_values_of_a_small_image() -> None:
    heading, _columns, *lines = pixel_values(Picture(bytes(range(4)), (1, 2, 2)), (0, 0), 44, 12, UNICODE)
    assert heading.plain == "pixel values"
    assert [line.plain.split() for line in lines] == [["0", "0", "1"], ["1", "2", "3"]]
