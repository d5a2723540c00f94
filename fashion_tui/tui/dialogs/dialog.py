"""The base class of all dialogs, the yes-or-no dialog, and the notice that the terminal is too small."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from fashion_tui.tui.actions import key_hints, key_of
from fashion_tui.tui.app_screen import AppScreen, Result

MINIMUM_SIZE = (60, 20)
"""Minimum size of the terminal, in columns and rows. In a smaller terminal, only `TooSmall` is shown."""


class Dialog(ModalScreen[Result], AppScreen[Result]):
    """A modal screen with a centred panel. The panel is the container with the CSS class `panel`."""

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog .panel { height: auto; max-width: 100%; max-height: 100%; padding: 1 2; background: $panel; }
    """


class ConfirmDialog(Dialog[bool]):
    """A dialog that asks a yes-or-no question. The result is True if the answer is yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y,enter", "dismiss(True)", "yes"),
        ("n,escape", "dismiss(False)", "no"),
    ]
    DEFAULT_CSS = """
    ConfirmDialog .panel, ConfirmDialog Static { width: auto; max-width: 100%; }
    """

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel"):
            yield Static(Text(self.question))
            yield Static()
            yield Static(key_hints(("y", "yes"), ("n", "no")))


class TooSmall(Screen[None]):
    """A screen that covers the app while the terminal is smaller than MINIMUM_SIZE."""

    DEFAULT_CSS = """
    TooSmall { align: center middle; }
    TooSmall Static { width: 100%; text-align: center; }
    """

    def compose(self) -> ComposeResult:
        columns, rows = MINIMUM_SIZE
        key = key_of("everywhere", "quit")
        yield Static(f"fashion-tui needs {columns}×{rows}: enlarge the terminal, or press {key} to quit")
