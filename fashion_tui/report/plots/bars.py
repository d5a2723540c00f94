"""A vector: a bar and a number for each of a few values, else a chart of columns."""

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from fashion_tui.report.formatting import format_formula, format_number, printable
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import ACCENT, BAD, FOREGROUND
from fashion_tui.schema.plots import Bars

from .layout import QUIET, PlotStyle, Row, caption_rows, joined

LONGEST = 40
"""Columns of a bar."""

LONGEST_LABEL = 20

HEIGHT = 8
"""Lines of a chart."""

_BAR = Style.parse(ACCENT)
_FILLED = Style.parse(f"{ACCENT} reverse")
"""What is left out of a cell is the bar."""
_NUMBER = Style.parse(FOREGROUND)
_ODD = Style.parse(BAD)
_SPACE = Style()


@dataclass(frozen=True)
class ListedBars:
    """A line for each value: what it is of, its number, its bar."""

    bars: Bars
    look: PlotStyle
    label_width: int
    number_width: int
    room: int
    """Columns for the bars; 0: there is none."""
    caption: list[Row]

    @classmethod
    def of(cls, bars: Bars, width: int, look: PlotStyle) -> "ListedBars":
        labels, numbers = _labels(bars, look.glyphs), _numbers(bars, look.glyphs)
        number_width = min(max(map(len, numbers)), width)
        label_width = max(min(max(map(cell_len, labels)), LONGEST_LABEL, width - number_width - 2), 0)
        room = max(min(width - label_width - number_width - 4, LONGEST), 0)
        return cls(bars, look, label_width, number_width, room, caption_rows(bars.caption, width, look))

    @property
    def height(self) -> int:
        return len(self.bars.values) + len(self.caption)

    def rows(self) -> list[Row]:
        glyphs, values = self.look.glyphs, self.bars.values
        low, high = _ends(values)
        left = min(max(round(self.room * _share(-low, low, high)), 1), self.room) if low < 0 else 0
        rows: list[Row] = []
        for label, number, value in zip(_labels(self.bars, glyphs), _numbers(self.bars, glyphs), values, strict=True):
            named = set_cell_size(label, self.label_width) if self.bars.labels else label.rjust(self.label_width)
            row = [Segment(f"{named}  " if self.label_width else "", QUIET)]
            shown = number[: self.number_width].rjust(self.number_width)
            row.append(Segment(shown, _ODD if value is None else _NUMBER))
            if value is not None and self.room:
                row.append(Segment("  ", _SPACE))
                row += self._bar(value, low, high, left)
            rows.append(row)
        return rows + self.caption

    def _bar(self, value: float, low: float, high: float, left: int) -> Row:
        """From the axis, which stands after `left` columns, to the right or to the left."""
        glyphs = self.look.glyphs
        if value >= 0:
            share = value / high if high else 0.0
            return joined([(" " * left, _SPACE), (glyphs.slim_bar(share, self.room - left), _BAR)])
        cells = max(round(value / low * left), 1)
        return joined([(" " * (left - cells), _SPACE), (glyphs.thick_line * cells, _BAR)])


