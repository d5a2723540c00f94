"""What the kernel tells of a name: signature and docstring, near the prompt, to be read while one types on."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from fashion_tui.kernel.ansi import sanitize
from fashion_tui.tui.playground.messages import HeightChanged
from fashion_tui.tui.playground.transcript.ansi_text import ansi_text


class Documentation(VerticalScroll, can_focus=False):
    """Shown while there is something to read."""

    DEFAULT_CSS = """
    Documentation { height: auto; display: none; padding: 0 0 0 1; background: $panel; scrollbar-size: 0 1; }
    Documentation Static { height: auto; }
    """

    place = ("", 0)
    """The code that the cursor stood in when it was opened, and where."""

    def compose(self) -> ComposeResult:
        yield Static()

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    def open(self, text: str, place: tuple[str, int]) -> None:
        self.place = place
        lines = sanitize(text).strip("\n").split("\n")
        self.query_one(Static).update(Text("\n").join(ansi_text(line) for line in lines))
        self.display = True
        self.scroll_home(animate=False)
        self.post_message(HeightChanged())

    def close(self) -> None:
        self.display = False
        self.post_message(HeightChanged())

    def on_resize(self) -> None:
        self.post_message(HeightChanged())

    def turn(self, pages: int) -> None:
        self.scroll_relative(y=pages * max(1, self.size.height - 1), animate=False)
