"""Convolution arithmetic: what size comes out of a convolution or a pool, with its formula and a picture."""

import textwrap
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal
from textual.widgets import Input

from fashion_tui.report.formatting import format_shape, printable
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import ACCENT, BAD, FOREGROUND, MUTED
from fashion_tui.report.windows import sliding_window_lines, window_formulas, window_legend
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.windows import SlidingWindow
from fashion_tui.tui.actions import IN_ARITHMETIC, bindings
from fashion_tui.tui.widgets.cycle import Cycle
from fashion_tui.tui.widgets.fitted import FittedLines
from fashion_tui.tui.widgets.large_number import large_number

from .arithmetic_values import FIELDS, FIRST, KINDS, SIZE, FieldName, Kind, slides_of, stepped
from .fields import Field, FieldsView
from .side_view import Ask

ROOMY = 16
"""Lines from which on some are left empty between the parts."""


class ArithmeticView(FieldsView):
    """Answers at once: it is whole numbers only. What was typed stays when it is closed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_ARITHMETIC)

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, id="window")
        self._of_other_kind = FIRST["pooling"]
        """What its fields had when it was shown last."""

    def compose(self) -> ComposeResult:
        with Container(id="window-fields"):
            with Horizontal():
                yield Field("operation", Cycle(KINDS, id="window-kind"))
                yield Field("ceil mode", Cycle(("off", "on"), id="window-ceil"), id="window-ceil-field")
            with Horizontal():
                yield Field("size", Input(SIZE, id="window-size", compact=True, max_length=11))
                for name, text in FIRST["convolution"].items():
                    yield Field(name, Input(text, id=f"window-{name}", compact=True, max_length=11))
        yield FittedLines(id="window-found")

    def on_mount(self) -> None:
        self._show_ceil_mode()

    def main_widget(self) -> Input:
        return self._input("size")

    # The fields

    def _input(self, name: FieldName) -> Input:
        return self.query_one(f"#window-{name}", Input)

    @property
    def _kind(self) -> Kind:
        return "pooling" if self.query_one("#window-kind", Cycle).value == "pooling" else "convolution"

    @on(Cycle.Changed, "#window-kind")
    def _kind_chosen(self) -> None:
        """It has figures of its own, but for the size."""
        texts = self._of_other_kind
        self._of_other_kind = {name: self._input(name).value for name in texts}
        for name, text in texts.items():
            self._input(name).value = text
        self._input("stride").placeholder = "kernel" if self._kind == "pooling" else ""
        self._show_ceil_mode()
        self._paint()

    def _show_ceil_mode(self) -> None:
        self.query_one("#window-ceil-field").display = self._kind == "pooling"

    def action_step(self, by: int) -> None:
        focused = self.screen.focused
        if isinstance(focused, Cycle):
            focused.action_turn(-by)
        for name in FIELDS:
            if (field := self._input(name)) is focused:
                text = field.value or self._input("kernel").value  # of a pool's stride
                field.value = stepped(name, text, by)
                field.select_all()

    # What comes out

    def on_resize(self) -> None:
        self._paint()

    @on(Cycle.Changed, "#window-ceil")
    @on(Input.Changed)
    def _paint(self) -> None:
        widget = self.query_one("#window-found", FittedLines)
        widget.fit(lambda width: self._lines(width, widget.size.height))

    def _lines(self, width: int, height: int) -> list[Text]:
        glyphs = terminal_glyphs()
        texts = {name: self._input(name).value for name in FIELDS}
        ceil_mode = self.query_one("#window-ceil", Cycle).value == "on"
        try:
            slides = slides_of(texts, self._kind, ceil_mode=ceil_mode)
        except UserError as error:
            return [Text(line, BAD) for line in textwrap.wrap(printable(str(error), glyphs), width)]
        parts = [_result_lines(slides, width, glyphs)]
        parts += [sliding_window_lines(name, slide, width, glyphs) for name, slide in _axes(slides).items()]
        gap = [Text()] if height >= ROOMY else []
        lines = [line for part in parts for line in (*gap, *part)] + [*gap, window_legend(glyphs)]
        return lines[:height]


def _axes(slides: tuple[SlidingWindow, SlidingWindow]) -> dict[str, SlidingWindow]:
    """One where height and width are the same."""
    height, width = slides
    return {"input": height} if height == width else {"height": height, "width": width}


def _result_lines(slides: tuple[SlidingWindow, SlidingWindow], width: int, glyphs: Glyphs) -> list[Text]:
    """The size in large digits; beside it, or below, what it comes from."""
    size = format_shape(tuple(slide.output_size for slide in slides), glyphs)
    came = format_shape(tuple(slide.input_size for slide in slides), glyphs)
    words = [Text.assemble(("from ", MUTED), (came, FOREGROUND))]
    axes = _axes(slides)
    for name, slide in axes.items():
        formulas = window_formulas(slide, glyphs)
        words += formulas if len(axes) == 1 else [Text.assemble((f"{name:<7}", MUTED), formulas[0])]
    digits = [Text(line, ACCENT) for line in large_number(size, glyphs)]
    left = digits[0].cell_len + 3
    if left + max(line.cell_len for line in words) > width:
        return [*digits, *words]
    words += [Text()] * (len(digits) - len(words))
    return [Text.assemble(line, "   ", word, no_wrap=True) for line, word in zip(digits, words, strict=True)]
