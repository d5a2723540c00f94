"""Views of the drawer in which one types into fields."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Label

from fashion_tui.tui.widgets.cycle import Cycle

from .side_view import SideView


class Field(Vertical):
    """What is typed or chosen, and above it what it is."""

    def __init__(self, label: str, widget: Input | Cycle, *, id: str | None = None) -> None:  # noqa: A002 - Textual's
        super().__init__(id=id)
        self._label = label
        self._widget = widget

    def compose(self) -> ComposeResult:
        yield Label(self._label)
        yield self._widget


class FieldsView(SideView):
    """Tab goes round in it."""

    def action_field(self, places: int) -> None:
        move = self.screen.focus_next if places > 0 else self.screen.focus_previous
        move(f"#{self.id} *")
