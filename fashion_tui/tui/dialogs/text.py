"""Dialogs that ask for a line of text, or for several lines."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static, TextArea

from fashion_tui.report.style import ATTENTION, MUTED
from fashion_tui.schema.errors import UserError
from fashion_tui.tui.actions import key_hints
from fashion_tui.tui.widgets.text_editor import TextEditor

from .dialog import Dialog


class TextDialog(Dialog[bool]):
    """A dialog that asks for text and stores it. The result is True if the text was stored."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(False)", "cancel")]
    DEFAULT_CSS = """
    TextDialog .panel { width: 80; }
    TextDialog Input, TextDialog TextArea, TextDialog TextArea:focus { background: $surface; margin: 1 0; border: none;
        padding: 0; }
    TextDialog TextArea, TextDialog TextArea:focus { height: 10; }
    TextDialog #problem { height: auto; }
    """

    problem = getters.query_one("#problem", Static)

    def __init__(self, title: str, text: str, store: Callable[[str], object], *, hint: str = "") -> None:
        """Create the dialog. `store` is called with the text in a thread, and raises UserError if the text is invalid.

        `text` is the initial text, and `hint` explains below the title what to enter.
        """
        super().__init__()
        self._title = title
        self._text = text
        self._store = store
        self._hint = hint

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel"):
            yield Static(Text(self._title, "bold"))
            if self._hint:
                yield Static(Text(self._hint, MUTED))
            yield from self.compose_editor(self._text)
            yield Static(self.hints(), id="problem")

    def compose_editor(self, text: str) -> ComposeResult:
        """Yield the widget for the text."""
        yield Input(value=text, compact=True, select_on_focus=False)

    def hints(self) -> Text:
        return key_hints(("enter", "save"), ("esc", "cancel"))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self.save(event.value)

    @work(exclusive=True)
    async def save(self, text: str) -> None:
        """Store the text and close the dialog, or show why the text can't be stored."""
        try:
            await asyncio.to_thread(self._store, text)
        except UserError as error:
            self.problem.update(Text(str(error), ATTENTION))
        else:
            self.dismiss(True)


class LongTextDialog(TextDialog):
    """A dialog for several lines of text. Enter starts a new line."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "save", "save", priority=True)]

    area = getters.query_one(TextArea)

    def compose_editor(self, text: str) -> ComposeResult:
        yield TextEditor(text, compact=True, tab_behavior="focus")

    def hints(self) -> Text:
        return key_hints(("^s", "save"), ("esc", "cancel"))

    def action_save(self) -> None:
        self.save(self.area.text)
