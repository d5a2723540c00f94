"""The state of a full-screen chart: the visible range, the crosshair, and the drawing."""

from collections.abc import Sequence
from dataclasses import replace

from rich.text import Text

from fashion_tui.report.charts.chart import Chart, step_at, x_position
from fashion_tui.report.charts.crosshair import Reading, ends, move, nearest, read_runs, with_crosshair
from fashion_tui.report.charts.drawing import Drawing, draw_chart
from fashion_tui.report.charts.view import pan, reveal, with_fitting_details, zoom
from fashion_tui.report.glyphs import Glyphs

FOLLOWING_MARGIN = 0.5
"""Share of the visible range that is free for new values after the range has moved to the last value of a live run."""


class ChartInspector:
    """A chart with a visible range and a crosshair, which follow the last value of a live run until they are moved."""

    def __init__(self, chart: Chart, glyphs: Glyphs) -> None:
        self.chart = chart
        """The chart with the visible range."""
        self._glyphs = glyphs
        self._x: float | None = None
        """Position of the crosshair, or None if it is at the last value."""
        self._size = (0, 0)
        self._drawing: Drawing | None = None
        """The drawing of the chart, or None if it has to be drawn again."""

    @property
    def x(self) -> float:
        """Position of the crosshair on the x axis."""
        return ends(self.chart)[1] if self._x is None else self._x

    def show(self, chart: Chart) -> None:
        """Replace the chart. Keep the visible range and the step at the crosshair, if the new chart has them."""
        old = self.chart
        if chart.shown_x is old.shown_x and chart.logarithmic_x == old.logarithmic_x:
            chart = replace(chart, x_range=old.x_range)
        elif self._x is not None and chart.runs and old.runs:
            step = step_at(old.runs[old.selected], self._x, old.shown_x)
            self._x = x_position(chart.runs[chart.selected], step, chart.shown_x)
        self._change(chart)
        if self._x is None:
            self._change(reveal(self.chart, self.x, FOLLOWING_MARGIN))

    def resize(self, width: int, height: int) -> None:
        if (width, height) != self._size:
            self._size = (width, height)
            self._drawing = None

    def move(self, columns: int) -> None:
        """Move the crosshair, and the visible range if the crosshair would leave it."""
        self._move_to(move(self.chart, self.drawing, self.x, columns))

    def move_to_column(self, column: int) -> None:
        """Move the crosshair to the value that is closest to a column of the screen."""
        drawing = self.drawing
        if drawing.plot_width:
            target = drawing.x.value((column - drawing.left) / max(drawing.plot_width - 1, 1))
            self._move_to(nearest(self.chart, drawing, target))

    def move_to_end(self, *, last: bool) -> None:
        """Move the crosshair to the first value, or to the last one, where it then stays."""
        self._x = None if last else ends(self.chart)[0]
        self._change(reveal(self.chart, self.x))

    def _move_to(self, x: float) -> None:
        self._x = x if x < ends(self.chart)[1] else None
        self._change(reveal(self.chart, self.x))

    def zoom(self, factor: float, column: int | None = None) -> None:
        """Zoom around a column of the screen, or around the crosshair. A factor below 1 shows a smaller range."""
        drawing = self.drawing
        centre = self.x
        if column is not None:
            centre = drawing.x.value((column - drawing.left) / max(drawing.plot_width - 1, 1))
        self._change(zoom(self.chart, factor, centre))

    def show_all(self) -> None:
        """Show the whole x axis."""
        self._change(replace(self.chart, x_range=None))

    def pan(self, share: float) -> None:
        """Move the visible range by a share of its width. The crosshair stays inside the range."""
        self._change(pan(self.chart, share))
        self._pull_crosshair()

    def drag(self, columns: int) -> None:
        """Move the visible range so that the curves follow the mouse."""
        self.pan(-columns / max(self.drawing.plot_width - 1, 1))

    def _pull_crosshair(self) -> None:
        axis = self.drawing.x
        if not axis.low <= self.x <= axis.high:
            self._x = nearest(self.chart, self.drawing, min(max(self.x, axis.low), axis.high))

    def _change(self, chart: Chart) -> None:
        if chart is not self.chart:
            self.chart = chart
            self._drawing = None

    @property
    def drawing(self) -> Drawing:
        if self._drawing is None:
            self._drawing = draw_chart(with_fitting_details(self.chart), *self._size, self._glyphs)
        return self._drawing

    def lines(self) -> list[Text]:
        """Return the chart with the crosshair.

        A crosshair that follows a live run isn't drawn, since it would be repainted in each line of the plot.
        """
        runs = self.chart.runs
        if self._x is None and runs and not runs[self.chart.selected].ended:
            return self.drawing.lines
        return with_crosshair(self.drawing, self.x, self._glyphs)

    def readings(self) -> Sequence[Reading | None]:
        """Return the values of each run at the crosshair."""
        return read_runs(self.chart, self.drawing, self.x)
