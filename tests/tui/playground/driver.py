"""The Playground, opened in an app without a terminal, with a real kernel."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.lab_app import Settings
from fashion_tui.tui.playground.pane import PlaygroundPane
from fashion_tui.tui.playground.prompt.completion import CompletionMenu
from fashion_tui.tui.playground.prompt.editor import Prompt
from fashion_tui.tui.playground.transcript.transcript import Transcript
from tests.tui.pilots import screen_text, until

KEYS = {" ": "space", "\n": "enter", "\t": "tab"}


class Playground:
    """The pane, and what a person does with it."""

    def __init__(self, app: FashionApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.pane = app.query_one(PlaygroundPane)
        self.prompt = app.query_one(Prompt)
        self.transcript = app.query_one(Transcript)
        self.candidates = app.query_one(CompletionMenu)

    @property
    def screen(self) -> str:
        return screen_text(self.app)

    @property
    def kernel(self) -> int:
        """Its process; 0 where there is none."""
        session = self.pane._conversation.session
        return 0 if session is None or session.pid is None else session.pid

    async def type(self, text: str) -> None:
        """Press the keys of a text, line ends included."""
        await self.pilot.press(*(KEYS.get(character, character) for character in text))

    async def sees(self, *texts: str) -> None:
        for text in texts:
            await until(self.pilot, lambda text=text: text in self.screen, text)  # type: ignore[misc]

    async def sees_no(self, text: str) -> None:
        await until(self.pilot, lambda: text not in self.screen, f"no {text}")

    async def run(self, code: str, *results: str) -> None:
        """Type code, run it, and wait for what it gives and for the next prompt."""
        cells = self.transcript._record.cells
        before = cells.newest
        self.prompt.put(code)
        self.prompt.action_run()
        await until(self.pilot, lambda: cells.newest is not before, "the cell")
        await self.rest()
        await self.sees(*results)

    async def rest(self) -> None:
        """Wait until all that was submitted has run."""
        talk = self.pane._conversation
        await until(self.pilot, lambda: not talk._cells and not talk._running and self.kernel, "the kernel's rest")


@asynccontextmanager
async def playground(size: tuple[int, int] = (99, 30)) -> AsyncIterator[Playground]:
    app = FashionApp(Settings(Path("/nowhere"), dataset="synthetic"))
    async with app.run_test(size=size, notifications=True) as pilot:
        opened = Playground(app, pilot)
        await until(pilot, lambda: opened.kernel, "the kernel")
        yield opened
