"""Terminal output of the Data pane for each page and cursor move."""

from pathlib import Path

import pytest

from tests.tui.apps import AppLauncher

MAX_PAGE = 32.0
"""Maximum output for a page of twelve images at 120×40, in KiB."""

MAX_MOVE = 2.0
"""Maximum output for moving the cursor to the next image, in KiB."""


def measure(launcher: AppLauncher, *arguments: str, dataset: str | None) -> tuple[list[float], list[float]]:
    """Return the output in KiB for each of five pages and of five cursor moves."""
    pages, moves = [], []
    with launcher(*arguments, dataset=dataset) as terminal:
        terminal.wait_for("In [1]")
        terminal.press("f3")
        terminal.wait_until(lambda screen: screen.count("▄") > 100, "images")
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
            moves.append((len(terminal.output) - before) / 1024)
        terminal.press("q")
        assert terminal.exit_status() == 0
    return pages, moves


def test_output_for_synthetic_images(app_terminal: AppLauncher) -> None:
    pages, moves = measure(app_terminal, dataset="synthetic")
    assert 5 < max(pages) < MAX_PAGE, pages
    assert 0 < max(moves) < MAX_MOVE, moves


@pytest.mark.real_data
def test_output_for_real_images(app_terminal: AppLauncher, real_data: Path) -> None:
    pages, moves = measure(app_terminal, "--data", str(real_data), dataset=None)
    assert 5 < max(pages) < MAX_PAGE, pages
    assert 0 < max(moves) < MAX_MOVE, moves
