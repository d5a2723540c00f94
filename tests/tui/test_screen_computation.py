"""What full screens show of a computation, in a small app, and lines with a progress bar."""

import asyncio

import pytest
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.schema.errors import UserError
from fashion_tui.tui.progress_line import BAR_WIDTH, progress_line
from fashion_tui.tui.screen_computation import ScreenComputation
from tests.tui.pilots import until

WIDE, NARROW = 100, 38


def test_a_progress_line_has_a_bar_of_the_share_and_the_key_that_cancels() -> None:
    line = progress_line("verifying", "12 of 48 files", 12, 48, "esc").plain
    assert line.startswith(f"verifying  12 of 48 files  {terminal_glyphs().bar(0.25, BAR_WIDTH)}")
    assert line.endswith(" 25 %   esc cancel")
    unknown = progress_line("verifying", "", 0, 0, "esc").plain
    assert unknown.split() == ["verifying", "0", "%", "esc", "cancel"]


class ResultScreen(Screen[None]):
    """Shows the status of a computation that waits for the test."""

    def __init__(self) -> None:
        super().__init__()
        self.computation = ScreenComputation(self, "robustness", self.show)
        self.may_end = asyncio.Event()
        self.result = 0
        self.shown: list[str] = []

    def compose(self) -> ComposeResult:
        yield Static()

    def show(self) -> None:
        self.shown.append(self.computation.status(WIDE).plain)

    async def compute(self) -> None:
        await self.may_end.wait()
        if self.result:
            raise UserError("there is a result\x1b")
        self.result += 1


@pytest.mark.asyncio
async def test_a_computation_shows_its_progress_and_ends_with_a_result_a_problem_or_a_cancellation() -> None:
    app, screen = App[None](), ResultScreen()
    computation = screen.computation
    async with app.run_test() as pilot:
        await app.push_screen(screen)
        computation.start("counting", screen.compute)
        assert screen.shown[-1].startswith("counting ")
        assert computation.label_of("back") == "cancel"
        assert computation.label_of("again") is None
        computation.progress = (1_500, 6_000)
        assert "counting  1,500 of 6,000 images" in computation.status(WIDE).plain
        assert "25 %" in computation.status(WIDE).plain
        assert computation.status(NARROW).plain == "counting  1,500 of 6,000 images", "the bar doesn't fit"

        computation.start("counting again", screen.compute)  # cancels the first one
        assert "1,500" not in computation.status(WIDE).plain
        screen.may_end.set()
        await until(pilot, lambda: not computation.is_running, "the result")
        assert (screen.result, screen.shown[-1], computation.problem) == (1, "", "")
        assert computation.label_of("back") is None
        assert not computation.cancel()

        computation.start("counting", screen.compute)
        await until(pilot, lambda: not computation.is_running, "the problem")
        assert screen.shown[-1].startswith("there is a result")
        assert screen.shown[-1].isprintable()
        assert "try again" in screen.shown[-1]
        assert computation.label_of("again") == "try again"

        screen.may_end.clear()
        computation.start("counting", screen.compute)
        assert computation.problem == ""
        await pilot.pause()
        assert computation.cancel()
        assert "cancelled" in screen.shown[-1]
        screen.may_end.set()
        await pilot.pause()
        assert (screen.result, computation.is_running) == (1, False)
        assert "cancelled" in computation.problem, "the cancelled coroutine didn't go on"
