"""Heat strips: a metric of each layer of a network over time, with a row per layer."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Span, Text

from fashion_tui.report.colormap import heat_style
from fashion_tui.report.formatting import format_formula, printable, shorten
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.layers import problem_text
from fashion_tui.report.pixels import Shading
from fashion_tui.report.plots.layout import wrap
from fashion_tui.report.style import ATTENTION, BAD
from fashion_tui.runs.layers import LayerProblem
from fashion_tui.runs.series import Curve

from .chart import Chart, ChartRun, XAxis
from .colours import LABEL, LINE, TITLE
from .heat_rows import Values, combine_layers, last_value, resample_layers
from .layer_metrics import LEVELS, LayerMetric, Scale, fit_scale
from .ranges import x_axis
from .x_lines import x_lines

LABEL_SHARE = 3
"""The names of the layers take at most `1 / LABEL_SHARE` of the columns."""
PROBLEM_SHARE = 3
"""The problems of the layers take at most `1 / PROBLEM_SHARE` of the lines."""
MIN_PLOT_WIDTH = 8
"""Minimum width, in columns, of the rows. A narrower strip has only a title."""
MIN_WIDTH_WITH_VALUES = 32
"""Minimum width, in columns, of a strip that shows the last values."""
MIN_WIDTH_WITH_WIDE_SCALE = 72
"""Minimum width, in columns, of a strip whose scale has two columns per level."""
MAX_ROW_HEIGHT = 3
"""Maximum height, in lines, of a row that is drawn in colours."""

_PROBLEM, _NON_FINITE = Style(color=ATTENTION), Style(color=BAD)
_EMPTY, _BAD = -1, -2
"""Levels of cells without a value, and of cells with NaN or infinity."""


@dataclass(frozen=True, slots=True)
class HeatStrip:
    """What a heat strip shows. `draw_heat_strip` draws it."""

    metric: LayerMetric
    layers: tuple[tuple[str, Curve], ...]
    """The name of each layer, in the order of the network, and the curve of its metric."""
    run: ChartRun
    """The run of the layers. Its lengths and times determine the x axis."""
    problems: tuple[LayerProblem, ...] = ()
    """All problems of the run's layers. Only those that the metric shows are described."""
    names_run: bool = False
    """Whether the title contains the name of the run."""
    x: XAxis = XAxis.PLANNED
    x_range: tuple[float, float] | None = None
    """The part of the x axis to show, in steps, epochs or seconds, or None for all of it."""
    logarithmic_x: bool = False

    @property
    def chart(self) -> Chart:
        """An empty chart with the same x axis."""
        x, x_range = self.x, self.x_range
        return Chart(self.metric.full_title, (self.run,), x=x, x_range=x_range, logarithmic_x=self.logarithmic_x)


