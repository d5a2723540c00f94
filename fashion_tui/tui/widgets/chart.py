"""A widget that shows a chart."""

from fashion_tui.report.charts.chart import Chart
from fashion_tui.report.charts.drawing import draw_chart
from fashion_tui.report.glyphs import terminal_glyphs

from .lines import Lines


class ChartView(Lines):
    """Shows a chart in the size of the widget. An update repaints only the cells that changed."""

    DEFAULT_CSS = """
    ChartView { height: 1fr; min-height: 4; }
    """

    def __init__(self, chart: Chart, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.chart = chart
        """The chart that is shown."""

    def show(self, chart: Chart) -> bool:
        """Replace the chart. Return whether it differs from the previous one, so that it was painted."""
        if chart == self.chart:
            return False
        self.chart = chart
        self.paint()
        return True

    def on_resize(self) -> None:
        self.paint()

    def paint(self) -> None:
        self.show_lines(draw_chart(self.chart, *self.size, terminal_glyphs()).lines)
