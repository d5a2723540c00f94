"""The help dialog, which introduces the current pane and lists its keys."""

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Markdown, Static

from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.tui.action import Action
from fashion_tui.tui.actions import EVERYWHERE, IN_PANE, IN_VIEW, key_hints
from fashion_tui.tui.pane_actions import PaneName

from .dialog import Dialog

OTHER_LINES = 4
"""Number of lines occupied by the padding, the key hints and the margin above the hints."""


class HelpDialog(Dialog[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,question_mark,f1,q,enter", "dismiss", "close"),
        ("down,j", "scroll(1)", "down"),
        ("up,k", "scroll(-1)", "up"),
    ]
    DEFAULT_CSS = """
    HelpDialog .panel { width: 80; }
    HelpDialog VerticalScroll { height: auto; scrollbar-size-vertical: 1; }
    HelpDialog #hints { margin: 1 0 0 0; }
    HelpDialog Markdown { background: $panel; padding: 0 1 0 0; margin: 0; }
    """

    text_area = getters.query_one(VerticalScroll)

    def __init__(self, pane: PaneName, text: str, view: str | None = None) -> None:
        """Create the dialog. `text` introduces the pane, in Markdown. The keys of the view `view` are listed first."""
        super().__init__()
        self._view = view
        self.pane = pane
        self.text = text

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel"):
            with VerticalScroll():
                yield Markdown(self.text)
                tables = {f"{self.pane.capitalize()} pane": IN_PANE[self.pane], **IN_VIEW.get(self.pane, {})}
                for title in sorted(tables, key=lambda title: title != self._view):
                    yield Static(key_table(title, tables[title]))
                    yield Static()
                yield Static(key_table("Everywhere", EVERYWHERE))
            yield Static(key_hints(("↑↓", "scroll"), ("esc", "close")), id="hints")

    def on_resize(self) -> None:
        self.text_area.styles.max_height = self.size.height - OTHER_LINES

    def action_scroll(self, lines: int) -> None:
        self.text_area.scroll_relative(y=lines, animate=False)


def key_table(title: str, actions: tuple[Action, ...]) -> Table:
    """Return a table of actions. Each row shows an action and its keys."""
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
