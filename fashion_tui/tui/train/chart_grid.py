"""The charts of all metrics of one or several runs, in a grid of pages."""

from dataclasses import dataclass, replace
from typing import ClassVar

from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from fashion_tui.report.charts.chart import Chart
from fashion_tui.report.charts.labels import x_axis_label
from fashion_tui.report.formatting import format_range
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, MUTED
from fashion_tui.tui.actions import IN_CHART, bindings
from fashion_tui.tui.widgets.chart import ChartView
from fashion_tui.tui.widgets.lines import Lines

from .chart_options import ChartOptions, GridOptions
from .chart_screen import ChartScreen
from .run_charts import ShownRuns, chart_of, drawing_of

MAX_COLUMNS, MAX_ROWS = 6, 8

NO_CHART = Chart("")

LOSS = "loss"
"""A metric whose chart is shown even if no run has logged it. All charts have the same x axis."""


class GridChart(ChartView, can_focus=True):
    """A chart of the grid. A mark before the title shows that the chart has the focus."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_CHART)

    @dataclass
    class Moved(Message):
        """The user has asked for the chart in a direction."""

        chart: "GridChart"
        columns: int
        rows: int

    @dataclass
    class Opened(Message):
        """The user has asked for the chart on the whole screen."""

        metric: str

    metric = ""
    """Name of the metric that is shown."""

    def show_strips(self, strips: list[Strip]) -> None:  # type: ignore[override]
        if self.has_focus and strips:
            mark = Strip([*Text(terminal_glyphs().cursor, ACCENT).render(self.app.console, end="")])
            strips = [Strip.join([mark, strips[0]]).crop(0, self.size.width), *strips[1:]]
        super().show_strips(strips)

    def watch_has_focus(self, _has_focus: bool) -> None:  # noqa: FBT001 - Textual's signature
        super().watch_has_focus(_has_focus)
        self.paint()

    def action_open(self) -> None:
        self.post_message(self.Opened(self.metric))

    def action_move(self, columns: int, rows: int) -> None:
        self.post_message(self.Moved(self, columns, rows))


class ChartSearch(Input):
    """An input for a part of the names of the charts to show."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "keep search", key_display=terminal_glyphs().key_names("↵")),
        Binding("escape", "cancel", "show all charts", key_display="esc"),
    ]

    def action_cancel(self) -> None:
        self.value = ""
        self.post_message(self.Submitted(self, ""))


