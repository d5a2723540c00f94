"""Small screens over the app: a question, and the plea for a larger terminal."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from fashion_tui.report.style import ACCENT, MUTED

MINIMUM_SIZE = (60, 20)
"""Columns and rows below which the app says what it needs instead of showing a muddle."""


class Question(ModalScreen[bool]):
    """A yes-or-no question. Dismissed with True for yes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "answer(True)", "yes"),
        ("enter", "answer(True)", "yes"),
        ("n", "answer(False)", "no"),
        ("escape", "answer(False)", "no"),
    ]
    DEFAULT_CSS = """
    Question { align: center middle; background: $background 60%; }
    Question > Vertical { width: auto; max-width: 90%; height: auto; padding: 1 3; background: $panel; }
    Question Static { width: auto; }
    """

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        answers = Text.assemble(("y", ACCENT), ("  yes     ", MUTED), ("n", ACCENT), ("  no", MUTED))
        yield Vertical(Static(Text(self.question)), Static(""), Static(answers))

    def action_answer(self, answer: bool) -> None:  # noqa: FBT001 - called by name from a binding
        self.dismiss(answer)


class TooSmall(Screen[None]):
    """Stands over everything while the terminal is too small, and goes when it has grown."""

    DEFAULT_CSS = """
    TooSmall { align: center middle; }
    TooSmall Static { width: 100%; text-align: center; }
    """

    def compose(self) -> ComposeResult:
        columns, rows = MINIMUM_SIZE
        yield Static(f"fashion-tui needs {columns}×{rows}; enlarge the terminal. q leaves.")
