"""The plot of a learning rate range test: the loss against the learning rate, with the suggestion."""

import math
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import GOOD
from fashion_tui.schema.range_test import MAX_RATE, MIN_RATE, RangeTest

from .axis import Axis, value_axis, value_ticks
from .canvas import Canvas
from .colours import LABEL, LINE, TITLE, WARNING, band_style
from .drawing import MIN_LABEL_WIDTH, MIN_PLOT_WIDTH, draw_guides, row_ticks
from .x_lines import LABEL_SPACING, axis_lines

SUGGESTION = Style(color=GOOD)

MAX_RISE = 0.5
"""Maximum height of the y axis above the first loss, as a share of the loss's fall. Higher losses are drawn at the
border."""


@dataclass(frozen=True, slots=True)
class RangePlot:
    """A Rich renderable of the plot, `height` lines high and as wide as the console."""

    result: RangeTest
    height: int

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        yield from draw_range_test(self.result, options.max_width, self.height, terminal_glyphs())


def draw_range_test(result: RangeTest, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Draw the loss of each step and the smoothed loss below a title, with at most `height` lines.

    The x axis is logarithmic and the same for all tests. A vertical line marks the suggestion.
    """
    lines = [title_line(result, width, glyphs)]
    y = _loss_axis(result)
    plot_height = height - 3
    if plot_height < 1 or width < MIN_LABEL_WIDTH + 1 + MIN_PLOT_WIDTH:
        return lines[:height]
    ticks = row_ticks(y, plot_height)
    label_width = max(MIN_LABEL_WIDTH, *(len(tick.label) for tick in ticks.values()))
    plot_width = width - label_width - 1
    x = Axis(MIN_RATE, MAX_RATE, logarithmic=True)
    canvas = Canvas(plot_width, plot_height, glyphs)
    _draw_losses(canvas, result, x, y, glyphs)
    if result.suggestion is not None:
        loss = _smoothed_at(result, result.suggestion)
        _draw_suggestion(canvas, x.fraction(result.suggestion), y.fraction(loss), glyphs)
    draw_guides(canvas, ticks, glyphs)
    for row, cells in enumerate(canvas.rows()):
        label = ticks[row].label if row in ticks else ""
        axis = glyphs.tick if row in ticks else glyphs.axis
        lines.append(Text.assemble((label.rjust(label_width) + axis, LABEL), cells))
    rule, labels = axis_lines(x, value_ticks(x, max(2, plot_width // LABEL_SPACING)), plot_width, glyphs)
    return [*lines, Text(" " * label_width + rule, LABEL), Text(" " * (label_width + 1) + labels, LABEL)]


def title_line(result: RangeTest, width: int, glyphs: Glyphs) -> Text:
    """Return a line such as `loss against learning rate · suggestion 0.0049`."""
    title = Text("loss against learning rate", TITLE)
    if result.suggestion is not None:
        title = Text.assemble(title, (f" {glyphs.dot} ", LABEL), (f"suggestion {result.suggestion:g}", SUGGESTION))
    title.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return title


def _loss_axis(result: RangeTest) -> Axis:
    smoothed = [loss for loss in result.smoothed if math.isfinite(loss)]
    if not smoothed:
        return Axis(0.0, 1.0)
    first, lowest = smoothed[0], min(smoothed)
    shown = [loss for loss in (*smoothed, *result.losses) if loss <= first + MAX_RISE * (first - lowest)]
    return value_axis(min(shown), max(shown), logarithmic=False)


def _draw_losses(canvas: Canvas, result: RangeTest, x: Axis, y: Axis, glyphs: Glyphs) -> None:
    columns = [round(position * (canvas.columns - 1)) for position in x.fractions(result.learning_rates)]
    for column, loss in zip(columns, result.losses, strict=True):
        if math.isfinite(loss):
            canvas.line([(column, y.fraction(loss))], band_style(0, 1), ".")
    smoothed = zip(columns, result.smoothed, strict=True)
    canvas.line({column: y.fraction(loss) for column, loss in smoothed if math.isfinite(loss)}.items(), LINE, "*")
    for column, loss in zip(columns, result.losses, strict=True):
        if not math.isfinite(loss):
            canvas.marker(column, 1.0, glyphs.bad, WARNING)


def _draw_suggestion(canvas: Canvas, position: float, height: float, glyphs: Glyphs) -> None:
    """Draw a vertical line with a marker at a position between 0 and 1."""
    for row in range(canvas.height):
        canvas.guide(round(position * (canvas.width - 1)), row, glyphs.axis, SUGGESTION)
    canvas.marker(round(position * (canvas.columns - 1)), height, glyphs.neighbour, SUGGESTION)


def _smoothed_at(result: RangeTest, rate: float) -> float:
    """Return the smoothed loss of the step with the closest learning rate."""
    distances = [abs(math.log(each / rate)) for each in result.learning_rates]
    return result.smoothed[distances.index(min(distances))]
