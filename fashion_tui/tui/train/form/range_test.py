"""The dialog that runs a learning rate range test and plots the loss during the test."""

from pathlib import Path
from typing import ClassVar, cast

import msgspec
from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from fashion_tui.report.charts.range_plot import draw_range_test
from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.range_test import FIELDS_WITHOUT_EFFECT, RangeTest
from fashion_tui.schema.recipe import Recipe
from fashion_tui.schema.requests import FindLearningRate
from fashion_tui.tui.actions import key_hints
from fashion_tui.tui.dialogs.dialog import Dialog
from fashion_tui.tui.lab_app import LabApp
from fashion_tui.tui.widgets.lines import Lines

PROGRESS_WIDTH = 20
"""Width of the progress bar, in columns."""


def is_same_test(recipe: Recipe, other: Recipe) -> bool:
    """Return whether a range test gives the same result with both recipes."""
    ignored = {name: getattr(other, name) for name in FIELDS_WITHOUT_EFFECT}
    return msgspec.structs.replace(recipe, **ignored) == other


class RangeView(Lines):
    """Shows the plot of a range test, scaled to the widget's size."""

    def __init__(self, result: RangeTest) -> None:
        super().__init__()
        self._result = result

    def show(self, result: RangeTest) -> None:
        self._result = result
        self.on_resize()

    def on_resize(self) -> None:
        self.show_lines(draw_range_test(self._result, *self.size, terminal_glyphs()))


class RangeTestDialog(Dialog[float | None]):
    """Runs a range test. Returns the suggested learning rate if the user accepts it, else None.

    Closing the dialog cancels the test.
    """

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss", "cancel"), ("enter", "take_over", "use")]
    DEFAULT_CSS = Path(__file__).with_name("range_test.tcss").read_text(encoding="utf-8")

    status = getters.query_one("#status", Static)
    keys = getters.query_one("#keys", Static)
    view = getters.query_one(RangeView)

    def __init__(self, request: FindLearningRate, dataset: str) -> None:
        """`dataset` is the title of the data set."""
        super().__init__()
        self._request = request
        self._dataset = dataset
        self.result = RangeTest(learning_rates=(), losses=(), smoothed=(), steps=request.steps)
        """The result so far."""

    def compose(self) -> ComposeResult:
        recipe, glyphs = self._request.recipe, terminal_glyphs()
        subject = f"   {recipe.model} on {self._dataset}, {recipe.optimizer}, batch size {recipe.batch_size}"
        with Vertical(classes="panel"):
            yield Static(Text.assemble(("Learning rate range test", "bold"), (printable(subject, glyphs), MUTED)))
            yield RangeView(self.result)
            yield Static(Text(f"starting {glyphs.ellipsis}", MUTED), id="status", markup=False)
            yield Static(key_hints(("esc", "cancel")), id="keys")

    def on_mount(self) -> None:
        self._run()

    @work
    async def _run(self) -> None:
        app = cast("LabApp", self.app)
        try:
            if self._request.network is None:
                result = await app.engine.ask(self._request, RangeTest, so_far=self._show)
            else:
                result = await app.sandbox.ask(self._request, RangeTest, None, self._show)
        except UserError as error:
            self._end(Text(printable(str(error), terminal_glyphs()), ATTENTION))
        else:
            self._show(result)

    def _show(self, result: RangeTest) -> None:
        self.result = result
        self.view.show(result)
        if result.problem is not None:
            self._end(Text(f"No suggestion: {result.problem}.", ATTENTION))
        elif result.suggestion is not None:
            self._end(
                Text(f"Suggestion: {result.suggestion:g}. The loss is lowest at {result.lowest:g}."),
                ("enter", f"use {result.suggestion:g}"),
            )
        else:
            self.status.update(self._progress())

    def _progress(self) -> Text:
        glyphs, done, total = terminal_glyphs(), len(self.result.losses), self.result.steps
        bar = f"{glyphs.bar(done / total, PROGRESS_WIDTH):<{PROGRESS_WIDTH}}"
        steps = f"{done:>{len(str(total))}} / {total} steps  "
        return Text.assemble((steps, MUTED), (bar, ACCENT), (f" {done / total * 100:3.0f} %", FOREGROUND))

    def _end(self, status: Text, *hints: tuple[str, str]) -> None:
        self.status.update(status)
        self.keys.update(key_hints(*hints, ("esc", "close")))

    def action_take_over(self) -> None:
        if self.result.suggestion is not None:
            self.dismiss(self.result.suggestion)
