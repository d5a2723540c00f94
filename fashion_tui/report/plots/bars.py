"""Draw a vector as bars. A short vector is drawn as a list with horizontal bars, a longer one as a bar chart."""

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from fashion_tui.report.formatting import format_formula, format_number, printable
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import ACCENT, BAD, FOREGROUND
from fashion_tui.schema.plots import Bars

from .layout import QUIET, PlotStyle, Row, caption_rows, merge_segments

MAX_BAR = 40
"""Maximum length of a bar in a list, in columns."""

MAX_LABEL_WIDTH = 20

CHART_HEIGHT = 8
"""Number of lines of a chart, without its axis and caption."""

Value = float | None
"""A value of a plot, or None if it is NaN or infinite."""

_BAR = Style.parse(ACCENT)
_REVERSED_BAR = Style.parse(f"{ACCENT} reverse")
"""Style of a partly filled cell at the lower end of a negative bar.

The colours are reversed, because block glyphs fill a cell from the bottom, but the bar fills it from the top.
"""
_NUMBER = Style.parse(FOREGROUND)
_NON_FINITE = Style.parse(BAD)
_SPACE = Style()


@dataclass(frozen=True)
class BarList:
    """A list with one line per value. The line shows the value's label, number and bar."""

    bars: Bars
    style: PlotStyle
    label_width: int
    number_width: int
    bar_width: int
    """Maximum width of a bar in columns, or 0 if bars don't fit."""
    caption: list[Row]

    @classmethod
    def fit(cls, bars: Bars, width: int, style: PlotStyle) -> "BarList":
        labels, numbers = _labels(bars, style.glyphs), _numbers(bars, style.glyphs)
        number_width = min(max(map(len, numbers)), width)
        label_width = max(min(max(map(cell_len, labels)), MAX_LABEL_WIDTH, width - number_width - 2), 0)
        bar_width = max(min(width - label_width - number_width - 4, MAX_BAR), 0)
        return cls(bars, style, label_width, number_width, bar_width, caption_rows(bars.caption, width, style))

    @property
    def height(self) -> int:
        return len(self.bars.values) + len(self.caption)

    def rows(self) -> list[Row]:
        glyphs, values = self.style.glyphs, self.bars.values
        low, high = _range_with_zero(values)
        zero = min(max(round(self.bar_width * _share(-low, low, high)), 1), self.bar_width) if low < 0 else 0
        rows: list[Row] = []
        for label, number, value in zip(_labels(self.bars, glyphs), _numbers(self.bars, glyphs), values, strict=True):
            name = set_cell_size(label, self.label_width) if self.bars.labels else label.rjust(self.label_width)
            row = [Segment(f"{name}  " if self.label_width else "", QUIET)]
            shown = number[: self.number_width].rjust(self.number_width)
            row.append(Segment(shown, _NON_FINITE if value is None else _NUMBER))
            if value is not None and self.bar_width:
                row.append(Segment("  ", _SPACE))
                row += self._bar(value, low, high, zero)
            rows.append(row)
        return rows + self.caption

    def _bar(self, value: float, low: float, high: float, zero: int) -> Row:
        """Return a bar to the right or left of the axis, which is `zero` columns from the left."""
        glyphs = self.style.glyphs
        if value >= 0:
            share = value / high if high else 0.0
            return merge_segments([(" " * zero, _SPACE), (glyphs.slim_bar(share, self.bar_width - zero), _BAR)])
        cells = max(round(value / low * zero), 1)
        return merge_segments([(" " * (zero - cells), _SPACE), (glyphs.thick_line * cells, _BAR)])


