"""A small list to choose from: arrows or typing, enter, esc."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from fashion_tui.report.style import MUTED


@dataclass(frozen=True, slots=True)
class Choice:
    """A line of the list."""

    key: str
    """What is handed back."""
    line: Text
    """What is shown; typing searches in its text."""

    @property
    def text(self) -> str:
        return self.line.plain.casefold()


class ChoiceScreen(ModalScreen[str | None]):
    """Dismissed with the key of what was chosen, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss", "close"),
        ("down", "move('cursor_down')", "down"),
        ("up", "move('cursor_up')", "up"),
        ("pagedown", "move('page_down')", "page down"),
        ("pageup", "move('page_up')", "page up"),
    ]
    DEFAULT_CSS = """
    ChoiceScreen { align: center middle; background: $background 60%; }
    ChoiceScreen > Vertical { width: auto; min-width: 34; max-width: 96%; height: auto; max-height: 90%; padding: 1 2;
        background: $panel; }
    ChoiceScreen Static { width: auto; }
    ChoiceScreen Input, ChoiceScreen Input:focus { height: 1; border: none; padding: 0; background: $surface;
        margin: 0 0 1 0; }
    ChoiceScreen OptionList, ChoiceScreen OptionList:focus { width: auto; min-width: 30; max-width: 100%; height: auto;
        max-height: 24; border: none; padding: 0; background: $panel; }
    """

    def __init__(self, title: str, choices: Sequence[Choice], chosen: str | None = None) -> None:
        super().__init__()
        self.heading = title
        self.choices = tuple(choices)
        self.chosen = chosen

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text(self.heading, MUTED))
            yield Input(placeholder="type to narrow it down", select_on_focus=False)
            # The focus stays in the input: the list is moved by the screen's own keys.
            yield (options := OptionList(compact=True, markup=False))
            options.can_focus = False

    def on_mount(self) -> None:
        self._show(self.choices)
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        typed = event.value.casefold()
        found = [choice for choice in self.choices if all(word in choice.text for word in typed.split())]
        self._show(sorted(found, key=lambda choice: not choice.text.startswith(typed)))

    def _show(self, choices: Sequence[Choice]) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(Option(choice.line, id=choice.key) for choice in choices)
        keys = [choice.key for choice in choices]
        options.highlighted = keys.index(self.chosen) if self.chosen in keys else 0 if keys else None

    @on(Input.Submitted)
    def _enter(self) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            self.dismiss(options.get_option_at_index(options.highlighted).id)

    @on(OptionList.OptionSelected)
    def _click(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_move(self, movement: str) -> None:
        getattr(self.query_one(OptionList), f"action_{movement}")()
