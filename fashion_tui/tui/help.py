"""Help for where one is: what the pane is for, and what every key does there."""

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Markdown, Static

from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED

from .actions import EVERYWHERE, ON_PANE, WITHIN, Action, PaneName


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,question_mark,f1,q,enter", "dismiss", "close"),
        ("down,j", "scroll(1)", "down"),
        ("up,k", "scroll(-1)", "up"),
    ]
    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen > VerticalScroll { width: 76; max-width: 96%; height: auto; max-height: 90%; padding: 1 2;
        background: $panel; }
    HelpScreen Markdown { background: $panel; padding: 0; margin: 0 0 1 0; }
    """

    def __init__(self, pane: PaneName, text: str) -> None:
        super().__init__()
        self.pane = pane
        self.text = text

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Markdown(self.text)
            yield Static(key_table(f"On {self.pane.capitalize()}", ON_PANE[self.pane]))
            for where, actions in WITHIN.get(self.pane, {}).items():
                yield Static("")
                yield Static(key_table(f"In {where}", actions))
            yield Static("")
            yield Static(key_table("Everywhere", EVERYWHERE))

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


def key_table(title: str, actions: tuple[Action, ...]) -> Table:
    """Keys and what they do, one action a line."""
    heading = Text(title, style=f"not italic bold {MUTED}")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), title=heading, title_justify="left")
    table.add_column(width=12, style=ACCENT)
    table.add_column(style=FOREGROUND)
    keys: dict[str, list[str]] = {}
    for action in actions:
        shown = action.key_text.split()
        keys.setdefault(action.title, []).extend(key for key in shown if key not in keys.get(action.title, []))
    for action_title, names in keys.items():
        table.add_row(" ".join(names), action_title)
    return table
