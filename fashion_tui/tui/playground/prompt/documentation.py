"""The documentation panel below the prompt, which shows a name's signature and docstring."""

from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from fashion_tui.kernel.ansi import sanitize
from fashion_tui.tui.playground.cell_runner import CellRunner
from fashion_tui.tui.playground.messages import HeightChanged
from fashion_tui.tui.playground.transcript.ansi_text import ansi_text


class Documentation(VerticalScroll, can_focus=False):
    """A panel with documentation. It stays open while the user types, and the focus stays in the prompt."""

    DEFAULT_CSS = """
    Documentation { height: auto; display: none; padding: 0 0 0 1; background: $panel; scrollbar-size: 0 1; }
    Documentation Static { height: auto; }
    """

    _text = getters.query_one(Static)

    def __init__(self, runner: CellRunner) -> None:
        super().__init__()
        self._runner = runner
        self._shown_for = ("", 0)
        """The code and the cursor position for which documentation is shown."""

    def compose(self) -> ComposeResult:
        yield Static()

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    def toggle(self, code: str, cursor: int) -> None:
        """Show the documentation of the name at `cursor`. If it is already shown, close the panel."""
        if self.is_open and self._shown_for == (code, cursor):
            self.close()
        else:
            self._inspect(code, cursor)

    @work(group="documentation", exclusive=True)
    async def _inspect(self, code: str, cursor: int) -> None:
        inspection = await self._runner.inspect(code, cursor)
        if inspection.status == "unknown":
            self.notify("The kernel did not respond in time. Try again in a moment.", severity="warning")
        elif inspection.status == "missing":
            self.notify("No documentation here: put the cursor on a name or a call.")
        else:
            self._shown_for = (code, cursor)
            self._open(inspection.text)

    def _open(self, text: str) -> None:
        lines = sanitize(text).strip("\n").split("\n")
        self._text.update(Text("\n").join(ansi_text(line) for line in lines))
        self.display = True
        self.scroll_home(animate=False)
        self.post_message(HeightChanged())

    def close(self) -> bool:
        """Close the panel. Return whether it was open."""
        if not self.is_open:
            return False
        self.display = False
        self.post_message(HeightChanged())
        return True

    def on_resize(self) -> None:
        self.post_message(HeightChanged())

    def scroll_pages(self, pages: int) -> None:
        self.scroll_relative(y=pages * max(1, self.size.height - 1), animate=False)
