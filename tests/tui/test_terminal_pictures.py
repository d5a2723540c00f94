"""Pictures on a real terminal: what a page of them costs the line, and what stays when it can't show greys."""

from pathlib import Path

import pytest

from tests.tui.apps import Apps

MOST_PAGE = 32.0
"""KiB, of a page of twelve pictures on a screen of 120×40."""

MOST_STEP = 2.0
"""KiB, of moving the cursor to the next picture."""


def kib_for(terminal_of: Apps, *arguments: str, dataset: str | None) -> tuple[list[float], list[float]]:
    """What five pages, and five steps of the cursor, send."""
    pages, steps = [], []
    with terminal_of(*arguments, dataset=dataset) as terminal:
        terminal.wait_for("In [1]")
        terminal.press("f3")
        terminal.wait_until(lambda screen: screen.count("▄") > 100, "pictures")
        terminal.settle()
        for page in range(2, 7):
            before = len(terminal.output)
            terminal.press("space")
            terminal.wait_for(f"page {page}/")
            terminal.settle()
            pages.append((len(terminal.output) - before) / 1024)
            before = len(terminal.output)
            terminal.press("right")
            terminal.settle()
            steps.append((len(terminal.output) - before) / 1024)
        terminal.press("q")
        assert terminal.exit_status() == 0
    return pages, steps


def test_a_page_of_pictures_is_small_enough_for_a_slow_line(app_terminal: Apps) -> None:
    pages, steps = kib_for(app_terminal, dataset="synthetic")
    assert 5 < max(pages) < MOST_PAGE, pages
    assert 0 < max(steps) < MOST_STEP, steps


@pytest.mark.real_data
def test_a_page_of_real_pictures_is_too(app_terminal: Apps, real_data: Path) -> None:
    pages, steps = kib_for(app_terminal, "--data", str(real_data), dataset=None)
    assert 5 < max(pages) < MOST_PAGE, pages
    assert 0 < max(steps) < MOST_STEP, steps
