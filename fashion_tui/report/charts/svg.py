"""A chart as an SVG image."""

import math
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.style import Style
from rich.text import Text

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import UNICODE
from fashion_tui.report.style import PALETTE

from .axis import Axis, value_ticks
from .chart import Chart, XAxis
from .colours import GUIDE, LABEL, WARNING, band_style, line_style, per_epoch_style
from .labels import legend_lines, title_line
from .plot import Point, Trace, bucket_points, epoch_points, fit_y_axis, trace_run, visible_parts
from .ranges import x_axis
from .x_lines import x_ticks

WIDTH, HEIGHT = 960, 540
"""Size of the image, in pixels."""
LEFT, RIGHT, TOP, BOTTOM = 80, 24, 20, 56
"""Space around the plot, in pixels. The title and the legend take more lines of `LINE_HEIGHT` at the top."""
LINE_HEIGHT = 18
TEXT_COLUMNS = 110
"""Number of columns of text that fit in the width of the image."""
X_TICKS, Y_TICKS = 9, 7
FONTS = "DejaVu Sans Mono, Liberation Mono, Noto Sans Mono, Menlo, Consolas, monospace"
_X_TITLES = {XAxis.PLANNED: "step", XAxis.SO_FAR: "step", XAxis.EPOCHS: "epoch", XAxis.WALL_TIME: "time"}


def chart_svg(chart: Chart) -> str:
    """Return the visible part of a chart as SVG, in the colours of the user's theme."""
    x = x_axis(chart)
    traces = [trace_run(chart, run, x) for run in chart.runs]
    return _Picture(chart, x, traces, fit_y_axis(chart, traces)).draw()


