"""The confusion matrix with a cursor, compared with NumPy."""

import numpy as np
import pytest

from fashion_tui.report.confusion import (
    ConfusionMatrix,
    Normalisation,
    cell_lines,
    matrix_blocks,
    matrix_lines,
    matrix_width,
    matrix_window,
)
from fashion_tui.report.glyphs import ASCII, UNICODE

NAMES = ("T-shirt/top", "Shirt", "Bag")
COUNTS = np.array([[905, 95, 0], [197, 791, 12], [0, 0, 1000]])
MATRIX = ConfusionMatrix(NAMES, COUNTS.tolist(), (2, 0, 1))
ALL = matrix_window(MATRIX, (0, 0), (0, 0), (20, 60))


@pytest.mark.parametrize("normalisation", ["counts", "rows", "columns"])
def test_cells_are_counts_or_shares_in_the_order_of_the_classes(normalisation: Normalisation) -> None:
    lines = [line.plain for line in matrix_lines(MATRIX, ALL, normalisation, (0, 0), UNICODE)]
    expected = COUNTS.astype(float)
    if normalisation != "counts":
        expected = 100 * expected / expected.sum(axis=1 if normalisation == "rows" else 0, keepdims=True)
    expected = expected[np.ix_([2, 0, 1], [2, 0, 1])]
    assert lines[1].split() == ["Bag", "T-s", "Shi"]
    for line, name, values in zip(lines[2:], ("Bag", "T-shirt/top", "Shirt"), expected, strict=True):
        assert line.startswith(name)
        cells = [line[matrix_width(MATRIX) - 15 :][start : start + 5].strip(" []") for start in (0, 5, 10)]
        shown = [0 if cell == "·" else float(cell) for cell in cells]
        rounded = [round(value, 1 if "." in cell else 0) for value, cell in zip(values, cells, strict=True)]
        assert shown == pytest.approx(rounded)
        assert all("." in cell for value, cell in zip(values, cells, strict=True) if 0 < value < 10)
    assert "by similarity" in lines[0]


def test_large_confusions_are_in_brackets_and_the_cursor_is_reversed() -> None:
    lines = matrix_lines(MATRIX, ALL, "counts", (2, 1), UNICODE)
    assert "[197]" in lines[4].plain
    assert "[95]" in lines[3].plain
    assert "[12]" not in lines[4].plain
    reversed_parts = [
        line.plain[span.start : span.end] for line in lines for span in line.spans if "reverse" in str(span.style)
    ]
    assert reversed_parts == ["[197]"]
    percentages = matrix_lines(MATRIX, ALL, "rows", None, UNICODE)
    assert "[9.5]" in percentages[3].plain
    assert " [20]" in percentages[4].plain  # 19.7 % doesn't fit in brackets
    assert all(line.plain.isascii() for line in matrix_lines(MATRIX, ALL, "rows", (0, 0), ASCII))


def test_the_printed_matrix_is_as_wide_as_necessary() -> None:
    matrix = ConfusionMatrix(NAMES, COUNTS.tolist(), (0, 1, 2))
    lines = matrix_blocks(matrix, 80, UNICODE)
    assert [line.plain.rstrip() for line in lines] == [
        "             T-s  Shi  Bag",
        "T-shirt/top  905  [95]   ·",
        "Shirt       [197] 791   12",
        "Bag            ·    · 1000",
    ]
    bold = [
        line.plain[span.start : span.end].strip() for line in lines for span in line.spans if "bold" in str(span.style)
    ]
    assert bold == ["905", "[95]", "[197]", "791", "1000"]
    narrow = [line.plain.rstrip() for line in matrix_blocks(matrix, 22, UNICODE)]
    assert narrow[:4] == ["             T-s", "T-shirt/top  905", "Shirt       [197]", "Bag            ·"]
    assert narrow[4:7] == ["", "             Shi  Bag", "T-shirt/top  [95]   ·"]


def test_the_number_of_images_of_a_class_fits_its_column() -> None:
    matrix = ConfusionMatrix(NAMES, ((0, 1000, 0), (0, 0, 1000), (999, 0, 1)), (0, 1, 2))
    assert len({line.cell_len for line in matrix_blocks(matrix, 80, UNICODE)}) == 1


def test_the_lines_about_a_cell() -> None:
    assert [line.plain for line in cell_lines(MATRIX, (2, 1), 62, UNICODE)] == [
        "Shirt → T-shirt/top",
        "197 images · 19.7 % of the class · 17.9 % of the prediction",
    ]
    empty = ConfusionMatrix(("a", "b"), ((0, 0), (0, 3)), (0, 1))
    assert "0 images · 0.0 % of the class · 0.0 % of the prediction" in cell_lines(empty, (0, 0), 62, UNICODE)[1].plain
    assert empty.largest_confusion() == (0, 0)
    assert MATRIX.largest_confusion() == (2, 1)


@pytest.mark.parametrize("width", [34, 40, 44, 50, 62])
def test_the_numbers_of_a_cell_are_never_cut(width: int) -> None:
    names = ["the class of long coats", "the class of long shirts", "a bag"]
    matrix = ConfusionMatrix(names, [[1234, 4321, 0], [0, 9, 0], [0, 0, 1]], range(3))
    classes, numbers = cell_lines(matrix, (0, 1), width, UNICODE)
    assert classes.cell_len <= width
    assert classes.plain.endswith("shirts")
    assert numbers.cell_len <= width
    assert all(number in numbers.plain for number in ("4,321", "77.8 %", "99.8 %"))


def test_columns_that_would_look_alike_have_the_numbers_of_their_classes() -> None:
    names = [f"blue {index}" for index in range(100)]
    matrix = ConfusionMatrix(names, np.eye(100, dtype=int).tolist(), range(99, -1, -1))
    window = matrix_window(matrix, (0, 0), (0, 0), (21, 62))
    _caption, header, first, *_rows = matrix_lines(matrix, window, "counts", (0, 1), UNICODE)
    assert header.plain.split() == [str(99 - column) for column in window.columns]
    assert first.plain.split()[:3] == ["99", "blue", "99"]
    assert cell_lines(matrix, (0, 1), 62, UNICODE)[0].plain == "99 blue 99 → 98 blue 98"


def test_the_window_scrolls_no_further_than_the_cursor_requires() -> None:
    """21 lines have space for 19 rows, and 62 columns for 10 columns beside names of 9 characters and more."""
    names = [f"{index:03} class" for index in range(100)]
    matrix = ConfusionMatrix(names, np.eye(100, dtype=int).tolist(), range(100))
    window = matrix_window(matrix, (0, 0), (0, 0), (21, 62))
    assert (window.rows, window.columns) == (range(19), range(10))
    window = matrix_window(matrix, (0, 0), (18, 10), (21, 62))
    assert (window.rows, window.columns) == (range(19), range(1, 11))
    window = matrix_window(matrix, (40, 40), (39, 99), (21, 62))
    assert (window.rows, window.columns) == (range(39, 58), range(90, 100))
    window = matrix_window(matrix, (95, 0), (99, 0), (21, 62))
    assert window.rows == range(81, 100)
    lines = matrix_lines(matrix, window, "counts", (99, 0), UNICODE)
    assert len(lines) == 21
    assert max(line.cell_len for line in lines) <= 62
    assert "truth ↓ 82–100 prediction → 1–10" in lines[0].plain
