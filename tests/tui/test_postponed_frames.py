"""Frames that are postponed while the terminal is busy."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from rich.console import RenderableType
from textual._compositor import ChopsUpdate
from textual.app import App, ComposeResult
from textual.errors import NoWidget
from textual.screen import Screen
from textual.widgets import Static

from fashion_tui.tui.output_flow import PostponedFrames
from tests.tui.pilots import until

FIRST_ROW, SECOND_ROW = 0, 1


class RecordingApp(App[None]):
    """An app with two lines of text, which keeps the frames that it paints."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[ChopsUpdate] = []

    def compose(self) -> ComposeResult:
        yield Static("first", id="first")
        yield Static("second", id="second")

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        super()._display(screen, renderable)
        if isinstance(renderable, ChopsUpdate):
            self.frames.append(renderable)

    def painted_rows(self) -> Iterator[int]:
        return (row for frame in self.frames for row, _, _ in frame.spans)


async def test_a_widget_that_appears_while_a_postponed_frame_is_shown_is_painted() -> None:
    app = RecordingApp()
    async with app.run_test() as pilot:
        screen, second = app.screen, app.query_one("#second", Static)
        second.display = False
        await until(pilot, lambda: SECOND_ROW in app.painted_rows(), "the text to disappear")
        app.frames.clear()
        app.query_one("#first", Static).update("other")
        await until(pilot, lambda: FIRST_ROW in app.painted_rows(), "the new text")
        postponed = PostponedFrames()
        postponed.add(screen, app.frames[-1])
        app.frames.clear()
        second.update("other")
        second.display = True
        while not (screen._layout_required and second in screen._dirty_widgets):  # noqa: ASYNC110 -- Textual has no event for it
            await asyncio.sleep(0)
        postponed.show(screen)
        with suppress(NoWidget):
            screen.find_widget(second)  # as scrolling to a newly focused widget does
        await until(pilot, lambda: SECOND_ROW in app.painted_rows(), "the text to appear")
