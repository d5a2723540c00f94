"""The names that cells read and assign."""

import builtins

import pytest

from fashion_tui.lessons.names import names_in
from fashion_tui.lessons.reader import lessons


def test_each_lesson_uses_only_its_own_names_and_those_of_a_new_kernel() -> None:
    preloaded = {"torch", "nn", "F", "train_data", "test_data", "classes", "show", *dir(builtins)}
    for lesson in lessons():
        known = set(preloaded)
        for step in lesson.steps:
            names = names_in(step.code)
            assert names.read - {"__name__"} <= known, lesson.id
            known |= names.assigned


@pytest.mark.parametrize(
    ("code", "read", "assigned"),
    [
        ("x = t + 1", {"t"}, {"x"}),
        ("t = t + 1", {"t"}, {"t"}),
        ("t = 1; t + 1", set(), {"t"}),
        ("for i in data: total += i", {"data", "total"}, {"i", "total"}),
        ("def f(a):\n    return a + b", {"b"}, {"f"}),
        ("[c * d for c in e]", {"d", "e"}, set()),
        ("import os.path as p, sys\nwith p.x as q: pass", set(), {"p", "sys", "q"}),
        ("del t", set(), {"t"}),
        ("await f()", {"f"}, set()),
        ("%timeit f()", set(), set()),
    ],
)
def test_names_of_a_cell(code: str, read: set[str], assigned: set[str]) -> None:
    names = names_in(code)
    assert (set(names.read), set(names.assigned)) == (read, assigned)
