"""The dialog that offers to restore unsaved edits from an earlier instance of the app."""

from typing import ClassVar, Literal

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.tui.actions import key_hints
from fashion_tui.tui.dialogs.dialog import Dialog

from .drafts import LeftDraft


class DraftDialog(Dialog[Literal["restore", "discard"]]):
    """Asks what to do with a draft. The result is None if the user wants to be asked again at the next start."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y,enter", "dismiss('restore')", "restore"),
        ("d", "dismiss('discard')", "discard"),
        ("escape", "dismiss(None)", "later"),
    ]
    DEFAULT_CSS = """
    DraftDialog .panel, DraftDialog Static { width: auto; }
    """

    def __init__(self, left: LeftDraft) -> None:
        super().__init__()
        self._left = left

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel"):
            yield Static(Text(printable(f"Restore the {self._left.description}?", terminal_glyphs())))
            yield Static()
            yield Static(key_hints(("y", "restore"), ("d", "discard"), ("esc", "ask later")))
