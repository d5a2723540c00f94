"""The line of the x axis and its labels."""

from collections.abc import Collection, Sequence

from fashion_tui.report.glyphs import Glyphs

from .axis import Axis, Tick, duration_ticks, epoch_ticks, step_ticks
from .chart import Chart, XAxis, x_position
from .plot import MIN_EPOCH_SPACING

LABEL_SPACING = 12
"""Minimum distance, in columns, between the labels of the x axis."""


def x_lines(chart: Chart, axis: Axis, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """Return the line of the x axis, which starts one column left of the plot, and the labels below the plot.

    `width` is the width of the plot. The line has marks at the labels and at the ends of epochs.
    """
    ticks = x_ticks(chart, axis, max(2, width // LABEL_SPACING))
    return axis_lines(axis, ticks, width, glyphs, _epoch_columns(chart, axis, width))


def axis_lines(
    axis: Axis, ticks: Sequence[Tick], width: int, glyphs: Glyphs, epochs: Collection[int] = ()
) -> tuple[str, str]:
    """Return two lines: an x axis with ticks, which starts one column left of the plot, and its labels.

    `width` is the width of the plot, and `epochs` contains the columns of additional ticks.
    """
    labels = _place_labels(axis, ticks, width)
    rule = _rule(epochs, [column for _, column, _ in labels], width, glyphs)
    return rule, _label_line(labels, width)


def x_ticks(chart: Chart, axis: Axis, most: int) -> list[Tick]:
    """Return at least two and, if possible, at most `most` round values of the x axis, with their labels."""
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
