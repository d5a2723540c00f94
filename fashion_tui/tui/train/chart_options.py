"""What the user has chosen for the charts of the Train pane."""

from dataclasses import dataclass, replace

from fashion_tui.report.charts.chart import XAxis
from fashion_tui.report.charts.metrics import describe_metric

DEFAULT_HALF_LIFE = 64
HALF_LIVES_PER_RUN = 10
"""A run has at least this many half-lives unless the user chooses another one, so that a short run isn't flattened."""
MAX_HALF_LIFE = 2**20

DEFAULT_HEIGHT = 10
"""Minimum height of a chart and the space below it, in lines, if the user hasn't chosen the number of rows."""
TWO_COLUMNS, THREE_COLUMNS = 80, 210
"""Minimum width of the grid, in columns, for two or three charts side by side if the user hasn't chosen."""
SMALLEST_WIDTH, SMALLEST_HEIGHT = 20, 5
"""Minimum size of a chart, whatever the user chooses."""


@dataclass(frozen=True, slots=True)
class ChartOptions:
    """How all charts are displayed."""

    half_life: int | None = None
    """Half-life of the moving average that smooths the curves, in steps. 0 draws the values unsmoothed. None chooses it
    by the length of the runs."""
    x: XAxis = XAxis.PLANNED
    logarithmic_x: bool = False
    logarithmic_y: bool | None = None
    """Whether the y axes are logarithmic. If it is None, they are logarithmic for metrics such as the loss."""

    def half_life_for(self, steps: int) -> int:
        """Return the half-life for runs of at most this number of steps, or of unknown length if it is 0."""
        if self.half_life is not None:
            return self.half_life
        longest = steps // HALF_LIVES_PER_RUN
        return min(DEFAULT_HALF_LIFE, 2 ** (longest.bit_length() - 1) if longest else 0) if steps else DEFAULT_HALF_LIFE

    def smooth(self, direction: int, steps: int) -> "ChartOptions":
        """Return options with twice the half-life if `direction` is 1, or half of it if it is -1; 0 doesn't smooth.

        `steps` is the length of the longest run.
        """
        half_life = self.half_life_for(steps)
        if direction == 0:
            return replace(self, half_life=0)
        if direction < 0:
            return replace(self, half_life=half_life // 2)
        return replace(self, half_life=min(max(half_life * 2, 1), MAX_HALF_LIFE))

    def next_x(self) -> "ChartOptions":
        axes = list(XAxis)
        return replace(self, x=axes[(axes.index(self.x) + 1) % len(axes)])

    def next_y(self) -> "ChartOptions":
        """Return options with the next scale of the y axes: each metric's default scale, linear, or logarithmic."""
        scales = (None, False, True)
        return replace(self, logarithmic_y=scales[(scales.index(self.logarithmic_y) + 1) % len(scales)])

    @property
    def y_words(self) -> list[str]:
        """`y: linear` or `y: log`, if the user has chosen the scale of the y axes."""
        return {None: [], False: ["y: linear"], True: ["y: log"]}[self.logarithmic_y]


@dataclass(frozen=True, slots=True)
class GridOptions:
    """Which charts are displayed, and in how many columns and rows."""

    columns: int | None = None
    """Number of charts side by side, or None to choose it by the width of the grid."""
    rows: int | None = None
    first: int = 0
    """Index of the first chart on the page among the found charts."""
    search: str = ""
    """Part of the names of the charts to show."""
    single: int | None = None
    """Index of the only chart to show, or None to show a grid."""

    def shape(self, width: int, height: int) -> tuple[int, int]:
        """Return the numbers of columns and rows of a grid of this size."""
        if self.single is not None:
            return 1, 1
        default = 1 + (width >= TWO_COLUMNS) + (width >= THREE_COLUMNS)
        columns = min(self.columns or default, max(width // SMALLEST_WIDTH, 1))
        rows = min(self.rows or max(height // DEFAULT_HEIGHT, 1), max(height // SMALLEST_HEIGHT, 1))
        return columns, rows

    def found(self, metrics: list[str]) -> list[str]:
        """Return the metrics whose name or title contains the search text. Upper and lower case are equal."""
        text = self.search.strip().casefold()
        return [name for name in metrics if text in name.casefold() or text in describe_metric(name).title.casefold()]

    def page(self, metrics: list[str], size: int, offset: int = 0) -> list[str]:
        """Return the metrics of the current page, or of the page that is `offset` pages later. `size` is its length."""
        found = self.found(metrics)
        if self.single is not None:
            start = min(self.single, len(found) - 1) + offset
        else:
            start = self._start(len(found), size) + offset * size
        return found[start : start + size] if start >= 0 else []

    def turn(self, metrics: list[str], size: int, pages: int) -> "GridOptions":
        """Return options that show a later page, or an earlier one if `pages` is negative. The last page is followed by
        the first.
        """
        count = len(self.found(metrics))
        if not count:
            return self
        if self.single is not None:
            return replace(self, single=(min(self.single, count - 1) + pages) % count)
        number = -(-count // size)
        return replace(self, first=(self._start(count, size) // size + pages) % number * size)

    def _start(self, count: int, size: int) -> int:
        """Return the index of the first chart of the page that contains the chart `first`."""
        return min(self.first, max(count - 1, 0)) // size * size
