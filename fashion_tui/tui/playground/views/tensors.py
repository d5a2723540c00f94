"""The user's tensors: a table with a cursor, or a single line on a narrow screen."""

import asyncio
from contextlib import suppress
from typing import ClassVar

from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult, RenderResult
from textual.binding import BindingType
from textual.reactive import reactive
from textual.widget import Widget

from fashion_tui.report.formatting import format_mean, format_shape, printable
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.report.tensors import tensor_lines
from fashion_tui.schema.tensors import NO_TENSORS, ListTensors, TensorList, TensorRow
from fashion_tui.tui.actions import IN_TENSORS, bindings
from fashion_tui.tui.playground.cell_runner import CellRunner
from fashion_tui.tui.playground.messages import TensorOpened, TensorsListed
from fashion_tui.tui.widgets.lines import GrowingLines
from fashion_tui.tui.widgets.row_list import RowList

from .side_view import SideView

RETRY_SECONDS = 0.5
"""Delay, in seconds, before the list of tensors is requested again if the kernel couldn't reply."""

EMPTY = "No tensors yet. Create one in the prompt:\nx = torch.arange(6.0, requires_grad=True)"


class TensorsView(SideView):
    """The table of tensors, newest first. Its header stays in place while the rows scroll."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_TENSORS)

    tensors: reactive[TensorList] = reactive(NO_TENSORS, init=False)

    _header = getters.query_one(GrowingLines)
    _rows = getters.query_one(RowList)

    def __init__(self, runner: CellRunner, *, id: str) -> None:  # noqa: A002 - Textual's own word
        super().__init__(runner, id=id)
        self._problem = ""
        """Error message of the last query that failed, or an empty string if the last query succeeded."""
        self._lesson_names: frozenset[str] = frozenset()
        self._mentions_memory_groups = False
        self._up_to_date = asyncio.Event()
        """Event that is set while no query is waiting for a reply."""

    def compose(self) -> ComposeResult:
        yield GrowingLines(id="tensor-header")
        yield RowList(id="tensor-rows")

    def main_widget(self) -> RowList:
        return self._rows

    def reload(self) -> None:
        self._up_to_date.clear()
        self._list_tensors()

    def show_lesson(self, names: frozenset[str], *, mentions_memory_groups: bool) -> None:
        """List the tensors with these names first, because a lesson uses them.

        `mentions_memory_groups` says whether the lesson mentions the column that marks tensors that share memory.
        """
        self._lesson_names, self._mentions_memory_groups = names, mentions_memory_groups
        self._paint()

    async def wait_until_up_to_date(self, timeout: float) -> None:  # noqa: ASYNC109 -- expiring is not an error
        """Wait for the reply to the last query, for at most `timeout` seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._up_to_date.wait(), timeout)

    def kernel_ended(self) -> None:
        self.tensors = NO_TENSORS

    def show_problem(self, problem: str) -> None:
        """Show a problem once, even if it recurs after every cell."""
        if problem != self._problem:
            self.notify(problem, severity="warning", markup=False)
        self._problem = problem

    @work(group="tensors", exclusive=True)
    async def _list_tensors(self) -> None:
        previous_problem, self._problem = self._problem, ""
        tensors = await self.probe(ListTensors(), TensorList)
        if tensors is None and not self._problem:
            self._problem = previous_problem
            self.set_timer(RETRY_SECONDS, self.reload)
            return
        if tensors is not None:
            self.tensors = tensors
        self._up_to_date.set()

    @property
    def selected(self) -> TensorRow | None:
        """The tensor under the cursor."""
        return next((row for row in self.tensors.rows if row.name == self._rows.chosen), None)

    def action_open(self) -> None:
        if self.selected is not None:
            self.post_message(TensorOpened(self.selected.name))

    @on(RowList.Chosen)
    def _row_chosen(self, message: RowList.Chosen) -> None:
        message.stop()

    def watch_tensors(self) -> None:
        self._paint()
        self.post_message(TensorsListed(self.tensors))

    def on_resize(self) -> None:
        self._paint()

    def _paint(self) -> None:
        newest_first = sorted(self.tensors.rows, key=lambda row: -row.first_listing)
        rows = sorted(newest_first, key=lambda row: row.name.split(".")[0] not in self._lesson_names)
        header, lines = tensor_lines(
            rows,
            max(self.size.width - 3, 10),
            terminal_glyphs(),
            keep_memory_groups=self._mentions_memory_groups,
        )
        keys = [row.name for row in rows]
        if self.tensors.omitted:
            keys.append("")  # unique, because every tensor has a name
            lines.append(Text(f"and {self.tensors.omitted:,} more", MUTED))
        if not keys:
            self._header.fit(lambda _width: [Text(line, MUTED) for line in EMPTY.split("\n")])
        else:
            self._header.fit(lambda _width: [Text(" ") + header])
        self._rows.show_rows(keys, lines)
        if keys and not self._rows.has_focus:
            self._rows.choose(keys[0])


class TensorsLine(Widget):
    """A one-line list of as many tensors as fit, newest last, such as `A 3 · B 2 · C 6`."""

    tensors: reactive[TensorList] = reactive(NO_TENSORS)

    def render(self) -> RenderResult:
        return _summary_line(self.tensors, self.size.width, terminal_glyphs())


def _summary_line(tensors: TensorList, width: int, glyphs: Glyphs) -> Text:
    items = [_summary(row, glyphs) for row in sorted(tensors.rows, key=lambda row: row.first_listing)]
    omitted = 0
    while len(items) > 1 and sum(item.cell_len + 3 for item in items) > width - 6:
        del items[0]
        omitted += 1
    if omitted:
        items.insert(0, Text(f"+{omitted + tensors.omitted}", MUTED))
    line = Text(" · " if glyphs.unicode else " - ", MUTED).join(items)
    line.no_wrap = True
    line.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return line


def _summary(row: TensorRow, glyphs: Glyphs) -> Text:
    """Return the tensor's name followed by its shape, or by its value if the tensor is a single number."""
    if row.shape == () and row.statistics is not None:
        value = format_mean(row.statistics, single=True, glyphs=glyphs)
    else:
        value = format_shape(row.shape, glyphs)
    return Text.assemble((printable(row.name, glyphs), FOREGROUND), (f" {value}", MUTED))
