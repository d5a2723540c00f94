"""Actions on the charts of the Train pane."""

from dataclasses import replace

from textual import on

from fashion_tui.report.charts.chart import Chart
from fashion_tui.schema.run import RunSummary
from fashion_tui.tui.pane import RunPane

from .chart_grid import ChartGrid, GridChart
from .chart_screen import ChartScreen
from .run_charts import HEAT_STRIPS


class ChartActions(RunPane):
    """A pane with a grid of charts, whose actions change the charts."""

    @property
    def charts(self) -> ChartGrid:
        raise NotImplementedError

    @property
    def selected_run(self) -> RunSummary | None:
        """The run whose chart fills the screen, or else the run under the cursor. None if no run is listed."""
        raise NotImplementedError

    def action_full_screen(self) -> None:
        metric = self.charts.focused_metric
        if metric is not None:
            self._open_chart(GridChart.Opened(metric))

    @on(GridChart.Opened)
    def _open_chart(self, message: GridChart.Opened) -> None:
        """Show the chart on the whole screen. A heat strip, which has no crosshair, fills the grid instead."""
        if message.metric in HEAT_STRIPS:
            self.charts.toggle_single()
        elif self.charts.full_screen is None and (run := self.selected_run) is not None:
            screen = ChartScreen(message.metric, run, self.charts.chart(message.metric), self)
            self.charts.full_screen = screen
            self.app.push_screen(screen, self._chart_closed)

    def _chart_closed(self, _: None) -> None:
        self.charts.full_screen = None
        self.view_changed(None)
        self.charts.paint()

    def view_changed(self, chart: Chart | None) -> None:
        """Called when the chart on the whole screen shows another part of the x axis. It is None if there is none."""
        raise NotImplementedError

    def action_turn_charts(self, pages: int) -> None:
        self.charts.turn(pages)

    def action_smooth(self, direction: int) -> None:
        """Smooth more if `direction` is 1, less if it is -1, and not at all if it is 0."""
        self.charts.change(self.charts.options.smooth(direction, self.charts.steps))

    def action_next_x(self) -> None:
        self.charts.next_x()

    def action_logarithmic_x(self) -> None:
        options = self.charts.options
        self.charts.change(replace(options, logarithmic_x=not options.logarithmic_x))

    def action_next_y(self) -> None:
        self.charts.change(self.charts.options.next_y())

    def action_chart_columns(self, number: int) -> None:
        self.charts.add_columns(number)

    def action_chart_rows(self, number: int) -> None:
        self.charts.add_rows(number)

    def action_single_chart(self) -> None:
        self.charts.toggle_single()

    def action_find_charts(self) -> None:
        self.charts.start_search()
