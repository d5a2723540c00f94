"""The transcript by itself, without a kernel."""

import pytest
from textual.app import App, ComposeResult

from fashion_tui.kernel.limits import MAX_LINES
from fashion_tui.kernel.outputs import Display, Dropped, Stream
from fashion_tui.schema.plots import ImageGrid
from fashion_tui.tui.playground.transcript.scrollback import Scrollback
from fashion_tui.tui.playground.transcript.transcript import Transcript
from tests.tui.pilots import screen_text

HEIGHT = 10


class TranscriptApp(App[None]):
    CSS = "Transcript { max-height: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self.scrollback = Scrollback()

    def compose(self) -> ComposeResult:
        yield Transcript(self.scrollback)


@pytest.mark.parametrize("before", [0, HEIGHT - 1, HEIGHT])
async def test_scrollbar_appears_at_the_newest_line(before: int) -> None:
    app = TranscriptApp()
    async with app.run_test(size=(40, HEIGHT)) as pilot:
        transcript = app.query_one(Transcript)
        for lines in (before, 3 * HEIGHT):
            for _ in range(lines):
                app.scrollback.add_note("a line")
            transcript.show_scrollback()
            await pilot.pause()
        assert transcript.scroll_y == transcript.max_scroll_y == before + 2 * HEIGHT
        assert transcript.show_vertical_scrollbar
        assert transcript.vertical_scrollbar.position == transcript.scroll_y


def visible_text(app: TranscriptApp) -> str:
    """Return the text on the screen, without the scrollbar."""
    return "\n".join(line[:70].rstrip() for line in screen_text(app).split("\n"))


async def test_reading_position_is_kept_when_older_plots_are_dropped() -> None:
    image = ImageGrid(count=1, height=160, width=160, channels=3, pixels=bytes(76_800), total=1, caption="an image")
    app = TranscriptApp()
    async with app.run_test(size=(80, 24)) as pilot:
        transcript = app.query_one(Transcript)

        async def add(first: int, last: int) -> None:
            for number in range(first, last):
                app.scrollback.add(Stream("stdout", f"<{number}>\n"))
                app.scrollback.add(Display("", image))
            transcript.show_scrollback()
            await pilot.pause()

        await add(0, 100)
        assert app.scrollback.dropped_plots == 0
        rows = transcript.virtual_size.height // 100  # height of a plot and the line before it
        transcript.scroll_to(y=70 * rows - 3, animate=False)
        await pilot.pause()
        text = visible_text(app)
        assert "<70>" in text
        await add(100, 130)
        assert app.scrollback.dropped_plots == 21
        assert transcript.virtual_size.height == 109 * rows + 21 * 2
        assert visible_text(app) == text
        await add(130, 230)  # drops the visible plots too
        assert app.scrollback.dropped_plots == 121
        assert "discarded" in visible_text(app)


async def test_lines_dropped_before_a_paint_do_not_repeat_or_hide_rows() -> None:
    app = TranscriptApp()
    async with app.run_test(size=(80, HEIGHT)) as pilot:
        transcript = app.query_one(Transcript)

        def print_lines(first: int, last: int) -> None:
            app.scrollback.add(Stream("stdout", "".join(f"<{number}>\n" for number in range(first, last))))

        def newest(count: int) -> list[str]:
            return [f"<{number}>" for number in range(count - HEIGHT, count)]

        print_lines(0, MAX_LINES)
        transcript.show_scrollback()
        await pilot.pause()
        print_lines(MAX_LINES, MAX_LINES + 2)
        transcript.show_scrollback()
        print_lines(MAX_LINES + 2, MAX_LINES + 5)  # drops three lines after the transcript has measured them
        await pilot.pause()
        assert visible_text(app).split() == newest(MAX_LINES + 2)
        transcript.show_scrollback()
        await pilot.pause()
        assert visible_text(app).split() == newest(MAX_LINES + 5)


async def test_number_of_omitted_lines_is_updated_after_it_was_painted() -> None:
    app = TranscriptApp()
    async with app.run_test(size=(80, HEIGHT)) as pilot:
        transcript = app.query_one(Transcript)
        for total in (100, 200, 300):
            app.scrollback.add(Dropped(100, 1_000))
            transcript.show_scrollback()
            await pilot.pause()
            assert f"{total} lines" in visible_text(app)
