"""All lessons can be parsed, and every step fits its card."""

import ast
import re
import textwrap

import pytest

from fashion_tui.lessons.reader import Lesson, LessonStep, lessons, parse

from .claims import CLAIMS, CLOSINGS, EXTERNAL

COLUMNS, ROWS = 50, 25
"""Columns and rows of a card in the side panel."""

GOOD = """\
# A title

Some *words*.

More words.

```python
x = 1

x
```

> Look at `x`,
> it is 1.

```python
print("# no title")
```

> Nothing.

The end.
"""


def test_parse_a_lesson() -> None:
    assert parse("00-good", GOOD) == Lesson(
        id="00-good",
        title="A title",
        steps=(
            LessonStep(text="Some *words*.\n\nMore words.", code="x = 1\n\nx", observation="Look at `x`,\nit is 1."),
            LessonStep(text="", code='print("# no title")', observation="Nothing."),
        ),
        closing="The end.",
    )


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (GOOD.removeprefix("# A title"), "doesn't begin with '# Title'"),
        (GOOD.replace("> Nothing.\n", ""), "must be followed by one block quote"),
        (GOOD.replace("\nThe end.", "> Look again.\n\n# Another"), "a second title"),
        (GOOD.partition("> Nothing.")[0], "no block quote after its last cell"),
        (GOOD.replace("More words.", "> Too early."), "must be followed by one block quote"),
    ],
)
def test_a_file_of_another_form_is_rejected(broken: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"00-broken.*{reason}"):
        parse("00-broken", broken)


def test_the_lessons_are_in_order_and_have_steps() -> None:
    assert [lesson.id for lesson in lessons()] == list(CLAIMS)
    assert [lesson.id[:3] for lesson in lessons()] == [f"{number:02}-" for number in range(1, 18)]
    assert len({lesson.title for lesson in lessons()}) == 17
    assert all(len(lesson.steps) >= 5 for lesson in lessons())


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.id)
def test_each_step_fits_its_card_and_has_a_checked_claim(lesson: Lesson) -> None:
    assert lesson.steps[0].text
    for number, (step, claims) in enumerate(zip(lesson.steps, CLAIMS[lesson.id], strict=True), 1):
        where = f"cell {number} of {lesson.id}"
        ast.parse(step.code)
        assert step.observation, where
        assert claims.holds or claims.shows, f"no claim for {where}"
        code = step.code.splitlines()
        assert max(map(len, code)) <= COLUMNS + 8, where  # longer lines are wrapped
        assert _rows(step.text) <= 5, where
        assert _rows(step.observation) <= 5, where
        assert _rows(step.text) + len(code) + _rows(step.observation) + 2 <= ROWS, where
    assert _rows(lesson.closing) <= 8


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.id)
def test_each_number_in_a_card_is_computed_by_a_claim(lesson: Lesson) -> None:
    external = set(EXTERNAL.get(lesson.id, ()))
    for number, (step, claims) in enumerate(zip(lesson.steps, CLAIMS[lesson.id], strict=True), 1):
        computed = external | _numbers_in_code(repr(claims))
        where = f"cell {number} of {lesson.id}"
        assert _numbers_in_prose(step.observation) <= computed, where
        assert _numbers_in_prose(step.text) <= computed | _numbers_in_code(step.code), where
    closing = repr(CLOSINGS.get(lesson.id))
    assert _numbers_in_prose(lesson.closing) <= external | _numbers_in_code(closing), f"the end of {lesson.id}"


def _numbers_in_prose(markdown: str) -> set[float]:
    """Return the numbers in a text, except those in code and those of versions, lessons and function keys."""
    text = re.sub(r"`[^`]*`|PyTorch (of )?\d[\d.]*|lesson \d+|\bf\d\b", "", markdown)
    numbers = re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?!\w|\.\d)", text)
    return {float(number.replace(",", "")) for number in numbers}


def _numbers_in_code(code: str) -> set[float]:
    return {float(number.replace("_", "")) for number in re.findall(r"\d[\d_]*(?:\.\d+)?", code)}


def _rows(markdown: str) -> int:
    return sum(max(1, len(textwrap.wrap(paragraph, COLUMNS))) for paragraph in markdown.splitlines())