def draw_heat_strip(strip: HeatStrip, width: int, height: int, glyphs: Glyphs, shading: Shading) -> list[Text]:
    """Return a heat strip as `height` lines, at most `width` columns wide.

    The lines are a title with the scale, the problems of the layers, the rows, and the labels of the x axis. A row
    shows a layer with its name and its last value. If there are too many layers, adjacent layers share a row.
    """
    if width < 1 or height < 1:
        return []
    problems = [problem_text(each, glyphs) for each in strip.problems if each.kind in strip.metric.problems]
    wrapped = [line for problem in problems for line in wrap(problem, width)]
    lines = [Text(line, _PROBLEM) for line in wrapped[: height // PROBLEM_SHARE]]
    label_width = max((cell_len(shorten(name, width // LABEL_SHARE, glyphs)) for name, _ in strip.layers), default=0)
    value_width = strip.metric.value_width + 1 if width >= MIN_WIDTH_WITH_VALUES else 0
    plot_width = width - label_width - 1 - value_width
    max_rows = height - len(lines) - 2
    rows: list[_Row] = []
    per_row = 1
    if strip.layers and max_rows > 0 and plot_width >= MIN_PLOT_WIDTH:
        per_row = -(-len(strip.layers) // max_rows)
        rows = _rows(strip, plot_width, per_row)
    scale = fit_scale(strip.metric, _finite(rows))
    drawing = _Drawing(strip.metric, scale, glyphs, shading)
    lines.insert(0, drawing.title(strip.run.name if strip.names_run else "", rows, per_row, width))
    for row in rows:
        lines += drawing.row(row, label_width, value_width, max_rows // len(rows))
    if rows:
        rule, labels = x_lines(strip.chart, x_axis(strip.chart), plot_width, glyphs)
        if len(lines) + 2 <= height:
            lines.append(Text(" " * label_width + rule, LABEL))
        lines.append(Text(" " * (label_width + 1) + labels, LABEL))
    for line in lines:
        line.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return [*lines, *(Text() for _ in range(height - len(lines)))][:height]


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    """Name of the layer, or of the first one of several."""
    values: Values
    last: float | None
    """The last measurement."""


def _rows(strip: HeatStrip, width: int, per_row: int) -> list[_Row]:
    axis = x_axis(strip.chart)
    values = resample_layers([curve for _, curve in strip.layers], strip.run, strip.chart.shown_x, axis, width)
    rows = []
    for start in range(0, len(values), per_row):
        layers = strip.layers[start : start + per_row]
        last = [[last_value(curve)] for _, curve in layers]
        row = combine_layers(values[start : start + per_row], strip.metric)
        rows.append(_Row(layers[0][0], row, combine_layers(last, strip.metric)[0]))
    return rows


def _finite(rows: Iterable[_Row]) -> Iterator[float]:
    return (value for row in rows for value in row.values if value is not None and math.isfinite(value))


@dataclass(frozen=True, slots=True)
class _Drawing:
    metric: LayerMetric
    scale: Scale
    glyphs: Glyphs
    shading: Shading

    def title(self, run: str, rows: Sequence[_Row], per_row: int, width: int) -> Text:
        """Return the title, the run, the scale and its meaning. The parts that don't fit are left out."""
        metric = self.metric
        title = Text(metric.full_title, TITLE)
        parts = [Text(printable(run, self.glyphs), LABEL)] if run else []
        if any(value is not None for row in rows for value in row.values):
            low, high = (self._format(value).removesuffix(".0") for value in (self.scale.low, self.scale.high))
            cells = LEVELS if width < MIN_WIDTH_WITH_WIDE_SCALE else 2 * LEVELS
            colours = self._cells([cell * LEVELS // cells for cell in range(cells)])
            parts.append(Text.assemble((f"{low} ", LABEL), colours, (f" {high}", LABEL)))
            if title.cell_len + 2 + parts[-1].cell_len > width:
                title = Text(metric.title, TITLE)
        else:
            parts.append(Text("no values", LABEL))
        if any(value is not None and math.isnan(value) for row in rows for value in row.values):
            parts.append(Text.assemble((self.glyphs.bad, _NON_FINITE), (f" {metric.non_finite}", LABEL)))
        if metric.note:
            parts.append(Text(format_formula(metric.note, self.glyphs), LABEL))
        if per_row > 1:
            parts.append(Text(f"{per_row} layers per row", LABEL))
        separator = Text("  ")
        while parts and separator.join([title, *parts]).cell_len > width:
            parts.pop()
        return separator.join([title, *parts])

    def row(self, row: _Row, label_width: int, value_width: int, max_height: int) -> list[Text]:
        """Return the lines of a row."""
        limits = self.scale.limits
        cells = self._cells([_level(value, limits) for value in row.values])
        name = set_cell_size(shorten(row.name, label_width, self.glyphs), label_width)
        line = Text.assemble((f"{name} ", LABEL), cells)
        if value_width and row.last is not None:
            value = self.glyphs.bad if math.isnan(row.last) else self._format(row.last)
            line.append(f" {value:>{value_width - 1}}", TITLE)
        if self.shading is Shading.CHARACTERS:
            return [line]
        below = Text.assemble(" " * (label_width + 1), cells)
        return [line, *[below] * (min(max_height, MAX_ROW_HEIGHT) - 1)]

    def _cells(self, levels: Iterable[int]) -> Text:
        """Draw a cell per level. Adjacent cells of the same level are one segment."""
        parts: list[str] = []
        spans: list[Span] = []
        column = 0
        for level, group in groupby(levels):
            stop = column + len([*group])
            glyph, style = self._cell(level)
            parts.append(glyph * (stop - column))
            if style is not None:
                spans.append(Span(column, stop, style))
            column = stop
        return Text("".join(parts), spans=spans, no_wrap=True, end="")

    def _cell(self, level: int) -> tuple[str, Style | None]:
        """Return the character and the style of a cell."""
        if level == _EMPTY:
            return " ", None
        if level == _BAD:
            return self.glyphs.bad, _NON_FINITE
        if self.shading is Shading.CHARACTERS:
            return self.glyphs.levels[level], LINE
        return " ", _colour(level, diverges=self.metric.typical is not None)

    def _format(self, value: float) -> str:
        return format_formula(self.metric.format(value), self.glyphs)


def _level(value: float | None, limits: Sequence[float]) -> int:
    if value is None:
        return _EMPTY
    return _BAD if math.isnan(value) else bisect_right(limits, value)


@cache
def _colour(level: int, *, diverges: bool) -> Style:
    middle = (LEVELS - 1) / 2 if diverges else 0
    return heat_style(level - middle, -middle, LEVELS - 1 - middle)
