"""Convolution arithmetic: the output size of a convolution or pooling operation, its formula and a drawing."""

import re
import textwrap
from collections.abc import Mapping
from typing import ClassVar, Literal, get_args

from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal
from textual.widgets import Input

from fashion_tui.report.formatting import format_shape, printable
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import ACCENT, BAD, FOREGROUND, MUTED
from fashion_tui.report.windows import sliding_window_lines, window_formulas, window_legend
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.windows import SlidingWindow, check_window
from fashion_tui.tui.actions import IN_ARITHMETIC, bindings
from fashion_tui.tui.playground.cell_runner import CellRunner
from fashion_tui.tui.widgets.cycle import Cycle
from fashion_tui.tui.widgets.large_number import large_number
from fashion_tui.tui.widgets.lines import FittedLines

from .side_view import Field, FieldsView

Operation = Literal["convolution", "pooling"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
Parameter = Literal["size", "kernel", "padding", "stride", "dilation"]
PARAMETERS: tuple[Parameter, ...] = get_args(Parameter)

DEFAULT_SIZE = "28"
DEFAULTS: dict[Operation, dict[Parameter, str]] = {
    "convolution": {"kernel": "5", "padding": "2", "stride": "1", "dilation": "1"},
    "pooling": {"kernel": "2", "padding": "0", "stride": "", "dilation": "1"},
}
"""Default values, taken from `GuideNet`. For pooling, an empty stride means that the stride is the kernel size."""

MAX_VALUE = 99_999

SPACIOUS = 16
"""Minimum height, in lines, at which blank lines separate the sections of the result."""


class ArithmeticView(FieldsView):
    """A form for convolution arithmetic.

    The form only computes with integers, so it doesn't need the Python kernel. It keeps its values when the view is
    closed.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_ARITHMETIC)

    _operation_field = getters.query_one("#arithmetic-operation", Cycle)
    _ceil_mode = getters.query_one("#arithmetic-ceil", Cycle)
    _ceil_mode_field = getters.query_one("#arithmetic-ceil-field", Field)
    _result = getters.query_one("#arithmetic-result", FittedLines)

    def __init__(self, runner: CellRunner) -> None:
        super().__init__(runner, id="arithmetic")
        self._other_values = DEFAULTS["pooling"]
        """The field values of the operation that isn't selected."""

    def compose(self) -> ComposeResult:
        with Container(id="arithmetic-fields"):
            with Horizontal():
                yield Field("operation", Cycle(OPERATIONS, id="arithmetic-operation"))
                yield Field("ceil mode", Cycle(("off", "on"), id="arithmetic-ceil"), id="arithmetic-ceil-field")
            with Horizontal():
                yield Field("size", Input(DEFAULT_SIZE, id="arithmetic-size", compact=True, max_length=11))
                for parameter, value in DEFAULTS["convolution"].items():
                    yield Field(parameter, Input(value, id=f"arithmetic-{parameter}", compact=True, max_length=11))
        yield FittedLines(id="arithmetic-result")

    def on_mount(self) -> None:
        self._show_ceil_mode()

    def main_widget(self) -> Input:
        return self._input("size")

    # The fields

    def _input(self, parameter: Parameter) -> Input:
        return self.query_one(f"#arithmetic-{parameter}", Input)

    @property
    def _operation(self) -> Operation:
        return "pooling" if self._operation_field.value == "pooling" else "convolution"

    @on(Cycle.Changed, "#arithmetic-operation")
    def _operation_chosen(self) -> None:
        """Show the field values of the newly selected operation.

        The input size doesn't change, because both operations share it.
        """
        values = self._other_values
        self._other_values = {parameter: self._input(parameter).value for parameter in values}
        for parameter, value in values.items():
            self._input(parameter).value = value
        self._input("stride").placeholder = "kernel" if self._operation == "pooling" else ""
        self._show_ceil_mode()
        self._paint()

    def _show_ceil_mode(self) -> None:
        self._ceil_mode_field.display = self._operation == "pooling"

    def action_step(self, step: int) -> None:
        """Add `step` to the value of the focused field."""
        focused = self.screen.focused
        if isinstance(focused, Cycle):
            focused.action_turn(-step)
        for parameter in PARAMETERS:
            if (field := self._input(parameter)) is focused:
                value = field.value or self._input("kernel").value  # a pooling's default stride
                field.value = stepped(parameter, value, step)
                field.select_all()

    # The result

    def on_resize(self) -> None:
        self._paint()

    @on(Cycle.Changed, "#arithmetic-ceil")
    @on(Input.Changed)
    def _paint(self) -> None:
        self._result.fit(lambda width: self._lines(width, self._result.size.height))

    def _lines(self, width: int, height: int) -> list[Text]:
        glyphs = terminal_glyphs()
        values = {parameter: self._input(parameter).value for parameter in PARAMETERS}
        try:
            windows = sliding_windows(values, self._operation, ceil_mode=self._ceil_mode.value == "on")
        except UserError as error:
            return [Text(line, BAD) for line in textwrap.wrap(printable(str(error), glyphs), width)]
        parts = [_result_lines(windows, width, glyphs)]
        parts += [sliding_window_lines(name, window, width, glyphs) for name, window in _by_axis(windows).items()]
        gap = [Text()] if height >= SPACIOUS else []
        lines = [line for part in parts for line in (*gap, *part)] + [*gap, window_legend(glyphs)]
        return lines[:height]


def _by_axis(windows: tuple[SlidingWindow, SlidingWindow]) -> dict[str, SlidingWindow]:
    """Return the windows, keyed by axis name. If they are equal, return only one window, with the key `input`."""
    height, width = windows
    return {"input": height} if height == width else {"height": height, "width": width}


def _result_lines(windows: tuple[SlidingWindow, SlidingWindow], width: int, glyphs: Glyphs) -> list[Text]:
    """Return the output size in large digits and, beside it or below it, the formulas."""
    output_size = format_shape(tuple(window.output_size for window in windows), glyphs)
    input_size = format_shape(tuple(window.input_size for window in windows), glyphs)
    formulas = [Text.assemble(("from ", MUTED), (input_size, FOREGROUND))]
    axes = _by_axis(windows)
    for name, window in axes.items():
        lines = window_formulas(window, glyphs)
        formulas += lines if len(axes) == 1 else [Text.assemble((f"{name:<7}", MUTED), lines[0])]
    digits = [Text(line, ACCENT) for line in large_number(output_size, glyphs)]
    left = digits[0].cell_len + 3
    if left + max(line.cell_len for line in formulas) > width:
        return [*digits, *formulas]
    formulas += [Text()] * (len(digits) - len(formulas))
    return [Text.assemble(line, "   ", formula, no_wrap=True) for line, formula in zip(digits, formulas, strict=True)]


# Reading the fields


def sliding_windows(
    values: Mapping[Parameter, str], operation: Operation, *, ceil_mode: bool
) -> tuple[SlidingWindow, SlidingWindow]:
    """Return the sliding windows along height and width. Raises UserError if a value is invalid."""
    is_pool = operation == "pooling"
    values = {**values, "stride": values["kernel"]} if is_pool and not values["stride"].strip() else values
    along_axes = zip(*(_parse(parameter, values[parameter]) for parameter in PARAMETERS), strict=True)
    height, width = (
        SlidingWindow(
            input_size=size, kernel=kernel, padding=(padding, padding), stride=stride, dilation=dilation,
            ceil_mode=is_pool and ceil_mode,
        )
        for size, kernel, padding, stride, dilation in along_axes
    )  # fmt: skip
    check_window(height, is_pool=is_pool)
    check_window(width, is_pool=is_pool)
    return height, width


def stepped(parameter: Parameter, value: str, step: int) -> str:
    """Return the value plus `step`, clamped to the allowed range. If the value isn't a number, return it unchanged."""
    try:
        numbers = _parse(parameter, value)
    except UserError:
        return value
    height, width = (min(max(number + step, _min_value(parameter)), MAX_VALUE) for number in numbers)
    return str(height) if height == width else f"{height}x{width}"


def _parse(parameter: Parameter, value: str) -> tuple[int, int]:
    """Parse `28` as height and width, or `28x32` as height 28 and width 32."""
    if not (match := re.fullmatch(r"\s*(-?\d+)(?:\s*[x×,]\s*(-?\d+))?\s*", value)):
        raise UserError(f"{parameter} {value.strip()!r}: enter a whole number, or height and width such as 3x5")
    height = int(match[1])
    width = height if match[2] is None else int(match[2])
    for number in (height, width):
        if number < _min_value(parameter):
            raise UserError(f"{parameter} {number}: must be at least {_min_value(parameter)}")
        if number > MAX_VALUE:
            raise UserError(f"{parameter} {number}: must be at most {MAX_VALUE:,}")
    return height, width


def _min_value(parameter: Parameter) -> int:
    return 0 if parameter == "padding" else 1
