"""The transcript alone, without a kernel."""

import pytest
from textual.app import App, ComposeResult

from fashion_tui.tui.playground.transcript.scrollback import Scrollback
from fashion_tui.tui.playground.transcript.transcript import Transcript

HEIGHT = 10


class Alone(App[None]):
    CSS = "Transcript { max-height: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self.record = Scrollback()

    def compose(self) -> ComposeResult:
        yield Transcript(self.record)


@pytest.mark.parametrize("before", [0, HEIGHT - 1, HEIGHT])
async def test_the_scrollbar_that_comes_with_many_lines_is_at_the_newest(before: int) -> None:
    app = Alone()
    async with app.run_test(size=(40, HEIGHT)) as pilot:
        transcript = app.query_one(Transcript)
        for lines in (before, 3 * HEIGHT):
            for _ in range(lines):
                app.record.add_note("a line")
            transcript.show_record()
            await pilot.pause()
        assert transcript.scroll_y == transcript.max_scroll_y == before + 2 * HEIGHT
        assert transcript.show_vertical_scrollbar
        assert transcript.vertical_scrollbar.position == transcript.scroll_y
