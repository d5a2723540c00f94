"""Actions on the charts of the Train pane."""

from dataclasses import replace

from fashion_tui.tui.pane import RunPane

from .chart_grid import ChartGrid


class ChartActions(RunPane):
    """A pane with a grid of charts, whose actions change the charts."""

    @property
    def charts(self) -> ChartGrid:
        raise NotImplementedError

    def action_turn_charts(self, pages: int) -> None:
        self.charts.turn(pages)

    def action_smooth(self, direction: int) -> None:
        """Smooth more if `direction` is 1, less if it is -1, and not at all if it is 0."""
        self.charts.change(self.charts.options.smooth(direction))

    def action_next_x(self) -> None:
        self.charts.change(self.charts.options.next_x())

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
