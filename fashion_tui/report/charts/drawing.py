"""Draw a chart as lines of text."""

from collections.abc import Collection, Sequence

from rich.text import Text

from fashion_tui.report.glyphs import Glyphs

from .axis import Axis, Tick, duration_ticks, epoch_ticks, step_ticks, value_ticks
from .canvas import Canvas
from .chart import Chart, XAxis, x_position
from .colours import GUIDE, LABEL
from .plot import MIN_EPOCH_SPACING, Plot, fit_y_axis, trace_run
from .ranges import x_axis
from .words import legend_lines, title_line

MIN_LABEL_WIDTH = 6
"""Minimum width, in columns, of the labels on the left. It keeps the plots of several charts aligned."""
MIN_PLOT_WIDTH = 8
"""Minimum width, in columns, of the plot. A narrower chart has only a title and a legend."""
LABEL_SPACING = 12
"""Minimum distance, in columns, between the labels of the x axis."""
GUIDE_SPACING = 4
"""Distance, in columns, between the guide dots of a tick."""
RULED_HEIGHT = 8
"""Minimum height of a chart, in lines, for drawing the line of the x axis."""


def draw_chart(chart: Chart, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return a chart as `height` lines, at most `width` columns wide: title, legend, plot and labels of the x axis."""
    if width < 1 or height < 1:
        return []
    x = x_axis(chart)
    traces = [trace_run(chart, run, x) for run in chart.runs]
    smoothed = [trace.smoothed for trace in traces]
    legend = legend_lines(chart, smoothed, width, height, glyphs)
    lines = [title_line(chart, smoothed, width, glyphs), *legend][:height]
    y = fit_y_axis(chart, traces)
    is_ruled = height >= RULED_HEIGHT
    plot_height = height - len(lines) - 1 - is_ruled
    ticks = _row_ticks(y, max(plot_height, 1))
    label_width = max(MIN_LABEL_WIDTH, *(len(tick.label) for tick in ticks.values()))
    plot_width = width - label_width - 1
    if plot_height < 1 or plot_width < MIN_PLOT_WIDTH:
        return [*lines, *(Text() for _ in range(height - len(lines)))]
    canvas = Canvas(plot_width, plot_height, glyphs)
    Plot(chart, traces, y, canvas, glyphs).draw()
    _draw_guides(canvas, ticks, glyphs)
    for row, cells in enumerate(canvas.rows()):
        label = ticks[row].label if row in ticks else ""
        axis = glyphs.tick if row in ticks else glyphs.axis
        lines.append(Text.assemble((label.rjust(label_width) + axis, LABEL), cells))
    labels = _place_labels(x, _x_ticks(chart, x, plot_width), plot_width)
    if is_ruled:
        rule = _rule(_epoch_columns(chart, x, plot_width), [column for _, column, _ in labels], plot_width, glyphs)
        lines.append(Text(" " * label_width + rule, LABEL))
    lines.append(Text(" " * (label_width + 1) + _label_line(labels, plot_width), LABEL))
    return lines


def _draw_guides(canvas: Canvas, ticks: Collection[int], glyphs: Glyphs) -> None:
    """Draw a row of faint dots at each tick of the y axis, where nothing else is drawn."""
    dot = glyphs.dot if glyphs.unicode else "."
    for row in ticks:
        for column in range(GUIDE_SPACING - 1, canvas.width, GUIDE_SPACING):
            canvas.guide(column, row, dot, GUIDE)


def _row_ticks(axis: Axis, rows: int) -> dict[int, Tick]:
    """Return the ticks of the y axis, keyed by the row of cells, counted from the top."""
    ticks: dict[int, Tick] = {}
    for tick in value_ticks(axis, max_ticks=max(2, rows // 2)):
        ticks.setdefault(round((1 - axis.fraction(tick.value)) * (rows - 1)), tick)
    return ticks


def _x_ticks(chart: Chart, axis: Axis, width: int) -> list[Tick]:
    most = max(2, width // LABEL_SPACING)
    match chart.shown_x:
        case XAxis.EPOCHS:
            return epoch_ticks(axis, most)
        case XAxis.WALL_TIME:
            return duration_ticks(axis, most)
        case _:
            return step_ticks(axis, most)


def _place_labels(axis: Axis, ticks: Sequence[Tick], width: int) -> list[tuple[int, int, str]]:
    """Return the first column, the column of the tick, and the text of each label. Labels don't touch each other."""
    placed: list[tuple[int, int, str]] = []
    free = 0
    for tick in ticks:
        column = min(max(round(axis.fraction(tick.value) * (width - 1)), 0), width - 1)
        start = min(max(column - len(tick.label) // 2, 0), width - len(tick.label))
        if start >= free:
            placed.append((start, column, tick.label))
            free = start + len(tick.label) + 1
    return placed


def _label_line(labels: Sequence[tuple[int, int, str]], width: int) -> str:
    line = [" "] * width
    for start, _, label in labels:
        line[start : start + len(label)] = label
    return "".join(line)


def _rule(epochs: Collection[int], labels: Collection[int], width: int, glyphs: Glyphs) -> str:
    """Return the line of the x axis, with marks at the columns of labels and at the ends of epochs."""
    corner, label, epoch, both = "└┬┴┼" if glyphs.unicode else "++'+"
    rule = [glyphs.rule] * width
    for column in epochs:
        rule[column] = epoch
    for column in labels:
        rule[column] = both if column in epochs else label
    return corner + "".join(rule)


def _epoch_columns(chart: Chart, axis: Axis, width: int) -> set[int]:
    """Return the columns of cells at which epochs of the selected run end, or none if there are too many epochs."""
    run = chart.runs[chart.selected] if chart.runs else None
    if run is None or not run.steps_per_epoch:
        return set()
    most, shown = width // MIN_EPOCH_SPACING, chart.shown_x
    columns: set[int] = set()
    for epoch in range(1, max(run.last_step, run.planned_steps or 0) // run.steps_per_epoch + 1):
        fraction = axis.fraction(x_position(run, epoch * run.steps_per_epoch, shown))
        if fraction > 1:
            break
        if fraction >= 0:
            columns.add(round(fraction * (width - 1)))
        if len(columns) > most:
            return set()
    return columns
