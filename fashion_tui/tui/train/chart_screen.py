"""A chart on the whole screen, with a crosshair and a table of the values at the crosshair."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Protocol

from rich.text import Text
from textual import events, getters, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message

from fashion_tui.report.charts.chart import Chart
from fashion_tui.report.charts.values import values_table
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import BAD
from fashion_tui.schema.run import RunSummary
from fashion_tui.tui.actions import FULL_SCREEN_CHART, IN_FULL_SCREEN, SHARED_BY_CHARTS, bindings
from fashion_tui.tui.app_screen import AppScreen
from fashion_tui.tui.bars import KeyBar
from fashion_tui.tui.widgets.lines import Lines

from .chart_inspector import ChartInspector
from .save_chart import save_chart

WHEEL_FACTOR = 1.25
"""Factor by which a step of the mouse wheel changes the visible range."""
OTHER_LINES = 2
"""Number of lines of the table that aren't rows of runs: the heading and a line for warnings."""
TENTHS = 10
"""The width of the plot divided by this is the length of a long move of the crosshair."""


class ChartOwner(Protocol):
    """The pane from which the chart was opened. It carries out the actions that its own charts have, too."""

    def view_changed(self, chart: Chart) -> None: ...

    def action_smooth(self, direction: int) -> None: ...

    def action_next_x(self) -> None: ...

    def action_logarithmic_x(self) -> None: ...

    def action_next_y(self) -> None: ...

    def action_turn_charts(self, pages: int) -> None: ...


class PlotArea(Lines):
    """The lines of a chart. A click moves the crosshair, the wheel zooms, and dragging moves the visible range."""

    def __init__(self, inspector: ChartInspector) -> None:
        super().__init__(id="plot")
        self._inspector = inspector
        self._dragged_to: int | None = None
        """Column of the mouse while the button is pressed."""
        self._was_dragged = False

    class Changed(Message):
        """The mouse has changed the visible range or the crosshair."""

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._zoom(event, 1 / WHEEL_FACTOR)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._zoom(event, WHEEL_FACTOR)

    def _zoom(self, event: events.MouseEvent, factor: float) -> None:
        event.stop()
        self._inspector.zoom(factor, event.x)
        self.post_message(self.Changed())

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._dragged_to, self._was_dragged = event.x, False
        self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragged_to is not None and event.x != self._dragged_to:
            self._inspector.drag(event.x - self._dragged_to)
            self._dragged_to, self._was_dragged = event.x, True
            self.post_message(self.Changed())

    def on_mouse_up(self, event: events.MouseUp) -> None:
        self.release_mouse()
        if self._dragged_to is not None and not self._was_dragged:
            self._inspector.move_to_column(event.x)
            self.post_message(self.Changed())
        self._dragged_to = None


class ChartScreen(AppScreen[None]):
    """Shows a chart, with a crosshair that the keys move. `show` replaces the chart, for a live run."""

    TITLE = FULL_SCREEN_CHART
    HELP = (
        "The table shows the values at the crosshair, one row per run. If there are more steps than columns, "
        "`mean`, `lowest` and `highest` are over the listed steps; zoom in to see single steps. A live run keeps "
        "updating the chart.\n\n"
        "With a mouse, click to move the crosshair, scroll to zoom, and drag to pan."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(IN_FULL_SCREEN), *bindings(SHARED_BY_CHARTS)]
    DEFAULT_CSS = Path(__file__).with_name("chart_screen.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False

    plot = getters.query_one(PlotArea)
    table = getters.query_one("#values", Lines)

    def __init__(self, metric: str, run: RunSummary, chart: Chart, pane: ChartOwner) -> None:
        """Create the screen of a metric's chart."""
        super().__init__()
        self.metric = metric
        """Name of the metric that is shown."""
        self.run = run
        """The run that was selected when the screen was opened. It stays selected, even if it is deleted."""
        self._is_deleted = False
        self._pane = pane
        self.inspector = ChartInspector(chart, terminal_glyphs())

    def compose(self) -> ComposeResult:
        yield PlotArea(self.inspector)
        yield Lines(id="values")
        yield KeyBar()

    def show(self, chart: Chart) -> None:
        """Replace the chart. Keep the visible range and the crosshair if possible."""
        self.inspector.show(chart)
        self._paint()

    def runs_changed(self, runs: Sequence[RunSummary]) -> None:
        """Show whether the run has been deleted."""
        is_deleted = all(run.run != self.run.run for run in runs)
        if is_deleted != self._is_deleted:
            self._is_deleted = is_deleted
            self._paint()

    def on_mount(self) -> None:
        self.call_after_refresh(self._paint)

    def on_resize(self) -> None:
        self.call_after_refresh(self._paint)

    def on_plot_area_changed(self) -> None:
        self._paint()

    def _paint(self) -> None:
        if not self.query(PlotArea):
            return  # the screen is being opened or closed
        chart, (width, height) = self.inspector.chart, self.plot.size
        rows = len(chart.runs) + OTHER_LINES + self._is_deleted if chart.runs else 0
        self.table.styles.height = rows
        if not width:
            return
        self.inspector.resize(width, height)
        self.plot.show_lines(self.inspector.lines())
        table = values_table(chart, self.inspector.readings(), width, terminal_glyphs())
        if self._is_deleted:
            table.append(Text(f"{terminal_glyphs().bad} the run was deleted; the chart shows its last values", BAD))
        self.table.show_lines(table[:rows])
        self._pane.view_changed(chart)

    # Actions

    def action_back(self) -> None:
        self.dismiss()

    def action_move(self, columns: int) -> None:
        self.inspector.move(columns)
        self._paint()

    def action_move_far(self, tenths: int) -> None:
        self.inspector.move(tenths * max(self.inspector.drawing.plot_width // TENTHS, 1))
        self._paint()

    def action_first_page(self) -> None:
        """Move the crosshair to the first value."""
        self.inspector.move_to_end(last=False)
        self._paint()

    def action_last_page(self) -> None:
        """Move the crosshair to the last value."""
        self.inspector.move_to_end(last=True)
        self._paint()

    def action_zoom(self, factor: float) -> None:
        self.inspector.zoom(factor)
        self._paint()

    def action_pan(self, share: float) -> None:
        self.inspector.pan(share)
        self._paint()

    def action_show_all(self) -> None:
        self.inspector.show_all()
        self._paint()

    @work(group="save")
    async def action_save(self) -> None:
        await save_chart(self.app, self.inspector.chart)

    def action_smooth(self, direction: int) -> None:
        self._pane.action_smooth(direction)

    def action_next_x(self) -> None:
        self._pane.action_next_x()

    def action_logarithmic_x(self) -> None:
        self._pane.action_logarithmic_x()

    def action_next_y(self) -> None:
        self._pane.action_next_y()

    def action_turn_charts(self, pages: int) -> None:
        self._pane.action_turn_charts(pages)
