"""The lessons as they are read from their files."""

import ast

import pytest

from fashion_tui.lessons.reader import Lesson, lessons, parse

from .claims import CLAIMS

GOOD = "# Title\n\nFirst *paragraph*.\n\nSecond.\n\n```python\nx = 1\n\ny = 2\n```\n\n> Look\n> here.\n\nThe end.\n"


def test_there_are_the_guides_fifteen_in_its_order() -> None:
    assert [lesson.id for lesson in lessons()] == sorted(CLAIMS)
    assert len(lessons()) == 15
    assert len({lesson.title for lesson in lessons()}) == 15


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.id)
def test_a_lesson_has_cells_that_are_python_and_say_what_to_look_at(lesson: Lesson) -> None:
    assert len(lesson.steps) >= 3
    assert lesson.steps[0].text
    for step in lesson.steps:
        ast.parse(step.code)
        assert step.look


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.id)
def test_a_card_fits_beside_the_prompt(lesson: Lesson) -> None:
    """Lines of code that would be folded, and cells that need scrolling much, are no cards."""
    for step in lesson.steps:
        assert max(map(len, step.code.split("\n"))) <= 120
        assert len(step.code.split("\n")) <= 30


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.id)
def test_what_each_cell_shows_is_claimed(lesson: Lesson) -> None:
    for claims in CLAIMS[lesson.id]:
        assert claims.holds or claims.shows or claims.rows or claims.together or claims.grads


def test_a_file_becomes_steps() -> None:
    lesson = parse("00-x", GOOD)
    (step,) = lesson.steps
    assert (lesson.title, lesson.closing) == ("Title", "The end.")
    assert (step.text, step.code, step.look) == ("First *paragraph*.\n\nSecond.", "x = 1\n\ny = 2", "Look\nhere.")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("no title", "doesn't begin with"),
        ("# T\n\n```python\n1\n```\n", "no block quote after the last cell"),
        ("# T\n\n> look\n", "don't follow each other"),
        ("# T\n\n```python\n1\n```\n\ntext\n\n> look\n", "don't follow each other"),
        ("# T\n\n# U\n", "a second title"),
    ],
)
def test_a_malformed_file_says_where(source: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse("00-x", source)
