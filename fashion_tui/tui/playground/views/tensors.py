"""The person's tensors, a line each, with a cursor."""

import asyncio
from contextlib import suppress
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import reactive

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import MUTED
from fashion_tui.report.tensors import tensor_lines
from fashion_tui.schema.tensors import NO_TENSORS, ListTensors, TensorList, TensorRow
from fashion_tui.tui.actions import IN_TENSORS, bindings
from fashion_tui.tui.playground.messages import TensorOpened, TensorsListed
from fashion_tui.tui.widgets.fitted import GrowingLines
from fashion_tui.tui.widgets.row_list import RowList

from .side_view import Ask, SideView

SOON = 0.5
"""Seconds until a kernel that can't tell yet is asked again."""
EMPTY = "No tensors yet. What you make stands here:\nx = torch.arange(6.0, requires_grad=True)"


class TensorsView(SideView):
    """Titles stand still, the tensors below them scroll."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_TENSORS)

    found: reactive[TensorList] = reactive(NO_TENSORS, init=False)

    def __init__(self, ask: Ask, *, id: str) -> None:  # noqa: A002 - Textual's own word
        super().__init__(ask, id=id)
        self._problem = ""
        """Why the kernel couldn't list them when it was asked last."""
        self._told = asyncio.Event()
        """Set while nothing that was asked waits for its answer."""

    def compose(self) -> ComposeResult:
        yield GrowingLines(id="tensor-titles")
        yield RowList(id="tensor-rows")

    def main_widget(self) -> RowList:
        return self.query_one(RowList)

    def renew(self) -> None:
        self._told.clear()
        self._list()

    async def up_to_date(self, seconds: float) -> None:
        """Wait until the kernel has told of the tensors that there are now; so long at most."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._told.wait(), seconds)

    def forget(self) -> None:
        self.found = NO_TENSORS

    def show_problem(self, problem: str) -> None:
        """Once: the same one comes again with every cell."""
        if problem != self._problem:
            self.notify(problem, severity="warning", markup=False)
        self._problem = problem

    @work(group="tensors", exclusive=True)
    async def _list(self) -> None:
        before, self._problem = self._problem, ""
        found = await self.answer(ListTensors(), TensorList)
        if found is None and not self._problem:
            self._problem = before
            self.set_timer(SOON, self.renew)
            return
        if found is not None:
            self.found = found
        self._told.set()

    def action_open(self) -> None:
        if self.chosen is not None:
            self.post_message(TensorOpened(self.chosen.name))

    @property
    def chosen(self) -> TensorRow | None:
        """The one under the cursor."""
        return next((row for row in self.found.rows if row.name == self.main_widget().chosen), None)

    def watch_found(self) -> None:
        self._show()
        self.post_message(TensorsListed(self.found))

    @on(RowList.Chosen)
    def _chosen(self, message: RowList.Chosen) -> None:
        message.stop()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        glyphs = terminal_glyphs()
        titles, lines = tensor_lines(self.found.rows, max(self.size.width - 3, 10), glyphs)
        keys = [row.name for row in self.found.rows]
        if self.found.omitted:
            keys.append("")  # no name of a tensor
            lines.append(Text(f"and {self.found.omitted:,} more", MUTED))
        if not keys:
            self.query_one(GrowingLines).fit(lambda _width: [Text(line, MUTED) for line in EMPTY.split("\n")])
        else:
            self.query_one(GrowingLines).fit(lambda _width: [Text(" ") + titles])
        self.main_widget().show_rows(keys, lines)
