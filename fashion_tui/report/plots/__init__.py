"""What a kernel shows, as lines of a terminal: pictures, heat maps and bars, each in as much room as there is."""

from typing import Protocol

from fashion_tui.schema.plots import Bars, HeatMap, ImageGrid, Plot

from .bars import BarChart, ListedBars
from .heat_map import HeatMapDrawing
from .images import PicturesDrawing
from .layout import PlotStyle, Row

__all__ = ["Drawing", "PlotStyle", "draw"]


class Drawing(Protocol):
    """A figure laid out for a width. Its height costs nothing; its rows are drawn when they are asked for."""

    @property
    def height(self) -> int:
        """Lines that it takes, the caption's included."""

    def rows(self) -> list[Row]:
        """The lines, none wider than the width."""


def draw(figure: Plot, width: int, look: PlotStyle) -> Drawing:
    """The figure in at most `width` columns, at least one."""
    match figure:
        case ImageGrid():
            return PicturesDrawing.of(figure, width, look)
        case HeatMap():
            return HeatMapDrawing.of(figure, width, look)
        case Bars(value_strings=()):
            return BarChart.of(figure, width, look)
    return ListedBars.of(figure, width, look)
