"""One tensor from inside: facts, histogram, and a window of its values that the arrows move."""

from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION, MUTED
from fashion_tui.report.tensors import value_lines, window_lines, window_size, window_slice
from fashion_tui.schema.tensors import ReadTensor, TensorValues
from fashion_tui.tui.actions import IN_TENSOR, bindings
from fashion_tui.tui.widgets.fitted import FittedLines, GrowingLines

from .side_view import Ask, SideView


class Values(FittedLines, can_focus=True):
    """The window."""


class TensorView(SideView):
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_TENSOR)

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, id="inside")
        self._tensor = ""
        """Its name; empty: none is shown."""
        self._at: tuple[int, ...] = ()
        self._inside: TensorValues | None = None

    def compose(self) -> ComposeResult:
        yield GrowingLines(id="inside-facts")
        yield Values(id="inside-values")

    def main_widget(self) -> Widget:
        return self.query_one(Values)

    def open(self, name: str) -> None:
        """Show that tensor from its first value on."""
        self._tensor, self._at = name, ()
        self.renew()

    def forget(self) -> None:
        self.close()

    def close(self) -> None:
        self._tensor, self._inside = "", None
        self._paint()

    def renew(self) -> None:
        """Ask for its values as they are now."""
        if self._tensor:
            self._look()

    @work(group="inside", exclusive=True)
    async def _look(self) -> None:
        values = self.query_one(Values)
        rows, columns = window_size(values.size.width, values.size.height)
        question = ReadTensor(name=self._tensor, start=self._at, rows=rows, columns=columns)
        if (inside := await self.answer(question, TensorValues)) is not None:
            self._inside = inside
            self._at = () if inside.window is None else inside.window.start
            self._paint()

    def show_problem(self, problem: str) -> None:
        self._inside = None
        self._paint()
        self.query_one(GrowingLines).fit(lambda _width: [Text(problem, style=ATTENTION)])

    def _paint(self) -> None:
        inside, glyphs = self._inside, terminal_glyphs()
        facts, values = self.query_one(GrowingLines), self.query_one(Values)
        facts.fit(lambda width: [] if inside is None else value_lines(inside, width, self.size.height, glyphs))
        if inside is None or inside.window is None:
            values.fit(lambda _width: [])
            return
        place = Text(window_slice(inside.window, inside.row), style=MUTED)
        lines = [place, *window_lines(inside.window, inside.row, glyphs)]
        values.fit(lambda _width: lines)

    def on_resize(self) -> None:
        self.call_after_refresh(self.renew)

    def action_move(self, columns: int, rows: int) -> None:
        """By values along the last two axes."""
        self._move_axis(1, columns)
        self._move_axis(2, rows)
        self.renew()

    def action_turn(self, slices: int) -> None:
        """To the next slice: the last of the leading axes first, as an odometer does."""
        if self._inside is None:
            return
        shape, at = self._inside.row.shape, list(self._at)
        for axis in reversed(range(len(at) - 2)):
            at[axis] += slices
            if 0 <= at[axis] < shape[axis]:
                break
            at[axis] %= shape[axis]
        self._at = tuple(at)
        self.renew()

    def _move_axis(self, from_the_end: int, by: int) -> None:
        if len(self._at) >= from_the_end:
            at = list(self._at)
            at[-from_the_end] = max(at[-from_the_end] + by, 0)
            self._at = tuple(at)
