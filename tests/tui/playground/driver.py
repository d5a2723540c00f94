"""Drive the Playground with a real kernel, in an app without a terminal."""

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
    """The Playground pane, with methods for what a user does."""

    def __init__(self, app: FashionApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.pane = app.query_one(PlaygroundPane)
        self.runner = self.pane.repl.runner
        self.scrollback = self.runner.scrollback
        self.prompt = app.query_one(Prompt)
        self.transcript = app.query_one(Transcript)
        self.menu = app.query_one(CompletionMenu)

    @property
    def screen(self) -> str:
        return screen_text(self.app)

    @property
    def kernel_pid(self) -> int:
        """Process id of the kernel, or 0 if there is none."""
        session = self.runner.session
        return 0 if session is None or session.pid is None else session.pid

    async def type(self, text: str) -> None:
        """Press the keys that type `text`, including Enter for newlines."""
        await self.pilot.press(*(KEYS.get(character, character) for character in text))

    async def wait_for(self, *texts: str) -> None:
        """Wait until all the texts are on the screen."""
        for text in texts:
            await until(self.pilot, lambda text=text: text in self.screen, text)  # type: ignore[misc]

    async def wait_gone(self, text: str) -> None:
        await until(self.pilot, lambda: text not in self.screen, f"no {text}")

    async def wait_focused(self) -> None:
        """Wait until the prompt has the focus."""
        await until(self.pilot, lambda: self.app.focused is self.prompt, "the focus in the prompt")

    def submit(self, code: str) -> None:
        """Run a cell without waiting for it."""
        self.prompt.set_text(code)
        self.prompt.action_run()

    async def run(self, code: str, *results: str) -> None:
        """Run a cell and wait until it has finished and the results are on the screen."""
        cells = self.scrollback.cells
        before = cells.newest
        self.submit(code)
        await until(self.pilot, lambda: cells.newest is not before, "the cell")
        await self.wait_idle()
        await self.wait_for(*results)

    async def ask_for_documentation(self, *texts: str) -> None:
        """Press Ctrl+O, and again whenever the kernel is too slow, until all the texts are on the screen."""
        slow = "did not respond in time"
        while True:
            await self.pilot.press("ctrl+o")
            await until(
                self.pilot, lambda: slow in self.screen or all(text in self.screen for text in texts), f"{texts}"
            )
            if slow not in self.screen:
                return
            self.app.clear_notifications()
            await self.wait_gone(slow)

    async def wait_idle(self) -> None:
        """Wait until all submitted cells have run."""
        await until(self.pilot, lambda: self.runner.is_idle and self.kernel_pid, "an idle kernel")


@asynccontextmanager
async def open_playground(size: tuple[int, int] = (99, 30)) -> AsyncIterator[Playground]:
    app = FashionApp(Settings(Path("/nowhere"), dataset="synthetic"))
    async with app.run_test(size=size, notifications=True) as pilot:
        playground = Playground(app, pilot)
        await until(pilot, lambda: playground.kernel_pid, "the kernel")
        yield playground
        app.exit()  # as when a user quits: workers that finish later are ignored
