"""The accuracy of a run under noise, shift, rotation and blur, as a chart for each."""

from pathlib import Path
from typing import ClassVar, get_args

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.geometry import Size

from fashion_tui.report.charts.robustness_plot import MIN_CHART_WIDTH, draw_robustness
from fashion_tui.report.formatting import format_percent, printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.robustness import describe_corruption
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED
from fashion_tui.schema.requests import MeasureRobustness
from fashion_tui.schema.robustness import CorruptionName, Robustness
from fashion_tui.schema.run import short_name
from fashion_tui.tui.actions import IN_ROBUSTNESS, ROBUSTNESS, bindings
from fashion_tui.tui.app_screen import AppScreen
from fashion_tui.tui.bars import KeyBar
from fashion_tui.tui.pane import KeyLabels
from fashion_tui.tui.screen_computation import ScreenComputation
from fashion_tui.tui.widgets.lines import FittedLines, GrowingLines, Lines, left_and_right

CORRUPTIONS: tuple[CorruptionName, ...] = get_args(CorruptionName)
GUTTER = 3
"""Number of columns between charts side by side."""
COUNT_OF_ACCURACIES = "{done:,} of {total:,} accuracies"


class RobustnessPlot(Lines):
    """The chart of one kind of corruption."""

    def __init__(self, corruption: CorruptionName) -> None:
        super().__init__(id=f"robustness-{corruption}")
        self._corruption = corruption
        self._result: Robustness | None = None
        self._painted: tuple[Robustness | None, Size] = (None, Size())

    def show(self, result: Robustness) -> None:
        """Show the curve of this corruption, if it is in the result."""
        self._result = result
        self.on_resize()

    def on_resize(self) -> None:
        if self._painted == (self._result, self.size):
            return
        self._painted = (self._result, self.size)
        curves = () if self._result is None else self._result.curves
        curve = next((curve for curve in curves if curve.corruption == self._corruption), None)
        if curve is None or self._result is None:
            self.show_lines([Text(self._corruption, MUTED)])
        else:
            self.show_lines(draw_robustness(curve, self._result.accuracy, *self.size, terminal_glyphs()))


class RobustnessScreen(KeyLabels, AppScreen[None]):
    """Measures and shows the accuracy of a checkpoint on corrupted images."""

    TITLE = ROBUSTNESS
    HELP = (
        "The accuracy on the same images after they are corrupted, at five strengths. The leftmost point of each chart "
        "is the accuracy without corruption.\n\n"
        "**Noise**: Gaussian noise; a standard deviation of 1 is the range from black to white. **Shift**: moved up, "
        "down, left or right. **Rotation**: about the centre, in either direction. **Blur**: a Gaussian blur with "
        "this standard deviation. If a curve falls early, train with augmentation of this kind."
    )
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_ROBUSTNESS)
    DEFAULT_CSS = Path(__file__).with_name("robustness_screen.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    AUTO_FOCUS = None

    heading = getters.query_one("#robustness-title", FittedLines)
    status = getters.query_one("#robustness-status", GrowingLines)

    def __init__(self, request: MeasureRobustness) -> None:
        super().__init__()
        self._request = request
        self._result: Robustness | None = None
        self._computation = ScreenComputation(self, "robustness", self._show, amount=COUNT_OF_ACCURACIES)

    def compose(self) -> ComposeResult:
        yield FittedLines(id="robustness-title")
        yield GrowingLines(id="robustness-status")
        with Container(id="robustness-charts"):
            for corruption in CORRUPTIONS:
                yield RobustnessPlot(corruption)
        yield KeyBar()

    def on_mount(self) -> None:
        self.action_again()

    def on_resize(self) -> None:
        """Stack the charts if two don't fit side by side."""
        self.set_class((self.size.width - GUTTER) // 2 < MIN_CHART_WIDTH, "-one-column")

    async def _measure(self) -> None:
        self._show_result(await self._computation.ask(self._request, Robustness, self._show_result))

    def _show_result(self, result: Robustness) -> None:
        self._result = result
        for plot in self.query(RobustnessPlot):
            plot.show(result)
        self._show()

    def _show(self) -> None:
        if self.query(KeyBar):
            self.heading.fit(lambda width: [left_and_right(self._title(), Text(), width)])
            self.status.wrap(self._status)
            self.refresh_bindings()

    def _title(self) -> Text:
        glyphs = terminal_glyphs()
        title = Text.assemble((printable(short_name(Path(self._request.run_path).name), glyphs), f"bold {FOREGROUND}"))
        title.append(f" {glyphs.dot} robustness", MUTED)
        if self._result is not None:
            kind = "test" if self._request.split == "test" else "held-out"
            title.append(f" {glyphs.dot} {self._result.n:,} {kind} images {glyphs.dot} without corruption ", MUTED)
            title.append(format_percent(self._result.accuracy), ACCENT)
        return title

    def _status(self, width: int) -> Text:
        """Return the problem, the progress, or how far the accuracy falls at most."""
        status = self._computation.status(width)
        return weakest(self._result) if self._result is not None and not status else status

    # Actions

    def label_of(self, action: str) -> str | None:
        return self._computation.label_of(action)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return bool(self._computation.problem) if action == "again" else True

    def action_again(self) -> None:
        self._computation.start("measuring", self._measure)

    def action_back(self) -> None:
        """Cancel the computation, or close the screen."""
        if not self._computation.cancel():
            self.dismiss()


def weakest(result: Robustness) -> Text:
    """Return a line that names the corruption and strength with the lowest accuracy."""
    points = [
        (accuracy, curve, strength)
        for curve in result.curves
        for accuracy, strength in zip(curve.accuracies, curve.strengths, strict=False)
        if accuracy == accuracy  # noqa: PLR0124 - NaN differs from itself
    ]
    if not points:
        return Text("no accuracies: the network's outputs aren't numbers", ATTENTION)
    accuracy, curve, strength = min(points, key=lambda point: point[0])
    return Text.assemble(
        ("lowest accuracy ", MUTED),
        (format_percent(accuracy), FOREGROUND),
        (f": {describe_corruption(curve, strength)}", MUTED),
    )
