"""Bars and sparklines, in Unicode and in ASCII."""

import math

import pytest

from fashion_tui.report.glyphs import ASCII, UNICODE, supports_unicode


@pytest.mark.parametrize("eighths", range(81))
def test_a_bar_shows_its_share_to_an_eighth_of_a_cell(eighths: int) -> None:
    bar = UNICODE.bar(eighths / 80, width=10)
    drawn = sum(UNICODE.eighths.index(sign) + 1 for sign in bar)
    assert drawn == eighths


def test_a_little_is_never_drawn_as_nothing_and_too_much_never_overflows() -> None:
    for glyphs in (UNICODE, ASCII):
        assert len(glyphs.bar(1e-9, width=10)) == 1
        assert len(glyphs.bar(7.0, width=10)) == 10
        assert glyphs.bar(0.0, width=10) == glyphs.bar(-1.0, width=10) == ""


def test_a_sparkline_rises_with_its_values_and_marks_what_is_no_number() -> None:
    line = UNICODE.sparkline([1, 2, 3, math.nan, 8, math.inf])
    assert line[0] == UNICODE.levels[0]
    assert line[4] == UNICODE.levels[-1]
    assert [line[3], line[5]] == [UNICODE.bad] * 2
    assert UNICODE.sparkline([5.0, 5.0]) == UNICODE.levels[0] * 2
    assert UNICODE.sparkline([]) == ""


def test_the_plain_signs_are_ascii() -> None:
    glyphs = [getattr(ASCII, name) for name in ASCII.__slots__ if name != "unicode"]
    assert all("".join(glyphs).isascii() for _ in glyphs)


@pytest.mark.parametrize(
    ("environ", "unicode"),
    [
        ({"LANG": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),  # as Python itself sets it
        ({"LANG": "de_CH.UTF-8", "LC_ALL": "POSIX"}, False),
        ({"LANG": "de_CH.UTF-8"}, True),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, True),
        ({}, True),
    ],
)
def test_ascii_is_drawn_where_the_locale_asks_for_it(environ: dict[str, str], *, unicode: bool) -> None:
    assert supports_unicode(environ) is unicode
