"""The view of one tensor: its properties, a histogram, and a window of values that the arrow keys move."""

from typing import ClassVar

from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION, MUTED
from fashion_tui.report.tensors import value_lines, window_lines, window_size, window_slice
from fashion_tui.schema.tensors import ReadTensor, TensorValues
from fashion_tui.tui.actions import IN_TENSOR, bindings
from fashion_tui.tui.playground.cell_runner import CellRunner
from fashion_tui.tui.widgets.lines import FittedLines, GrowingLines

from .side_view import SideView


class ValueWindow(FittedLines, can_focus=True):
    """A widget that shows the values in the window."""


class TensorView(SideView):
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_TENSOR)

    _properties = getters.query_one(GrowingLines)
    _window = getters.query_one(ValueWindow)

    def __init__(self, runner: CellRunner) -> None:
        super().__init__(runner, id="tensor")
        self._tensor_name = ""
        """Name of the tensor, or an empty string if no tensor is shown."""
        self._start: tuple[int, ...] = ()
        """Index of the first value in the window."""
        self._values: TensorValues | None = None

    def compose(self) -> ComposeResult:
        yield GrowingLines(id="tensor-properties")
        yield ValueWindow(id="tensor-values")

    def main_widget(self) -> Widget:
        return self._window

    def label_of(self, action: str) -> str | None:
        """Hide the keys that move along an axis if the tensor doesn't have this axis."""
        axes = 0 if self._values is None else len(self._values.row.shape)
        needed = 3 if action.startswith("turn") else 1
        return None if axes >= needed else ""

    def show_tensor(self, name: str) -> None:
        """Show the tensor with this name, beginning at its first value."""
        self._tensor_name, self._start = name, ()
        self.reload()

    def kernel_ended(self) -> None:
        self.closed()

    def closed(self) -> None:
        self._tensor_name, self._values = "", None
        self._paint()

    def reload(self) -> None:
        if self._tensor_name:
            self._read()

    @work(group="tensor", exclusive=True)
    async def _read(self) -> None:
        rows, columns = window_size(self._window.size.width, self._window.size.height)
        probe = ReadTensor(name=self._tensor_name, start=self._start, rows=rows, columns=columns)
        if (values := await self.probe(probe, TensorValues)) is not None:
            self._values = values
            self._start = () if values.window is None else values.window.start
            self._paint()

    def show_problem(self, problem: str) -> None:
        self._values = None
        self._paint()
        self._properties.fit(lambda _width: [Text(problem, style=ATTENTION)])

    def _paint(self) -> None:
        values, glyphs = self._values, terminal_glyphs()
        self.refresh_bindings()
        self._properties.fit(
            lambda width: [] if values is None else value_lines(values, width, self.size.height, glyphs)
        )
        if values is None or values.window is None:
            self._window.fit(lambda _width: [])
            return
        position = Text(window_slice(values.window, values.row), style=MUTED)
        lines = [position, *window_lines(values.window, values.row, glyphs)]
        self._window.fit(lambda _width: lines)

    def on_resize(self) -> None:
        self.call_after_refresh(self.reload)

    def action_move(self, columns: int, rows: int) -> None:
        """Move the window along the last two axes."""
        self._move_along(-1, columns)
        self._move_along(-2, rows)
        self.reload()

    def action_turn(self, slices: int) -> None:
        """Move by a number of slices. The leading axes advance like an odometer: the last of them changes first."""
        if self._values is None:
            return
        shape, index = self._values.row.shape, list(self._start)
        for axis in reversed(range(len(index) - 2)):
            index[axis] += slices
            if 0 <= index[axis] < shape[axis]:
                break
            index[axis] %= shape[axis]
        self._start = tuple(index)
        self.reload()

    def _move_along(self, axis: int, step: int) -> None:
        """Move the window along `axis`, a negative index. The kernel keeps the window within the tensor."""
        if len(self._start) >= -axis:
            index = list(self._start)
            index[axis] = max(index[axis] + step, 0)
            self._start = tuple(index)
