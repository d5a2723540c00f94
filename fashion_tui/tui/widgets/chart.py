"""A widget that shows a chart or a heat strip."""

from fashion_tui.report.charts.chart import Chart
from fashion_tui.report.charts.drawing import draw_chart
from fashion_tui.report.charts.heat_strip import HeatStrip, draw_heat_strip
from fashion_tui.report.glyphs import terminal_glyphs

from .image import shading_of
from .lines import Lines


class ChartView(Lines):
    """Shows a chart or a heat strip in the size of the widget. An update repaints only the cells that changed."""

    DEFAULT_CSS = """
    ChartView { height: 1fr; min-height: 4; }
    """

    def __init__(self, chart: Chart | HeatStrip, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.chart = chart
        """The chart or heat strip that is shown."""

    def show(self, chart: Chart | HeatStrip) -> bool:
        """Replace the chart or heat strip. Return whether it differs from the previous one, so that it was painted."""
        if chart == self.chart:
            return False
        self.chart = chart
        self.paint()
        return True

    def on_resize(self) -> None:
        self.paint()

    def paint(self) -> None:
        glyphs = terminal_glyphs()
        if isinstance(self.chart, HeatStrip):
            self.show_lines(draw_heat_strip(self.chart, *self.size, glyphs, shading_of(self.app)))
        else:
            self.show_lines(draw_chart(self.chart, *self.size, glyphs).lines)