@dataclass(frozen=True)
class BarChart:
    """A column for each value, or for some that stand together, over an axis."""

    bars: Bars
    look: PlotStyle
    width: int
    label_width: int
    """Columns left of the axis."""
    values: tuple[float | None, ...]
    step: int
    """Columns from a bar to the next."""
    caption: list[Row]

    @classmethod
    def of(cls, bars: Bars, width: int, look: PlotStyle) -> "BarChart":
        label_width = max(len(label) for label in _axis_labels(bars.values, look.glyphs))
        room = max(width - label_width - 2, 1)
        group = -(-len(bars.values) // room)
        values = tuple(_mean(bars.values[start : start + group]) for start in range(0, len(bars.values), group))
        words = f"{bars.caption} · each bar the mean of {group}" if group > 1 else bars.caption
        step = 2 if 2 * len(values) <= room else 1
        return cls(bars, look, width, label_width, values, step, caption_rows(words, width, look))

    @property
    def height(self) -> int:
        return HEIGHT + 1 + len(self.caption)

    def rows(self) -> list[Row]:
        low, high = _ends(self.values)
        above = round(HEIGHT * _share(high, low, high)) if high else 0 if low else HEIGHT
        if low < 0 < high:
            above = min(max(above, 1), HEIGHT - 1)
        unit = max(high / above if above else 0.0, -low / (HEIGHT - above) if low else 0.0) or 1.0
        top, zero, bottom = _axis_labels(self.bars.values, self.look.glyphs)
        labels = {0: top or zero, max(above - 1, 0): zero, HEIGHT - 1: bottom or zero}
        rows = []
        for line in range(HEIGHT):
            row = [(f"{labels.get(line, ''):>{self.label_width}} {self.look.glyphs.axis}", QUIET)]
            for value in self.values:
                row.append(self._cell(value, unit, above - 1 - line))
                row.append((" " * (self.step - 1), _SPACE))
            rows.append(joined(row))
        drawn = [Segment.adjust_line_length(row, self.width, pad=False) for row in (*rows, self._indices())]
        return drawn + self.caption

    def _cell(self, value: float | None, unit: float, level: int) -> tuple[str, Style]:
        """What a line shows of a bar; level 0 stands on the axis, -1 hangs from it."""
        glyphs = self.look.glyphs
        if value is None:
            return (glyphs.bad, _ODD) if level == 0 else (" ", _SPACE)
        parts = len(glyphs.levels)
        long = max(round(abs(value) / unit * parts), 1) if value else 0
        filled = min(max(long - parts * (level if level >= 0 else -1 - level), 0), parts)
        if not filled or (value > 0) != (level >= 0):
            return " ", _SPACE
        if level >= 0 or filled == parts:
            return glyphs.levels[filled - 1], _BAR
        if glyphs.unicode:
            return glyphs.levels[parts - filled - 1], _FILLED
        return glyphs.levels[-1] if 2 * filled >= parts else " ", _BAR

    def _indices(self) -> Row:
        """That of the first value and that of the last one."""
        last = f"{(len(self.bars.values) - 1) * self.bars.stride:,}"
        room = max(len(self.values) * self.step - self.step, len(last))
        return [Segment(f"{'':{self.label_width}}  0{last:>{room}}", QUIET)]


def _axis_labels(values: tuple[float | None, ...], glyphs: Glyphs) -> tuple[str, str, str]:
    """The largest value, 0 and the least one; empty where there is none beyond 0."""
    low, high = _ends(values)
    return (
        format_number(high, glyphs, digits=3) if high else "",
        "0",
        format_number(low, glyphs, digits=3) if low else "",
    )


def _labels(bars: Bars, glyphs: Glyphs) -> list[str]:
    if bars.labels:
        return [printable(label, glyphs) for label in bars.labels]
    return [f"{place * bars.stride:,}" for place in range(len(bars.values))]


def _numbers(bars: Bars, glyphs: Glyphs) -> list[str]:
    return [format_formula(number.replace("-", "−"), glyphs) for number in bars.value_strings]


def _ends(values: tuple[float | None, ...]) -> tuple[float, float]:
    """The range to be drawn: that of the values, and 0."""
    finite = [value for value in values if value is not None]
    return min([*finite, 0.0]), max([*finite, 0.0])


def _share(value: float, low: float, high: float) -> float:
    """How much of the range it is. In halves, since the difference of two numbers may be none any more."""
    return value / 2 / (high / 2 - low / 2)


def _mean(values: tuple[float | None, ...]) -> float | None:
    """None where one of them is."""
    finite = [value / len(values) for value in values if value is not None]
    return sum(finite) if len(finite) == len(values) else None
