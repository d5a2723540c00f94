"""Short names of classes are distinct, and fit."""

import random

import pytest
from rich.cells import cell_len

from fashion_tui.report.class_names import column_titles, row_name, short_class_name, short_class_names
from fashion_tui.report.glyphs import ASCII, UNICODE, Glyphs

FASHION = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
SIMILAR = ["blue sports car", "red sports car", "blue sport car", "blue school bus", "Boot", "Ankle boot"]
WIDE = ["日本語の長い名前その一", "日本語の長い名前その二", "その一"]
LONG = [f"class {'x' * 90}{index}{'y' * 90}" for index in range(120)]


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("width", [6, 7, 8, 12, 20])
@pytest.mark.parametrize("names", [FASHION, SIMILAR, WIDE, LONG])
def test_short_names_are_distinct_and_fit(names: list[str], width: int, glyphs: Glyphs) -> None:
    short = short_class_names(names, width, glyphs)
    assert len(set(short)) == len(names)
    assert max(map(cell_len, short)) <= width
    if not glyphs.unicode:
        assert "".join(short).isascii()


def test_a_shortened_name_keeps_its_beginning_and_end() -> None:
    """An ellipsis marks the cut, so that a shortened name never looks like another word."""
    generator = random.Random(0)
    for width in range(4, 14):
        names = ["".join(generator.choices("ab ", k=generator.randint(3, 16))).strip() or "a" for _ in range(8)]
        for label, name in enumerate(names):
            short = short_class_name(names, label, width, UNICODE)
            if cell_len(name) > width and not short.startswith(f"{label}…"):
                beginning, end = short.split("…")
                assert name.startswith(beginning)
                assert name.endswith(end)


def test_the_last_word_is_kept() -> None:
    assert short_class_name(SIMILAR, 0, 7, UNICODE) != short_class_name(SIMILAR, 1, 7, UNICODE)
    assert short_class_name(SIMILAR, 3, 9, UNICODE).endswith("bus")
    assert short_class_name(FASHION, 9, 8, UNICODE).endswith("boot")


@pytest.mark.parametrize("width", range(4))
def test_names_fit_into_any_width(width: int) -> None:
    for names in (FASHION, WIDE, LONG):
        assert all(cell_len(name) <= width for name in short_class_names(names, width, UNICODE))


def test_columns_have_numbers_if_short_names_are_alike() -> None:
    assert column_titles(FASHION, 3, UNICODE)[:3] == ["T-s", "Tro", "Pul"]
    assert row_name(FASHION, 1, 12, 3, UNICODE) == "Trouser"
    assert column_titles(LONG, 3, UNICODE) == [str(label) for label in range(120)]
    assert row_name(LONG, 7, 16, 3, UNICODE).split()[0] == "7"
    rows = [row_name(LONG, label, 16, 3, UNICODE) for label in range(120)]
    assert len(set(rows)) == 120


def test_the_first_alternative_is_enough_unless_another_name_begins_with_it() -> None:
    assert short_class_name(FASHION, 0, 7, UNICODE) == "T-shirt"
    assert short_class_name([*FASHION, "T-shirts"], 0, 9, UNICODE) == "T-shi…top"
    assert short_class_name(["a/b" * 9, "c"], 0, 3, UNICODE) == "a"
    assert short_class_name(["/tmp/images", "c"], 0, 5, UNICODE) == "/t…es"
