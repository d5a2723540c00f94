"""The help dialog: what the current pane is for, and what every key does there."""

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Markdown, Static

from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.tui.actions import EVERYWHERE, IN_PANE, IN_VIEW, Action, PaneName

from .dialog import Dialog


class HelpDialog(Dialog[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,question_mark,f1,q,enter", "dismiss", "close"),
        ("down,j", "scroll(1)", "down"),
        ("up,k", "scroll(-1)", "up"),
    ]
    DEFAULT_CSS = """
    HelpDialog .panel { width: 76; max-height: 90%; }
    HelpDialog Markdown { background: $panel; padding: 0; margin: 0 0 1 0; }
    """

    panel = getters.query_one(".panel", VerticalScroll)

    def __init__(self, pane: PaneName, text: str) -> None:
        """Make the dialog. `text` introduces the pane, in Markdown."""
        super().__init__()
        self.pane = pane
        self.text = text

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="panel"):
            yield Markdown(self.text)
            yield Static(key_table(f"{self.pane.capitalize()} pane", IN_PANE[self.pane]))
            for view, actions in IN_VIEW.get(self.pane, {}).items():
                yield Static()
                yield Static(key_table(view, actions))
            yield Static()
            yield Static(key_table("Everywhere", EVERYWHERE))

    def action_scroll(self, lines: int) -> None:
        self.panel.scroll_relative(y=lines, animate=False)


def key_table(title: str, actions: tuple[Action, ...]) -> Table:
    """Return a table with a row for each action: its keys and what it does."""
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
