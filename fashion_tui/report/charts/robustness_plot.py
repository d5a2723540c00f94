"""Small charts of the accuracy under one kind of corruption, with the numbers below the points."""

import math
from collections.abc import Sequence

from rich.text import Text

from fashion_tui.report.glyphs import Glyphs
from fashion_tui.schema.robustness import RobustnessCurve

from .axis import Axis
from .canvas import Canvas
from .colours import LABEL, LINE, TITLE, WARNING
from .drawing import MIN_LABEL_WIDTH, draw_guides, row_ticks

PERCENT = Axis(0.0, 100.0)
MIN_CELL = 5
"""Minimum width of the numbers below a point, in columns."""
MIN_CHART_WIDTH = MIN_LABEL_WIDTH + 1 + 6 * MIN_CELL
"""Minimum width of a chart of five strengths, in columns."""
OTHER_LINES = 3
"""Lines of a chart that aren't the plot: the title, the strengths and the accuracies."""


def draw_robustness(curve: RobustnessCurve, clean: float, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Draw the accuracies of a curve on at most `height` lines.

    The points are evenly spaced. The first one is `clean`, the accuracy without corruption. Accuracies that haven't
    been measured yet are left out. The y axis is from 0 to 100 %, so that charts can be compared.
    If there is no space for the plot, only the numbers are shown.
    """
    strengths = (0.0, *curve.strengths)
    cell = (width - MIN_LABEL_WIDTH - 1) // len(strengths)
    title = Text.assemble((curve.corruption, TITLE), (f" {glyphs.dot} {curve.unit}", LABEL), no_wrap=True)
    title.truncate(width, overflow="crop")
    plot_height = height - OTHER_LINES
    accuracies = (clean, *curve.accuracies)
    numbers = _numbers(strengths, accuracies, cell)
    if cell < MIN_CELL or plot_height < 1:
        return [title, *numbers][:height] if height >= OTHER_LINES else [title, numbers[1]][:height]
    canvas = _plot(accuracies, len(strengths), cell, plot_height, glyphs)
    ticks = row_ticks(PERCENT, plot_height)
    draw_guides(canvas, ticks, glyphs)
    lines = [title]
    for row, cells in enumerate(canvas.rows()):
        label, axis = (f"{ticks[row].label} %", glyphs.tick) if row in ticks else ("", glyphs.axis)
        lines.append(Text.assemble((label.rjust(MIN_LABEL_WIDTH) + axis, LABEL), cells))
    return [*lines, *numbers]


def _numbers(strengths: Sequence[float], accuracies: Sequence[float], cell: int) -> tuple[Text, Text]:
    """Return a line with the strengths and a line with the accuracies, each number in `cell` columns or more."""
    cell = max(cell, MIN_CELL)
    margin = " " * (MIN_LABEL_WIDTH + 1)
    points = "".join(format_point(accuracy).center(cell) for accuracy in accuracies)
    return (
        Text(margin + "".join(f"{strength:.3g}".center(cell) for strength in strengths), LABEL, no_wrap=True),
        Text.assemble(("%".rjust(MIN_LABEL_WIDTH) + " ", LABEL), (points, TITLE), no_wrap=True),
    )


def format_point(accuracy: float) -> str:
    """Format an accuracy in [0, 1] as a percentage without its sign, with at most four characters."""
    if math.isnan(accuracy):
        return "NaN"
    return "100" if accuracy >= 0.9995 else f"{accuracy * 100:.1f}"


def _plot(accuracies: tuple[float, ...], points: int, cell: int, height: int, glyphs: Glyphs) -> Canvas:
    canvas = Canvas(points * cell, height, glyphs)
    per_cell = canvas.columns // canvas.width
    columns = [(index * cell + (cell - 1) // 2) * per_cell for index in range(points)]
    placed = list(zip(columns, accuracies, strict=False))
    canvas.line([(column, value) for column, value in placed if math.isfinite(value)], LINE, "*")
    for column, value in placed:
        if math.isfinite(value):
            canvas.marker(column, value, glyphs.node, LINE)
        else:
            canvas.marker(column, 0.0, glyphs.bad, WARNING)
    return canvas
