"""Reshaping: an operation tried on a tensor, its elements before and after."""

import textwrap
from typing import ClassVar, get_args

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.reshaping import grid_lines, verdict_lines
from fashion_tui.report.style import ACCENT, BAD, FOREGROUND, MUTED
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.reshaping import Operation, ReshapeResult, TryReshape
from fashion_tui.schema.tensors import TensorList, TensorRow
from fashion_tui.tui.actions import IN_RESHAPING, bindings
from fashion_tui.tui.playground.messages import CodeProposed, SidePanelLeft
from fashion_tui.tui.widgets.cycle import Cycle
from fashion_tui.tui.widgets.fitted import FittedLines

from .fields import Field, FieldsView
from .reshape_source import MADE_UP, Source, first_arguments, source_of
from .side_view import Ask

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
ALIKE: tuple[Operation, ...] = ("reshape", "view")
"""What is typed for one of them is meant for the other too."""
ROOMY = 14
"""Lines from which on some are left empty between the parts."""


class ReshapeView(FieldsView):
    """The kernel is asked with every change of a field."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_RESHAPING)

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, id="reshape")
        self._rows: tuple[TensorRow, ...] = ()
        self._source: Source | None = None
        self._problem = ""
        """Why there is no source."""
        self._typed: dict[Operation, str] = {}
        """Arguments that the person wrote for this tensor."""
        self._found: ReshapeResult | None = None

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Field("tensor", Input(id="reshape-tensor", compact=True, max_length=60), id="reshape-of")
            yield Field("operation", Cycle(OPERATIONS, id="reshape-operation"))
            yield Field("arguments", Input(id="reshape-arguments", compact=True, max_length=60), id="reshape-with")
        yield FittedLines(id="reshape-found")

    def main_widget(self) -> Input:
        return self._arguments

    def open(self, name: str | None, found: TensorList) -> None:
        """Try something on that tensor; without a name on what was there before, at first on one that is made up."""
        self._rows = found.rows
        text = name or self._tensor.value or MADE_UP
        if text != self._tensor.value:
            self._typed.clear()
            with self.prevent(Input.Changed):
                self._tensor.value = text
        self._look()

    def renew(self) -> None:
        self._try()

    def tensors_listed(self, found: TensorList) -> None:
        self._rows = found.rows
        self._look()

    def forget(self) -> None:
        self._rows = ()
        self._look()

    # The fields

    @property
    def _tensor(self) -> Input:
        return self.query_one("#reshape-tensor", Input)

    @property
    def _arguments(self) -> Input:
        return self.query_one("#reshape-arguments", Input)

    @property
    def _operation(self) -> Operation:
        return OPERATIONS[OPERATIONS.index(self.query_one(Cycle).value)]

    @on(Input.Changed, "#reshape-tensor")
    def _look(self) -> None:
        """What the tensor's field means now."""
        before = None if self._source is None else self._source.shape
        try:
            self._source, self._problem = source_of(self._tensor.value, self._rows), ""
        except UserError as error:
            self._source, self._problem = None, str(error)
        else:
            if self._source.shape != before:
                self._put_arguments()
        self._try()

    @on(Input.Changed, "#reshape-arguments")
    def _arguments_typed(self, event: Input.Changed) -> None:
        alike = ALIKE if self._operation in ALIKE else (self._operation,)
        self._typed |= dict.fromkeys(alike, event.value)
        self._try()

    @on(Cycle.Changed)
    def _operation_chosen(self) -> None:
        self._put_arguments()
        self._try()

    def _put_arguments(self) -> None:
        """Those that were typed for the operation, else some to begin with; what is typed next replaces them."""
        if self._source is not None:
            first = first_arguments(self._operation, self._source.shape)
            with self.prevent(Input.Changed):
                self._arguments.value = self._typed.get(self._operation, first)
            self._arguments.select_all()

    def action_operation(self, places: int) -> None:
        self.query_one(Cycle).action_turn(places)

    def action_propose(self) -> None:
        if self._source is not None:
            self.post_message(CodeProposed(self._code(self._source)))
            self.post_message(SidePanelLeft())

    def _code(self, source: Source) -> str:
        return f"{source.code}.{self._operation}({self._arguments.value})"

    # What comes of it

    @work(group="reshape", exclusive=True)
    async def _try(self) -> None:
        source, self._found = self._source, None
        if source is not None:
            question = TryReshape(
                shape=source.shape,
                strides=source.strides,
                operation=self._operation,
                arguments=self._arguments.value,
            )
            self._found = await self.answer(question, ReshapeResult)
        self._paint()

    def on_resize(self) -> None:
        self._paint()

    def _paint(self) -> None:
        widget = self.query_one("#reshape-found", FittedLines)
        widget.fit(lambda width: self._lines(width, widget.size.height))

    def _lines(self, width: int, height: int) -> list[Text]:
        glyphs = terminal_glyphs()
        if self._source is None:
            return [Text(line, BAD) for line in textwrap.wrap(printable(self._problem, glyphs), width)]
        gap = [Text()] if height >= ROOMY else []
        lines = [*gap, self._call(self._source, width, glyphs)]
        if self._found is None:
            return [*lines, Text("as soon as the kernel can tell", MUTED)]
        lines += [*verdict_lines(self._found, width, glyphs), *gap]
        return lines + grid_lines(self._found, width, height - len(lines), glyphs)

    def _call(self, source: Source, width: int, glyphs: Glyphs) -> Text:
        """The code."""
        line = Text.assemble(
            (f"{printable(source.code, glyphs)}.", FOREGROUND),
            (self._operation, ACCENT),
            (f"({printable(self._arguments.value, glyphs)})", FOREGROUND),
            no_wrap=True,
        )
        line.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
        return line
