"""A line chart over training steps."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED

from .lines import Lines
from .plot import DOTS_PER_COLUMN, Axis, draw_curve, fit_axis, round_steps, step_label, tick_label

LABEL_WIDTH = 6
"""Width, in columns, of the tick labels on the left."""

STEP_LABEL_SPACING = 14
"""Minimum distance, in columns, from the start of one step label to the next."""

CURVE = Style.parse(ACCENT)
TITLE = Style.parse(FOREGROUND)
AXIS = Style.parse(MUTED)


@dataclass(frozen=True, slots=True)
class ChartData:
    """A curve's data: one value for every `stride` steps."""

    values: Sequence[float] = ()
    """Values of the curve. A NaN leaves a gap."""
    stride: int = 1
    marks: frozenset[int] = frozenset()
    """Indices of the values to mark with a ×, because at least one of their steps was NaN or infinite."""


class Chart(Lines):
    """A curve with a title and axes. To keep updates small, each line of the plot is a single segment."""

    DEFAULT_CSS = """
    Chart { height: 1fr; min-height: 4; }
    """

    def __init__(self, title: str, *, logarithmic: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.title = title
        self.logarithmic = logarithmic
        self._data = ChartData()

    def show(self, data: ChartData) -> None:
        """Replace the curve."""
        self._data = data
        self.show_strips(self._paint())

    @property
    def capacity(self) -> int:
        """Number of values that fit in the width of the plot."""
        width = max(self.size.width - LABEL_WIDTH - 1, 1)
        return width * DOTS_PER_COLUMN if terminal_glyphs().unicode else width

    def on_resize(self) -> None:
        self.show_strips(self._paint())

    def _paint(self) -> list[Strip]:
        """Return the title, the plot with tick labels on the left, and the step labels."""
        width, height = self.size.width, self.size.height
        plot_width, plot_height = width - LABEL_WIDTH - 1, height - 2
        if plot_width < 4 or plot_height < 1:
            return []
        glyphs = terminal_glyphs()
        axis = fit_axis(self._data.values, logarithmic=self.logarithmic)
        labels = _labels(axis, plot_height) if self._data.values else {}
        plot = draw_curve(self._data.values, self._data.marks, axis, plot_width, plot_height, glyphs)
        strips = [Strip([Segment(self.title.ljust(width), TITLE)])]
        for row, cells in enumerate(plot):
            tick = glyphs.tick if row in labels else glyphs.axis
            label = labels.get(row, "").rjust(LABEL_WIDTH)
            strips.append(Strip([Segment(label + tick, AXIS), Segment(cells, CURVE)], width))
        strips.append(Strip([Segment(self._step_labels(plot_width), AXIS)]))
        return strips

    def _step_labels(self, plot_width: int) -> str:
        """Return a line of round step numbers. Each label starts at the column of its step."""
        per_cell = self._data.stride * (DOTS_PER_COLUMN if terminal_glyphs().unicode else 1)
        line = [" "] * (plot_width + LABEL_WIDTH + 1)
        for step in round_steps(plot_width * per_cell, max_labels=max(2, plot_width // STEP_LABEL_SPACING)):
            label = step_label(step)
            start = LABEL_WIDTH + 1 + step // per_cell
            if start + len(label) <= len(line):
                line[start : start + len(label)] = label
        return "".join(line)


def _labels(axis: Axis, rows: int) -> dict[int, str]:
    """Return the tick labels, keyed by row of the plot. Rows without a tick have no entry."""
    ticks = axis.ticks(max_ticks=max(2, rows // 2))
    return {round((1 - axis.fraction(tick)) * (rows - 1)): tick_label(tick) for tick in ticks}
