"""A widget that shows a chart or a heat strip."""

from typing import Any

from textual.geometry import Size
from textual.screen import Screen

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
        self._painted_size = Size()

    def show(self, chart: Chart | HeatStrip) -> bool:
        """Replace the chart or heat strip. Return whether it differs from the previous one, so that it was painted."""
        if chart == self.chart:
            return False
        self.chart = chart
        self.paint()
        return True

    def on_mount(self) -> None:
        # Textual sends no Resize event if another widget has asked for its region between the change and the layout.
        self.screen.screen_layout_refresh_signal.subscribe(self, self._layout_refreshed)

    def _layout_refreshed(self, _screen: Screen[Any]) -> None:
        if self.size != self._painted_size:
            self.paint()

    def paint(self) -> None:
        self._painted_size = self.size
        glyphs = terminal_glyphs()
        if isinstance(self.chart, HeatStrip):
            self.show_lines(draw_heat_strip(self.chart, *self.size, glyphs, shading_of(self.app)))
        else:
            self.show_lines(draw_chart(self.chart, *self.size, glyphs).lines)
