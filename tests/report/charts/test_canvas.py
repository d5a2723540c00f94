"""Lines, bands and markers on a canvas, checked dot by dot."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from fashion_tui.report.charts.canvas import Canvas
from fashion_tui.report.glyphs import ASCII, UNICODE
from tests.report.charts.dots import dots_of

LINE, BAND = Style(color="red"), Style(color="blue")


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.integers(1, 10))
def test_a_line_passes_through_its_points_without_gaps(heights: list[float], rows: int) -> None:
    canvas = Canvas(10, rows, UNICODE)
    canvas.line(list(enumerate(heights)), LINE, "*")
    dots = dots_of([text.plain for text in canvas.rows()])
    expected = [round((1 - height) * (rows * 4 - 1)) for height in heights]
    assert set(enumerate(expected)) <= dots
    assert {x for x, _ in dots} == set(range(len(heights)))
    before = expected[0]
    for x, y in enumerate(expected):
        column = sorted(row for column, row in dots if column == x)
        assert column == list(range(column[0], column[-1] + 1))
        assert min(abs(row - before) for row in column) <= 1
        before = y


def test_points_that_are_far_apart_are_joined_by_a_straight_line() -> None:
    canvas = Canvas(20, 5, UNICODE)
    canvas.line([(0, 0.0), (39, 1.0)], LINE, "*")
    dots = dots_of([text.plain for text in canvas.rows()])
    for x, y in dots:
        assert abs(y - np.interp(x, [0, 39], [19, 0])) <= 1


def test_the_band_is_between_its_limits_and_leaves_space_for_the_line() -> None:
    canvas = Canvas(3, 4, UNICODE)
    for column in range(3):
        canvas.band(column, 3 / 15, 12 / 15, BAND)
    canvas.line([(2, 0.5), (3, 0.5)], LINE, "*")
    rows = canvas.rows()
    dots = dots_of([text.plain for text in rows])
    assert {y for x, y in dots if x < 2} == set(range(3, 13))
    middle = {(x, y) for x, y in dots if x in {2, 3} and 8 <= y < 12}
    assert middle == {(2, 8), (3, 8)}
    spans = [(span.start, span.end, span.style) for span in rows[2].spans]
    assert spans == [(0, 1, BAND), (1, 2, LINE), (2, 3, BAND)]


def test_ascii_uses_one_character_per_cell() -> None:
    canvas = Canvas(5, 3, ASCII)
    canvas.band(0, 0.0, 1.0, BAND)
    canvas.line([(0, 0.0), (2, 1.0)], LINE, "a")
    canvas.marker(2, 1.0, "@", LINE)
    canvas.guide(4, 1, ".", BAND)
    canvas.guide(0, 0, ".", BAND)
    assert [text.plain for text in canvas.rows()] == [": @  ", ":a  .", "a    "]


def test_heights_outside_the_canvas_are_drawn_at_its_border() -> None:
    canvas = Canvas(1, 2, UNICODE)
    canvas.line([(0, 1e30), (1, 1e30)], LINE, "*")
    assert dots_of([text.plain for text in canvas.rows()]) == {(0, 0), (1, 0)}