@dataclass(frozen=True)
class BarChart:
    """A bar chart with an axis. Each bar shows a value, or the mean of a group of values."""

    bars: Bars
    style: PlotStyle
    width: int
    label_width: int
    """Width of the labels to the left of the axis, in columns."""
    values: tuple[Value, ...]
    step: int
    """Distance from one bar to the next, in columns."""
    caption: list[Row]

    @classmethod
    def fit(cls, bars: Bars, width: int, style: PlotStyle) -> "BarChart":
        label_width = max(len(label) for label in _axis_labels(bars.values, style.glyphs))
        available = max(width - label_width - 2, 1)
        group = -(-len(bars.values) // available)
        values = tuple(_mean(bars.values[start : start + group]) for start in range(0, len(bars.values), group))
        caption = f"{bars.caption} · each bar is the mean of {group}" if group > 1 else bars.caption
        step = 2 if 2 * len(values) <= available else 1
        return cls(bars, style, width, label_width, values, step, caption_rows(caption, width, style))

    @property
    def height(self) -> int:
        return CHART_HEIGHT + 1 + len(self.caption)

    def rows(self) -> list[Row]:
        low, high = _range_with_zero(self.values)
        above = round(CHART_HEIGHT * _share(high, low, high)) if high else 0 if low else CHART_HEIGHT
        if low < 0 < high:
            above = min(max(above, 1), CHART_HEIGHT - 1)
        unit = max(high / above if above else 0.0, -low / (CHART_HEIGHT - above) if low else 0.0) or 1.0
        top, zero, bottom = _axis_labels(self.bars.values, self.style.glyphs)
        labels = {0: top or zero, max(above - 1, 0): zero, CHART_HEIGHT - 1: bottom or zero}
        rows = []
        for line in range(CHART_HEIGHT):
            parts = [(f"{labels.get(line, ''):>{self.label_width}} {self.style.glyphs.axis}", QUIET)]
            for value in self.values:
                parts.append(self._cell(value, unit, above - 1 - line))
                parts.append((" " * (self.step - 1), _SPACE))
            rows.append(merge_segments(parts))
        drawn = [Segment.adjust_line_length(row, self.width, pad=False) for row in (*rows, self._index_axis())]
        return drawn + self.caption

    def _cell(self, value: Value, unit: float, level: int) -> tuple[str, Style]:
        """Return the cell of a bar on one line of the chart.

        Level 0 is the line above the axis, and level -1 is the line below the axis.
        """
        glyphs = self.style.glyphs
        if value is None:
            return (glyphs.bad, _NON_FINITE) if level == 0 else (" ", _SPACE)
        parts = len(glyphs.levels)
        length = max(round(abs(value) / unit * parts), 1) if value else 0
        filled = min(max(length - parts * (level if level >= 0 else -1 - level), 0), parts)
        if not filled or (value > 0) != (level >= 0):
            return " ", _SPACE
        if level >= 0 or filled == parts:
            return glyphs.levels[filled - 1], _BAR
        if glyphs.unicode:
            return glyphs.levels[parts - filled - 1], _REVERSED_BAR
        if 2 * filled >= parts:
            return glyphs.levels[-1], _BAR
        return ("'", _BAR) if level == -1 else (" ", _SPACE)

    def _index_axis(self) -> Row:
        """Return a line with the indices of the first and the last value."""
        last = f"{(len(self.bars.values) - 1) * self.bars.stride:,}"
        width = max(len(self.values) * self.step - self.step, len(last))
        return [Segment(f"{'':{self.label_width}}  0{last:>{width}}", QUIET)]


def _axis_labels(values: tuple[Value, ...], glyphs: Glyphs) -> tuple[str, str, str]:
    """Return the axis labels of the maximum, 0 and the minimum.

    The label of the maximum or the minimum is empty if its value is 0.
    """
    low, high = _range_with_zero(values)
    return _format_end(high, glyphs), "0", _format_end(low, glyphs)


def _format_end(value: float, glyphs: Glyphs) -> str:
    return format_number(value, glyphs, digits=3) if value else ""


def _labels(bars: Bars, glyphs: Glyphs) -> list[str]:
    if bars.labels:
        return [printable(label, glyphs) for label in bars.labels]
    return [f"{index * bars.stride:,}" for index in range(len(bars.values))]


def _numbers(bars: Bars, glyphs: Glyphs) -> list[str]:
    return [format_formula(number.replace("-", "−"), glyphs) for number in bars.value_strings]


def _range_with_zero(values: tuple[Value, ...]) -> tuple[float, float]:
    """Return the minimum and maximum of the values, including 0."""
    finite = [value for value in values if value is not None]
    return min([*finite, 0.0]), max([*finite, 0.0])


def _share(value: float, low: float, high: float) -> float:
    """Return `value` as a fraction of the range. Everything is halved first because `high - low` could overflow."""
    return value / 2 / (high / 2 - low / 2)


def _mean(values: tuple[Value, ...]) -> Value:
    """Return the mean, or None if any value is None."""
    finite = [value / len(values) for value in values if value is not None]
    return sum(finite) if len(finite) == len(values) else None
