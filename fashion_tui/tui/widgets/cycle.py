"""A form field for choosing one of a few values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED


class Cycle(Widget, can_focus=True):
    """A field that shows the current value, such as `‹ guide ›`. The left and right keys cycle through the values."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "turn(-1)", "previous value", show=False),
        Binding("right,l,space", "turn(1)", "next value", show=False),
    ]
    DEFAULT_CSS = """
    Cycle { height: 1; width: 16; background: $surface; }
    Cycle:focus { background: $block-cursor-background; }
    """

    value: reactive[str] = reactive("")

    @dataclass
    class Changed(Message):
        cycle: "Cycle"
        value: str

        @property
        def control(self) -> "Cycle":
            return self.cycle

    def __init__(
        self,
        values: Sequence[str],
        *,
        value: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        """Create the field. `value` is the initial value and defaults to the first of `values`."""
        super().__init__(id=id)
        self.values = tuple(values)
        self.set_reactive(Cycle.value, self.values[0] if value is None else value)

    def set_values(self, values: Sequence[str]) -> None:
        """Replace the values. The current value stays if it is one of the new values."""
        self.values = tuple(values)
        if self.value not in self.values:
            self.value = self.values[0]
        self.refresh()

    def action_turn(self, steps: int) -> None:
        self.value = self.values[(self.values.index(self.value) + steps) % len(self.values)]

    def watch_value(self, value: str) -> None:
        self.post_message(self.Changed(self, value))

    def render(self) -> Text:
        arrow = ACCENT if self.has_focus and len(self.values) > 1 else MUTED
        value = f"bold {FOREGROUND}" if self.has_focus else FOREGROUND
        return Text.assemble(("‹ ", arrow), (self.value, value), (" ›", arrow), no_wrap=True)
