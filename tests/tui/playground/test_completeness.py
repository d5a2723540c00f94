"""Deciding without the kernel whether code is complete."""

import pytest

from fashion_tui.tui.playground.prompt.editor import guess_completeness


@pytest.mark.parametrize(
    ("code", "status", "indent"),
    [
        ("1 + 1", "complete", ""),
        ("for i in x:", "incomplete", "    "),
        ("for i in x:\n    if i:", "incomplete", "        "),
        ("for i in x:\n    print(i)", "incomplete", "    "),
        ("for i in x:\n    print(i)\n", "complete", ""),
        ("f(1,", "incomplete", ""),
        ("'''text", "incomplete", ""),
        ("1 +* 2", "invalid", ""),
        ("%timeit 1", "invalid", ""),
        ("\x00", "invalid", ""),
    ],
)
def test_guess_completeness(code: str, status: str, indent: str) -> None:
    completeness = guess_completeness(code)
    assert (completeness.status, completeness.indent) == (status, indent)
