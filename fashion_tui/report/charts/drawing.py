"""Draw a chart as lines of text."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.text import Text

from fashion_tui.report.glyphs import Glyphs

from .axis import Axis, Tick, value_ticks
from .canvas import Canvas
from .chart import Chart
from .colours import GUIDE, LABEL
from .labels import legend_lines, title_line
from .plot import Plot, Trace, fit_y_axis, trace_run
from .ranges import x_axis
from .x_lines import x_lines

MIN_LABEL_WIDTH = 6
"""Minimum width, in columns, of the labels on the left. It keeps the plots of several charts aligned."""
MIN_PLOT_WIDTH = 8
"""Minimum width, in columns, of the plot. A narrower chart has only a title and a legend."""
GUIDE_SPACING = 4
"""Distance, in columns, between the guide dots of a tick."""
RULED_HEIGHT = 8
"""Minimum height of a chart, in lines, for drawing the line of the x axis."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart as lines of text, and the position of the plot on these lines."""

    lines: list[Text]
    """`height` lines: the title, the legend, the plot and the labels of the x axis."""
    x: Axis
    traces: Sequence[Trace]
    left: int = 0
    """First column of the plot."""
    top: int = 0
    """First line of the plot."""
    plot_width: int = 0
    """Width of the plot in columns, or 0 if there is no space for a plot."""
    plot_height: int = 0


def draw_chart(chart: Chart, width: int, height: int, glyphs: Glyphs) -> Drawing:
    """Draw a chart on `height` lines that are at most `width` columns wide."""
    x = x_axis(chart)
    if width < 1 or height < 1:
        return Drawing([], x, [])
    traces = [trace_run(chart, run, x) for run in chart.runs]
    last = [trace.last for trace in traces]
    legend = legend_lines(chart, last, width, height, glyphs)
    lines = [title_line(chart, last, width, glyphs), *legend][:height]
    y = fit_y_axis(chart, traces)
    top, is_ruled = len(lines), height >= RULED_HEIGHT
    plot_height = height - top - 1 - is_ruled
    ticks = row_ticks(y, max(plot_height, 1))
    label_width = max(MIN_LABEL_WIDTH, *(len(tick.label) for tick in ticks.values()))
    plot_width = width - label_width - 1
    if plot_height < 1 or plot_width < MIN_PLOT_WIDTH:
        return Drawing([*lines, *(Text() for _ in range(height - top))], x, traces)
    canvas = Canvas(plot_width, plot_height, glyphs)
    Plot(chart, traces, y, canvas, glyphs).draw()
    draw_guides(canvas, ticks, glyphs)
    for row, cells in enumerate(canvas.rows()):
        label = ticks[row].label if row in ticks else ""
        axis = glyphs.tick if row in ticks else glyphs.axis
        lines.append(Text.assemble((label.rjust(label_width) + axis, LABEL), cells))
    rule, labels = x_lines(chart, x, plot_width, glyphs)
    if is_ruled:
        lines.append(Text(" " * label_width + rule, LABEL))
    lines.append(Text(" " * (label_width + 1) + labels, LABEL))
    return Drawing(lines, x, traces, label_width + 1, top, plot_width, plot_height)


def draw_guides(canvas: Canvas, ticks: Collection[int], glyphs: Glyphs) -> None:
    """Draw a row of faint dots at each tick of the y axis, where nothing else is drawn."""
    dot = glyphs.dot if glyphs.unicode else "."
    for row in ticks:
        for column in range(GUIDE_SPACING - 1, canvas.width, GUIDE_SPACING):
            canvas.guide(column, row, dot, GUIDE)


def row_ticks(axis: Axis, rows: int) -> dict[int, Tick]:
    """Return the ticks of the y axis, keyed by the row of cells, counted from the top."""
    ticks: dict[int, Tick] = {}
    for tick in value_ticks(axis, max_ticks=max(2, rows // 2)):
        ticks.setdefault(round((1 - axis.fraction(tick.value)) * (rows - 1)), tick)
    return ticks
