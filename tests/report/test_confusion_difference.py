"""Differences of confusion matrices in text."""

from fashion_tui.report.confusion_difference import difference_lines
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.report.style import BAD, GOOD

NAMES = ("cat", "dog", "\x1b[31mowl")
DIFFERENCE = ((5, -5, 0), (0, -3, 3), (0, 0, 0))


def test_each_cell_has_its_sign_and_its_colour_says_which_run_is_better() -> None:
    header, *rows = difference_lines(NAMES, DIFFERENCE, 60, (0, 0), UNICODE)
    assert header.plain.split()[:2] == ["cat", "dog"]
    assert [row.plain.split()[-3:] for row in rows] == [["+5", "−5", "·"], ["·", "−3", "+3"], ["·", "·", "·"]]
    styles = {row.plain[span.start : span.end].strip(): str(span.style) for row in rows[:2] for span in row.spans}
    assert GOOD in styles["+5"]
    assert GOOD in styles["−5"], "fewer confusions"
    assert BAD in styles["−3"]
    assert BAD in styles["+3"]


def test_hostile_names_are_printable_and_ascii_needs_no_other_characters() -> None:
    for line in difference_lines(NAMES, DIFFERENCE, 60, (0, 0), ASCII):
        assert line.plain.isprintable()
        assert line.plain.isascii()


def test_many_classes_are_scrolled() -> None:
    names = [f"class {index}" for index in range(100)]
    matrix = [[row * 100 + column for column in range(100)] for row in range(100)]
    header, *rows = difference_lines(names, matrix, 40, (97, 98), UNICODE)
    assert len(rows) == 3
    assert rows[0].plain.split() == ["97", "class", "97", "+9798", "+9799"]
    assert header.plain.split() == ["98", "99"]
    assert len(header.plain) == len(rows[0].plain) <= 40
