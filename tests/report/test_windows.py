"""Drawings of a window that slides along an axis."""

import pytest

from fashion_tui.report.glyphs import ASCII, UNICODE, Glyphs
from fashion_tui.report.windows import sliding_window_lines
from fashion_tui.schema.windows import SlidingWindow


def drawn(window: SlidingWindow, width: int = 80, glyphs: Glyphs = UNICODE) -> list[str]:
    return [line.plain.rstrip() for line in sliding_window_lines("input", window, width, glyphs)]


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["Unicode", "ASCII"])
def test_the_first_two_windows_and_the_last_are_drawn_below_the_padded_input(glyphs: Glyphs) -> None:
    window = SlidingWindow(input_size=7, kernel=3, stride=2, padding=(1, 1))
    lines = ["input  ░□□□□□□□░", "1      ■■■", "2        ■■■", "4            ■■■"]
    if glyphs is ASCII:
        lines = [line.translate(str.maketrans("░□■", ".o#")) for line in lines]
    assert drawn(window, glyphs=glyphs) == lines


def test_a_dilated_window_skips_values_and_may_extend_past_the_end() -> None:
    window = SlidingWindow(input_size=7, kernel=3, stride=3, dilation=2, ceil_mode=True)
    first, second, note = drawn(window)[1:]
    assert (first, second) == ("1      ■·■·■", "2         ■·■·■")
    assert "extends past the end by 1" in note


def test_a_long_input_is_shortened_to_the_width() -> None:
    lines = drawn(SlidingWindow(input_size=30, kernel=3), width=27)
    assert lines[0] == "input  □□□□□□□□□□…□□□□□□□□□"
    assert lines[-1] == "28               …      ■■■"


def test_a_note_counts_the_values_in_no_window_and_says_why_the_last_window_is_dropped() -> None:
    """With `ceil_mode`, a second window would start at index 3, which is the padding after the 2 values of the input.

    torch drops such a window, so that the last value of the padded input, which has 4, is in no window.
    """
    window = SlidingWindow(input_size=2, kernel=3, stride=3, padding=(1, 1), ceil_mode=True)
    assert "no window contains the last 1 of 4 values; the next window would start after" in drawn(window)[-1]
    assert "next window" not in drawn(SlidingWindow(input_size=6, kernel=4, stride=4))[-1]