class ChartGrid(Vertical):
    """Shows a page of charts, with a line about the page and the options below."""

    charts = getters.query_one("#charts", Container)
    line = getters.query_one("#charts-line", Lines)
    search = getters.query_one(ChartSearch)

    @dataclass
    class MetricsWanted(Message):
        """Other metrics are shown, so their curves are needed."""

        metrics: tuple[str, ...]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.options = ChartOptions()
        self.grid = GridOptions()
        self._shown = ShownRuns()
        self._wanted: tuple[str, ...] = ()
        self._views: list[GridChart] = []
        self._columns = 1
        self._due: list[tuple[GridChart, str]] = []
        """Charts that haven't been painted since the last change, each with the metric to show."""
        self._next_is_scheduled = False
        self.awaits_curves = False
        """Whether the curves of a chart on the page haven't been read."""
        self._focused_before_search: Widget | None = None
        self.full_screen: ChartScreen | None = None
        """The screen that shows a chart in front of the grid, or None."""

    def compose(self) -> ComposeResult:
        yield Container(id="charts")
        yield Lines(id="charts-line")
        yield ChartSearch(placeholder="metric name", compact=True)

    def on_mount(self) -> None:
        self.search.display = False

    def show(self, shown: ShownRuns) -> None:
        """Replace the runs."""
        self._shown = shown
        self.paint()

    def change(self, options: ChartOptions) -> None:
        """Change how all charts are displayed."""
        self.options = options
        self.paint()

    def next_x(self) -> None:
        """Switch to the next x axis that differs from the current one. Runs may have no plan, no epochs or no times."""
        options = self.options.next_x()
        while options.x is not self.options.x and self._x_label(options) == self._x_label(self.options):
            options = options.next_x()
        self.change(options)

    def _x_label(self, options: ChartOptions) -> str:
        return x_axis_label(chart_of(LOSS, self._shown, options))

    def change_grid(self, grid: GridOptions) -> None:
        """Change which charts are displayed."""
        self.grid = grid
        self.paint()

    def add_columns(self, number: int) -> None:
        self.change_grid(replace(self.grid, columns=min(max(self._shape[0] + number, 1), MAX_COLUMNS), single=None))

    def add_rows(self, number: int) -> None:
        self.change_grid(replace(self.grid, rows=min(max(self._shape[1] + number, 1), MAX_ROWS), single=None))

    def turn(self, pages: int) -> None:
        if self.full_screen is not None:
            found = self.grid.found(self._shown.metrics)
            if self.full_screen.metric in found:
                index = found.index(self.full_screen.metric)
                self.full_screen.metric = found[(index + pages) % len(found)]
                self.paint()
            return
        self.change_grid(self.grid.turn(self._shown.metrics, self._page_size, pages))

    def toggle_single(self) -> None:
        """Show only the focused chart, or the first one of the page. If only one is shown, show the grid again."""
        if self.grid.single is not None:
            self.change_grid(replace(self.grid, first=self.grid.single, single=None))
            return
        found = self.grid.found(self._shown.metrics)
        focused = next((view for view in self._visible if view.has_focus), None) or next(iter(self._visible), None)
        if focused is not None and focused.metric in found:
            if focused is not self._views[0] and focused.has_focus:
                self._views[0].focus()
            self.change_grid(replace(self.grid, single=found.index(focused.metric)))

    def start_search(self) -> None:
        self._focused_before_search = self.screen.focused
        self.search.display, self.line.display = True, False
        self.search.focus()

    def back(self) -> bool:
        """End the search, or show all charts instead of a single one. Return whether there was anything to do."""
        if self.grid.search or self.grid.single is not None:
            self.search.value = ""
            self.change_grid(replace(self.grid, search="", first=self.grid.single or self.grid.first, single=None))
            return True
        return False

    @on(Input.Changed)
    def _search_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self.grid.search:
            self.change_grid(replace(self.grid, search=event.value, first=0, single=None))

    @on(Input.Submitted)
    def _search_ended(self, event: Input.Submitted) -> None:
        event.stop()
        self.search.display, self.line.display = False, True
        self.screen.set_focus(self._focused_before_search)
        self.call_after_refresh(self.paint)  # the line had no width while it was hidden

    @on(GridChart.Moved)
    def _move(self, message: GridChart.Moved) -> None:
        visible = self._visible
        index = visible.index(message.chart)
        column = index % self._columns + message.columns
        target = index + message.columns + message.rows * self._columns
        if 0 <= column < self._columns and 0 <= target < len(visible):
            visible[target].focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self.paint)

    @property
    def _shape(self) -> tuple[int, int]:
        return self.grid.shape(*self.charts.size)

    @property
    def _page_size(self) -> int:
        columns, rows = self._shape
        return columns * rows

    @property
    def _visible(self) -> list[GridChart]:
        return [view for view in self._views if view.display]

    @property
    def steps(self) -> int:
        """Number of steps of the longest run."""
        return self._shown.steps

    def chart(self, metric: str) -> Chart:
        """Return the chart of a metric."""
        return chart_of(metric, self._shown, self.options)

    @property
    def focused_metric(self) -> str | None:
        """The metric of the focused chart, or else of the first chart, or None if there are no charts."""
        visible = self._visible
        return next((view.metric for view in visible if view.has_focus), visible[0].metric if visible else None)

    def paint(self) -> None:
        """Show the charts of the current page, or the chart on the whole screen."""
        if self.full_screen is not None:
            metric = self.full_screen.metric
            self.awaits_curves = not self._shown.has_curves(metric)
            if not self.awaits_curves:
                self.full_screen.show(self.chart(metric))
            self._want((metric,))
            return
        metrics, size = self._shown.metrics, self._page_size
        names = self.grid.page(metrics, size)
        found = self.grid.found(metrics)
        self._arrange(len(names), len(found))
        self._due = list(zip(self._views, names, strict=False))
        self.awaits_curves = not all(map(self._shown.has_curves, names))
        self._paint_next()
        self._paint_line(names, found)
        near = (*names, *self.grid.page(metrics, size, 1), *self.grid.page(metrics, size, -1))
        self._want(tuple(curve for name in near for curve in self._shown.curves_of(name)))

    def _paint_next(self) -> None:
        """Paint one chart, and the others after the screen has been updated, so that keys are answered quickly."""
        painted = False
        while self._due and not painted:
            view, name = self._due.pop(0)
            if self._shown.has_curves(name):
                view.metric = name
                painted = view.show(drawing_of(name, self._shown, self.options))
        if self._due and not self._next_is_scheduled:
            self._next_is_scheduled = True
            self.call_after_refresh(self._continue_painting)

    def _continue_painting(self) -> None:
        self._next_is_scheduled = False
        self._paint_next()

    def _arrange(self, charts: int, found: int) -> None:
        """Show this number of charts, in the smallest grid for the `found` charts."""
        columns, rows = self._shape
        self._columns = columns = min(columns, max(found, 1))
        rows = min(rows, max(-(-found // columns), 1))
        if (columns, rows) != (self.charts.styles.grid_size_columns, self.charts.styles.grid_size_rows):
            self.charts.styles.grid_size_columns = columns
            self.charts.styles.grid_size_rows = rows
        if len(self._views) < charts:
            new = [GridChart(NO_CHART) for _ in range(charts - len(self._views))]
            self._views += new
            self.charts.mount(*new)
        for index, view in enumerate(self._views):
            view.display = index < charts

    def _paint_line(self, names: list[str], found: list[str]) -> None:
        glyphs = terminal_glyphs()
        parts = [f"x: {self._x_label(self.options)}", *self.options.y_words] if found else []
        if names and len(found) > len(names):
            first = found.index(names[0]) + 1
            charts = (
                f"charts {format_range(first, first + len(names) - 1, glyphs)}" if len(names) > 1 else f"chart {first}"
            )
            parts.insert(0, f"{charts} of {len(found)}")
        if self.grid.search:
            parts.insert(0, f"{'found' if found else 'no metric matches'} {self.grid.search!r}")
        line = Text(f" {glyphs.dot} ".join(parts), MUTED)
        line.truncate(max(self.line.size.width, 1), overflow="ellipsis" if glyphs.unicode else "crop")
        self.line.show_lines([line])

    def _want(self, names: tuple[str, ...]) -> None:
        wanted = tuple(dict.fromkeys(names))
        if wanted != self._wanted:
            self._wanted = wanted
            self.post_message(self.MetricsWanted(wanted))
