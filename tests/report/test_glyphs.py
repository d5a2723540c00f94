"""Bars and sparklines, in Unicode and in ASCII."""

import math

import pytest

from fashion_tui.report.glyphs import ASCII, UNICODE, supports_unicode


@pytest.mark.parametrize("eighths", range(81))
def test_a_bar_shows_its_share_to_an_eighth_of_a_cell(eighths: int) -> None:
    bar = UNICODE.bar(eighths / 80, width=10)
    drawn = sum(UNICODE.eighths.index(glyph) + 1 for glyph in bar)
    assert drawn == eighths


def test_a_small_share_is_visible_and_a_large_one_does_not_overflow() -> None:
    for glyphs in (UNICODE, ASCII):
        assert len(glyphs.bar(1e-9, width=10)) == 1
        assert len(glyphs.bar(7.0, width=10)) == 10
        assert glyphs.bar(0.0, width=10) == glyphs.bar(-1.0, width=10) == ""


def test_a_sparkline_rises_with_its_values_and_marks_non_finite_ones() -> None:
    line = UNICODE.sparkline([1, 2, 3, math.nan, 8, math.inf])
    assert line[0] == UNICODE.levels[0]
    assert line[4] == UNICODE.levels[-1]
    assert [line[3], line[5]] == [UNICODE.bad] * 2
    assert UNICODE.sparkline([5.0, 5.0]) == UNICODE.levels[0] * 2
    assert UNICODE.sparkline([]) == ""


def test_the_ascii_glyphs_are_ascii() -> None:
    glyphs = [getattr(ASCII, name) for name in ASCII.__slots__ if name != "unicode"]
    assert all("".join(glyphs).isascii() for _ in glyphs)


@pytest.mark.parametrize(
    ("environ", "unicode"),
    [
        ({"LANG": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),  # set by Python itself
        ({"LANG": "de_CH.UTF-8", "LC_ALL": "POSIX"}, False),
        ({"LANG": "de_CH.UTF-8"}, True),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, True),
        ({}, True),
    ],
)
def test_the_c_and_posix_locales_have_no_unicode(environ: dict[str, str], *, unicode: bool) -> None:
    assert supports_unicode(environ) is unicode
