"""Reshaping: try an operation on a tensor and show its elements before and after the operation."""

import math
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, get_args

from rich.text import Text
from textual import getters, on, work
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
from fashion_tui.schema.tensors import Size, TensorList, TensorRow
from fashion_tui.tui.actions import IN_RESHAPING, bindings
from fashion_tui.tui.playground.cell_runner import CellRunner
from fashion_tui.tui.playground.messages import CodeProposed, SidePanelLeft
from fashion_tui.tui.widgets.cycle import Cycle
from fashion_tui.tui.widgets.lines import FittedLines

from .side_view import Field, FieldsView

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
SAME_ARGUMENTS: tuple[Operation, ...] = ("reshape", "view")
"""Operations that take the same arguments. Arguments typed for one of them are also used for the others."""

DEFAULT_SHAPE = "2x3"
"""Shape of the example tensor that is used if the user has no tensors."""

MAX_ELEMENTS = 10**12
"""Maximum number of elements of an example tensor."""

SPACIOUS = 14
"""Minimum height, in lines, at which blank lines separate the sections of the result."""

_SHAPE = re.compile(r"\d+(?:[x×]\d+)*(\.T)?")


@dataclass(frozen=True, slots=True)
class Source:
    """The tensor before the operation."""

    code: str
    """Expression for the tensor."""
    shape: Size
    strides: Size
    """Strides in elements."""


class ReshapeView(FieldsView):
    """A form for reshaping a tensor. It queries the kernel each time a field changes."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_RESHAPING)

    _tensor = getters.query_one("#reshape-tensor", Input)
    _operation_field = getters.query_one("#reshape-operation", Cycle)
    _arguments = getters.query_one("#reshape-arguments", Input)
    _result = getters.query_one("#reshape-result", FittedLines)

    def __init__(self, runner: CellRunner) -> None:
        super().__init__(runner, id="reshape")
        self._rows: tuple[TensorRow, ...] = ()
        """The user's tensors in the kernel."""
        self._source: Source | None = None
        self._problem = ""
        """Error message about the tensor field, or an empty string if the field is valid."""
        self._typed: dict[Operation, str] = {}
        """The arguments that the user typed for this tensor, keyed by operation."""
        self._reshaping: ReshapeResult | None = None
        """The kernel's last reply."""

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Field("tensor", Input(id="reshape-tensor", compact=True, max_length=60))
            yield Field("operation", Cycle(OPERATIONS, id="reshape-operation"))
            yield Field(
                "arguments", Input(id="reshape-arguments", compact=True, max_length=60), id="reshape-arguments-field"
            )
        yield FittedLines(id="reshape-result")

    def main_widget(self) -> Input:
        return self._arguments

    def show_tensor(self, name: str | None, tensors: TensorList) -> None:
        """Show the form for the tensor with this name.

        If `name` is None, keep the previous tensor, or use an example if no tensor was shown before.
        """
        self._rows = tensors.rows
        tensor = name or self._tensor.value or DEFAULT_SHAPE
        if tensor != self._tensor.value:
            self._typed.clear()
            with self.prevent(Input.Changed):
                self._tensor.value = tensor
        self._read_tensor()

    def reload(self) -> None:
        self._try()

    def tensors_listed(self, tensors: TensorList) -> None:
        self._rows = tensors.rows
        self._read_tensor()

    def kernel_ended(self) -> None:
        self._rows = ()
        self._read_tensor()

    # The fields

    @property
    def _operation(self) -> Operation:
        return OPERATIONS[OPERATIONS.index(self._operation_field.value)]

    @on(Input.Changed, "#reshape-tensor")
    def _read_tensor(self) -> None:
        """Find the tensor that the first field describes, and try the operation on it."""
        shape_before = None if self._source is None else self._source.shape
        try:
            self._source, self._problem = find_source(self._tensor.value, self._rows), ""
        except UserError as error:
            self._source, self._problem = None, str(error)
        else:
            if self._source.shape != shape_before:
                self._fill_arguments()
        self._try()

    @on(Input.Changed, "#reshape-arguments")
    def _arguments_typed(self, event: Input.Changed) -> None:
        operations = SAME_ARGUMENTS if self._operation in SAME_ARGUMENTS else (self._operation,)
        self._typed |= dict.fromkeys(operations, event.value)
        self._try()

    @on(Cycle.Changed)
    def _operation_chosen(self) -> None:
        self._fill_arguments()
        self._try()

    def _fill_arguments(self) -> None:
        """Fill in and select the arguments last typed for the operation, or example arguments if none were typed."""
        if self._source is not None:
            example = example_arguments(self._operation, self._source.shape)
            with self.prevent(Input.Changed):
                self._arguments.value = self._typed.get(self._operation, example)
            self._arguments.select_all()

    def action_operation(self, step: int) -> None:
        self._operation_field.action_turn(step)

    def action_propose(self) -> None:
        """Put the code of the operation into the prompt."""
        if self._source is not None:
            code = f"{self._source.code}.{self._operation}({self._arguments.value})"
            self.post_message(CodeProposed(code))
            self.post_message(SidePanelLeft())

    # The result

    @work(group="reshape", exclusive=True)
    async def _try(self) -> None:
        source, self._reshaping = self._source, None
        if source is not None:
            probe = TryReshape(
                shape=source.shape,
                strides=source.strides,
                operation=self._operation,
                arguments=self._arguments.value,
            )
            self._reshaping = await self.probe(probe, ReshapeResult)
        self._paint()

    def on_resize(self) -> None:
        self._paint()

    def _paint(self) -> None:
        self._result.fit(lambda width: self._lines(width, self._result.size.height))

    def _lines(self, width: int, height: int) -> list[Text]:
        glyphs = terminal_glyphs()
        if self._source is None:
            return [Text(line, BAD) for line in textwrap.wrap(printable(self._problem, glyphs), width)]
        gap = [Text()] if height >= SPACIOUS else []
        lines = [*gap, self._code_line(self._source, width, glyphs)]
        if self._reshaping is None:
            return [*lines, Text("waiting for the kernel", MUTED)]
        lines += [*verdict_lines(self._reshaping, width, glyphs), *gap]
        return lines + grid_lines(self._reshaping, width, height - len(lines), glyphs)

    def _code_line(self, source: Source, width: int, glyphs: Glyphs) -> Text:
        line = Text.assemble(
            (f"{printable(source.code, glyphs)}.", FOREGROUND),
            (self._operation, ACCENT),
            (f"({printable(self._arguments.value, glyphs)})", FOREGROUND),
            no_wrap=True,
        )
        line.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
        return line


