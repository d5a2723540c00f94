"""Base classes of the views in the side panel."""

from typing import TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input, Label

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.kernel import Probe
from fashion_tui.schema.tensors import TensorList
from fashion_tui.tui.pane import KeyLabels
from fashion_tui.tui.playground.cell_runner import CellRunner
from fashion_tui.tui.widgets.cycle import Cycle

Reply = TypeVar("Reply")


class SideView(KeyLabels, Vertical):
    """A view in the side panel. It queries the kernel and is notified of the kernel's events."""

    def __init__(self, runner: CellRunner, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._runner = runner

    @property
    def backward_code(self) -> str | None:
        """Code that runs backward() on the displayed graph, or None if backward() can't be run."""
        return None

    def main_widget(self) -> Widget:
        """Return the widget that gets the focus when the view is opened."""
        raise NotImplementedError

    def reload(self) -> None:
        """Update the view. Called each time the kernel becomes idle while the view is open."""

    def tensors_listed(self, tensors: TensorList) -> None:
        """Called with the current tensors while the view is open."""

    def cell_finished(self, code: str, *, succeeded: bool) -> None:
        """Called after each cell, even while the view is closed."""

    def kernel_ended(self) -> None:
        """Discard all data from the kernel, which has ended. Called even while the view is closed."""

    def back(self) -> bool:
        """Go back one step within the view.

        Return False if the view can't go back any further. The caller then closes the view.
        """
        return False

    def closed(self) -> None:
        """Called when the view is closed."""

    async def probe(self, probe: Probe, reply_type: type[Reply]) -> Reply | None:
        """Query the kernel.

        Return None if the kernel can't reply now. If the kernel rejects the query, show the reason and return None.
        """
        try:
            return await self._runner.probe(probe, reply_type)
        except UserError as error:
            self.show_problem(str(error))
            return None

    def show_problem(self, problem: str) -> None:
        """Show why the kernel rejected a query."""
        raise NotImplementedError


class Field(Vertical):
    """An input with a label above it."""

    def __init__(self, label: str, widget: Input | Cycle, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._label = label
        self._widget = widget

    def compose(self) -> ComposeResult:
        yield Label(self._label)
        yield self._widget


class FieldsView(SideView):
    """A view with input fields. Tab cycles through the fields without leaving the view."""

    def action_field(self, step: int) -> None:
        move_focus = self.screen.focus_next if step > 0 else self.screen.focus_previous
        move_focus(f"#{self.id} *")
