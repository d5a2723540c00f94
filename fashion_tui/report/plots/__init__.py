"""Draw a kernel's plots (images, heat maps and bars) as lines of terminal text."""

from typing import Protocol

from fashion_tui.schema.plots import Bars, HeatMap, ImageGrid, Plot

from .bars import BarChart, BarList
from .heat_map import HeatMapDrawing
from .images import ImageGridDrawing
from .layout import PlotStyle, Row

__all__ = ["Drawing", "PlotStyle", "draw"]


class Drawing(Protocol):
    """A plot that is laid out for a given width. `height` is cheap to compute. `rows` draws the plot."""

    @property
    def height(self) -> int:
        """Number of lines, including the caption."""

    def rows(self) -> list[Row]:
        """Return the lines of the plot. No line is wider than the given width."""


def draw(plot: Plot, width: int, style: PlotStyle) -> Drawing:
    """Lay out a plot that is at most `width` columns wide. `width` must be at least 1."""
    match plot:
        case ImageGrid():
            return ImageGridDrawing.fit(plot, width, style)
        case HeatMap():
            return HeatMapDrawing.fit(plot, width, style)
        case Bars(value_strings=()):
            return BarChart.fit(plot, width, style)
    return BarList.fit(plot, width, style)