# Tensors and example arguments


def find_source(text: str, rows: Iterable[TensorRow]) -> Source:
    """Return the tensor that `text` names, or an example tensor if `text` is a shape, such as `2x3x4` or `2x3.T`.

    Raises UserError if `text` is neither.
    """
    text = text.strip()
    row = next((row for row in rows if row.name == text), None)
    if row is not None:
        return _existing_source(row)
    if (match := _SHAPE.fullmatch(text)) is None:
        problem = f"no tensor is named {text}" if text else "no tensor chosen"
        raise UserError(f"{problem}: enter a name, or a shape such as 2x3x4 or 2x3.T")
    return _example_source(tuple(map(int, re.findall(r"\d+", text))), transposed=bool(match[1]))


def _existing_source(row: TensorRow) -> Source:
    if row.kind == "array":
        raise UserError(f"{row.name} is a NumPy array: torch.from_numpy({row.name}) is a tensor that shares its memory")
    if not row.has_shape or len(row.strides) != len(row.shape):
        raise UserError(f"{row.name} has no strides: it is not a dense tensor")
    return Source(row.name, row.shape, row.strides)


def _example_source(shape: Size, *, transposed: bool) -> Source:
    if (count := math.prod(shape)) > MAX_ELEMENTS:
        raise UserError(f"{count:,} elements are too many; the maximum is {MAX_ELEMENTS:,}")
    strides = tuple(math.prod(max(size, 1) for size in shape[axis + 1 :]) for axis in range(len(shape)))
    code = f"torch.arange({count})" + (f".reshape{shape}" if len(shape) > 1 else "")
    if not transposed:
        return Source(code, shape, strides)
    if len(shape) != 2:
        raise UserError(f".T needs a matrix such as 2x3.T, not a tensor of {len(shape)} axes")
    return Source(f"{code}.T", shape[::-1], strides[::-1])


def example_arguments(operation: Operation, shape: Size) -> str:
    """Return arguments that show what the operation does."""
    axes = len(shape)
    match operation:
        case "reshape":
            return _example_shape(shape)
        case "view":
            return "-1"
        case "squeeze" | "flatten":
            return ""
        case "unsqueeze":
            return "0"
        case "permute":
            return ", ".join(map(str, reversed(range(axes)))) or "()"
        case "transpose":
            return "0, 1" if axes > 1 else "0, 0"


def _example_shape(shape: Size) -> str:
    """Return the new shape for the reshape example.

    This is the reversed shape. If reversing doesn't change the shape, a vector becomes a matrix, and any other tensor
    becomes a vector.
    """
    if shape != shape[::-1]:
        return ", ".join(map(str, reversed(shape)))
    if len(shape) != 1:
        return "-1"
    rows = next((rows for rows in (2, 3, 5, 7) if shape[0] % rows == 0), 1)
    return f"{rows}, -1"
