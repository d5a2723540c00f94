"""A line chart with axes."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED

from .lines import Lines
from .plot import DOTS_PER_COLUMN, Axis, axis_for, count, draw, number, round_steps

LABEL_WIDTH = 6
"""Cells for the values at the left."""

STEP_LABEL_SPACE = 14
"""At most one number of steps in so many cells."""

CURVE = Style.parse(ACCENT)
TITLE = Style.parse(FOREGROUND)
QUIET = Style.parse(MUTED)


@dataclass(frozen=True, slots=True)
class Line:
    """What a chart shows: one value for every `stride` steps, from the first step on."""

    values: Sequence[float] = ()
    """NaN where nothing is known."""
    stride: int = 1
    marks: frozenset[int] = frozenset()
    """Places among the values where a figure was NaN or infinite: each gets a ×."""


class Chart(Lines):
    """A titled curve over steps. Each line of the plot is one segment, which is what keeps it cheap to send."""

    DEFAULT_CSS = """
    Chart { height: 1fr; min-height: 4; }
    """

    def __init__(self, title: str, *, logarithmic: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.title = title
        self.logarithmic = logarithmic
        self._line = Line()

    def show(self, line: Line) -> None:
        """Paint this curve in place of the one before."""
        self._line = line
        self.show_strips(self._paint())

    @property
    def capacity(self) -> int:
        """How many values there is room for."""
        width = max(self.size.width - LABEL_WIDTH - 1, 1)
        return width * DOTS_PER_COLUMN if terminal_glyphs().unicode else width

    def on_resize(self) -> None:
        self.show_strips(self._paint())

    def _paint(self) -> list[Strip]:
        """The title, the plot with its values at the left, and the steps below."""
        width, height = self.size.width, self.size.height
        plot_width, plot_height = width - LABEL_WIDTH - 1, height - 2
        if plot_width < 4 or plot_height < 1:
            return []
        glyphs = terminal_glyphs()
        axis = axis_for(self._line.values, logarithmic=self.logarithmic)
        labels = _labels(axis, plot_height) if self._line.values else {}
        plot = draw(self._line.values, self._line.marks, axis, plot_width, plot_height, glyphs)
        strips = [Strip([Segment(self.title.ljust(width), TITLE)])]
        for row, cells in enumerate(plot):
            mark = glyphs.tick if row in labels else glyphs.axis
            label = labels.get(row, "").rjust(LABEL_WIDTH)
            strips.append(Strip([Segment(label + mark, QUIET), Segment(cells, CURVE)], width))
        strips.append(Strip([Segment(self._steps(plot_width), QUIET)]))
        return strips

    def _steps(self, plot_width: int) -> str:
        """Round numbers of steps, each under the column where it stands."""
        per_cell = self._line.stride * (DOTS_PER_COLUMN if terminal_glyphs().unicode else 1)
        text = [" "] * (plot_width + LABEL_WIDTH + 1)
        for step in round_steps(plot_width * per_cell, most=max(2, plot_width // STEP_LABEL_SPACE)):
            label = count(step)
            start = LABEL_WIDTH + 1 + step // per_cell
            if start + len(label) <= len(text):
                text[start : start + len(label)] = label
        return "".join(text)


def _labels(axis: Axis, rows: int) -> dict[int, str]:
    """Which rows of the plot carry which value."""
    return {round((1 - axis.share(tick)) * (rows - 1)): number(tick) for tick in axis.ticks(most=max(2, rows // 2))}
