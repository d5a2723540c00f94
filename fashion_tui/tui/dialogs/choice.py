"""A dialog with a short list. The user selects a line with the arrow keys or by typing, then presses enter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from fashion_tui.report.formatting import shorten
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import MUTED

from .dialog import Dialog

MAX_TYPED_WIDTH = 30
"""Maximum width of the typed text in the line `no match for …`, in columns."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of the list."""

    key: str
    """The dialog's result."""
    label: Text
    """Text of the line. The dialog shows this text and searches it as the user types."""

    @property
    def searched(self) -> str:
        return self.label.plain.casefold()


class ChoiceDialog(Dialog[str | None]):
    """A dialog that asks the user to choose a line. The result is the key of that line, or None if the user cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss", "close"),
        ("down", "move('cursor_down')", "down"),
        ("up", "move('cursor_up')", "up"),
        ("pagedown", "move('page_down')", "page down"),
        ("pageup", "move('page_up')", "page up"),
    ]
    DEFAULT_CSS = """
    ChoiceDialog .panel { width: auto; min-width: 34; }
    ChoiceDialog Static { width: auto; }
    ChoiceDialog Input, ChoiceDialog Input:focus { height: 1; border: none; padding: 0; background: $surface;
        margin: 0 0 1 0; }
    ChoiceDialog OptionList, ChoiceDialog OptionList:focus { width: auto; min-width: 30; max-width: 100%; height: auto;
        max-height: 18; border: none; padding: 0; background: $panel; }
    """

    input = getters.query_one(Input)
    options = getters.query_one(OptionList)

    def __init__(self, title: str, choices: Sequence[Choice], chosen: str | None = None) -> None:
        """Create the dialog. `chosen` is the key of the initially highlighted line."""
        super().__init__()
        self.heading = title
        self.choices = tuple(choices)
        self.chosen = chosen

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel"):
            yield Static(Text(self.heading, MUTED))
            yield Input(placeholder="type to filter", select_on_focus=False)
            # The input keeps the focus; the dialog's bindings move the highlight.
            yield (options := OptionList(compact=True, markup=False))
            options.can_focus = False

    def on_mount(self) -> None:
        self._show(self.choices)
        self.input.focus()

    def submit(self, key: str) -> None:
        """Called when the user presses enter or clicks a line."""
        self.dismiss(key)

    @on(Input.Changed)
    def show_matching(self) -> None:
        """Show the lines that match what the user has typed."""
        matching = self.matching(self.input.value.casefold())
        self._show(matching)
        if not matching:
            typed = shorten(self.input.value, MAX_TYPED_WIDTH, terminal_glyphs())
            self.options.add_option(Option(Text(f"no match for {typed}", MUTED), disabled=True))

    def matching(self, typed: str) -> list[Choice]:
        """Return the lines that contain all typed words. Those that start with the typed text are first."""
        matching = [choice for choice in self.choices if all(word in choice.searched for word in typed.split())]
        return sorted(matching, key=lambda choice: not choice.searched.startswith(typed))

    def _show(self, choices: Sequence[Choice]) -> None:
        self.options.clear_options()
        self.options.add_options(Option(choice.label, id=choice.key) for choice in choices)
        keys = [choice.key for choice in choices]
        self.options.highlighted = keys.index(self.chosen) if self.chosen in keys else 0 if keys else None

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if self.options.highlighted is not None:
            self.submit(self.options.get_option_at_index(self.options.highlighted).id or "")

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self.submit(event.option.id or "")

    def action_move(self, movement: str) -> None:
        getattr(self.options, f"action_{movement}")()