class _Picture:
    """Draws a chart. Call `draw` once."""

    def __init__(self, chart: Chart, x: Axis, traces: Sequence[Trace], y: Axis) -> None:
        self._chart, self._x, self._traces, self._y = chart, x, traces, y
        last = [trace.last for trace in traces]
        self._texts = [title_line(chart, last, TEXT_COLUMNS, UNICODE)]
        self._texts += legend_lines(chart, last, TEXT_COLUMNS, HEIGHT, UNICODE)
        self._top = TOP + LINE_HEIGHT * len(self._texts)
        self._root = ET.Element(
            "svg",
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {WIDTH} {HEIGHT}",
            width=f"{WIDTH}",
            height=f"{HEIGHT}",
        )
        self._root.set("font-family", FONTS)
        self._root.set("font-size", "13")

    def draw(self) -> str:
        ET.SubElement(self._root, "title").text = printable(self._chart.title, UNICODE)
        ET.SubElement(self._root, "rect", width="100%", height="100%", fill=PALETTE.background)
        for row, text in enumerate(self._texts):
            self._styled_text(text, LEFT, TOP + LINE_HEIGHT * row)
        self._axes()
        clip = ET.SubElement(ET.SubElement(self._root, "clipPath", id="plot"), "rect")
        area = {"x": LEFT, "y": self._top, "width": WIDTH - LEFT - RIGHT, "height": HEIGHT - BOTTOM - self._top}
        for name, value in area.items():
            clip.set(name, f"{value}")
        plot = ET.SubElement(self._root, "g", {"clip-path": "url(#plot)", "fill": "none", "stroke-linejoin": "round"})
        order = sorted(range(len(self._traces)), key=lambda index: index == self._chart.selected)
        if order:
            self._band(plot, order[-1])
        for index in order:
            self._lines(plot, index)
        for index in order:
            self._marks(index)
        return ET.tostring(self._root, encoding="unicode") + "\n"

    def _across(self, position: float) -> float:
        return round(LEFT + position * (WIDTH - LEFT - RIGHT), 2)

    def _down(self, height: float) -> float:
        return round(self._top + (1 - height) * (HEIGHT - BOTTOM - self._top), 2)

    def _axes(self) -> None:
        label, guide = _colour(LABEL), _colour(GUIDE)
        bottom = self._down(0)
        for tick in value_ticks(self._y, Y_TICKS):
            down = self._down(self._y.fraction(tick.value))
            self._line((LEFT, down), (WIDTH - RIGHT, down), guide)
            self._text(tick.label, LEFT - 8, down + 4, label, "end")
        for tick in x_ticks(self._chart, self._x, X_TICKS):
            across = self._across(self._x.fraction(tick.value))
            self._line((across, bottom), (across, bottom + 5), label)
            self._text(tick.label, across, bottom + 20, label, "middle")
        self._line((LEFT, bottom), (WIDTH - RIGHT, bottom), label)
        self._line((LEFT, self._top), (LEFT, bottom), label)
        self._text(_X_TITLES[self._chart.shown_x], WIDTH - RIGHT, HEIGHT - 12, label, "end")

    def _band(self, plot: ET.Element, index: int) -> None:
        trace = self._traces[index]
        stops = [*trace.starts[1:], 2 * trace.centres[-1] - trace.starts[-1]] if trace.starts else []
        parts = []
        for start, stop, low, high in zip(trace.starts, stops, trace.curve.low, trace.curve.high, strict=True):
            if stop >= 0 and start <= 1 and low < high:
                bottom, top = (min(max(self._y.fraction(value), -1.0), 2.0) for value in (low, high))
                left, right = self._across(start), self._across(stop)
                parts.append(f"M{left} {self._down(bottom)}H{right}V{self._down(top)}H{left}Z")
        if parts:
            ET.SubElement(plot, "path", d="".join(parts), fill=_colour(band_style(index, len(self._traces))))

    def _lines(self, plot: ET.Element, index: int) -> None:
        """Draw the curve, and a dashed line through the values per epoch."""
        trace, runs = self._traces[index], len(self._traces)
        curve = {"stroke": _colour(line_style(index, runs)), "stroke-width": "2"}
        epochs = {"stroke": _colour(per_epoch_style(index, runs)), "stroke-width": "1.2", "stroke-dasharray": "5 4"}
        for points, attributes in ((bucket_points(trace), curve), (epoch_points(trace), epochs)):
            path = "".join(self._path(part) for part in visible_parts(points, self._y) if part)
            if path:  # round ends show a single value as a dot
                ET.SubElement(plot, "path", {"d": path, "stroke-linecap": "round", **attributes})

    def _path(self, points: Sequence[Point]) -> str:
        pairs = [f"{self._across(position)} {self._down(height)}" for position, height in points]
        return f"M{' L'.join(pairs if len(pairs) > 1 else pairs * 2)}"

    def _marks(self, index: int) -> None:
        """Mark the values per epoch, the best one of the selected run, spikes, and values that aren't finite."""
        trace, chart = self._traces[index], self._chart
        for position, mean, nonfinite in zip(trace.centres, trace.curve.mean, trace.curve.nonfinite, strict=True):
            if nonfinite or (trace.is_spike(mean) and not math.isnan(mean)):
                self._border_mark(trace, position, math.nan if nonfinite else mean)
        best = trace.run.best(lower_is_better=chart.lower_is_better) if index == chart.selected else None
        for position, each in zip(trace.epochs, trace.run.per_epoch, strict=True):
            if trace.is_spike(each.value):
                self._border_mark(trace, position, each.value)
            else:
                glyph = UNICODE.neighbour if each is best else UNICODE.node
                style = per_epoch_style(index, len(self._traces))
                self._mark(glyph, position, self._y.fraction(each.value), style)

    def _border_mark(self, trace: Trace, position: float, value: float) -> None:
        """Mark a value that isn't finite at the top, or a spike at the border that it exceeds."""
        if math.isfinite(value):
            is_high = value > trace.high
            self._mark("▲" if is_high else "▼", position, float(is_high), WARNING)
        else:
            self._mark(UNICODE.bad, position, 1.0, WARNING)

    def _mark(self, glyph: str, position: float, height: float, style: Style) -> None:
        if 0 <= position <= 1:
            self._text(glyph, self._across(position), self._down(height) + 4, _colour(style), "middle")

    def _line(self, start: Point, end: Point, colour: str) -> None:
        (x1, y1), (x2, y2) = start, end
        ET.SubElement(self._root, "line", x1=f"{x1}", y1=f"{y1}", x2=f"{x2}", y2=f"{y2}", stroke=colour)

    def _text(self, text: str, x: float, y: float, colour: str, anchor: str) -> None:
        element = ET.SubElement(self._root, "text", {"x": f"{x}", "y": f"{y}", "fill": colour, "text-anchor": anchor})
        element.text = text

    def _styled_text(self, text: Text, x: float, y: float) -> None:
        console = Console()
        line = ET.SubElement(self._root, "text", {"x": f"{x}", "y": f"{y}", "xml:space": "preserve"})
        for segment in text.render(console):
            style = segment.style if segment.style and segment.style.color else console.get_style(text.style)
            ET.SubElement(line, "tspan", fill=_colour(style)).text = segment.text


def _colour(style: Style) -> str:
    return style.color.name if style.color is not None else PALETTE.foreground
