"""Bars and sparklines, in Unicode and in ASCII."""

import ast
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual._border import BORDER_CHARS

import fashion_tui
from fashion_tui.report.glyphs import ASCII, ASCII_ERRORS, UNICODE, Glyphs, ascii_text
from tests.numbers import floats


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


@given(floats(0, 1), floats(0, 1), st.integers(1, 60), st.sampled_from([UNICODE, ASCII]))
def test_a_slim_bar_shows_its_share_to_half_a_cell(share: float, other: float, width: int, glyphs: Glyphs) -> None:
    bar = glyphs.slim_bar(share, width)
    full, half = bar.count(glyphs.thick_line), bar.count(glyphs.half_line)
    assert bar == glyphs.thick_line * full + glyphs.half_line * half
    assert half <= 1
    assert len(bar) <= width
    assert (bar == "") == (share == 0), "a share above 0 is visible"
    assert abs(full + half / 2 - share * width) <= (0.25 if bar != glyphs.half_line else 0.5)
    assert full + half / 2 <= width
    assert glyphs.slim_bar(7.0, width) == glyphs.thick_line * width
    low, high = sorted([share, other])
    assert len(glyphs.slim_bar(low, width)) <= len(glyphs.slim_bar(high, width))


@given(st.lists(floats(-1e300, 1e300), min_size=1, max_size=20), st.sampled_from([UNICODE, ASCII]))
def test_a_sparkline_has_the_order_of_its_values(values: list[float], glyphs: Glyphs) -> None:
    levels = [glyphs.levels.index(glyph) for glyph in glyphs.sparkline(values)]
    assert [levels[values.index(value)] for value in sorted(values)] == sorted(levels)
    if max(values) > min(values):
        assert (min(levels), max(levels)) == (0, 7)


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


def _characters_of_the_package() -> Iterator[tuple[str, str]]:
    """Yield each character beyond ASCII in the string literals of the package except docstrings, and its file."""
    for path in Path(fashion_tui.__file__).parent.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield from ((character, path.name) for character in node.value if not character.isascii())


def test_each_character_of_the_package_has_an_ascii_alternative() -> None:
    missing = {found for found in _characters_of_the_package() if "?" in ascii_text(found[0]) and found[0] != "\ufffd"}
    assert missing == set()


def test_ascii_text_has_the_same_width() -> None:
    assert ascii_text("12×28 → é − 日本 …") == "12x28 > e - ???? ~"
    assert ascii_text("20·7·7 · e\u0301") == "20*7*7 - e"


def test_output_that_cannot_be_encoded_becomes_ascii() -> None:
    assert "2·(k − 1) · ▂█".encode("ascii", ASCII_ERRORS) == b"2*(k - 1) - .#"
    assert "é·\udcff".encode("utf-8", ASCII_ERRORS) == "é·?".encode()


def test_the_characters_of_textuals_borders_have_an_ascii_alternative() -> None:
    characters = {character for rows in BORDER_CHARS.values() for row in rows for part in row for character in part}
    assert {character for character in characters if "?" in ascii_text(character)} == set()
