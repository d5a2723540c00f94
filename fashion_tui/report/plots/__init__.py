"""What a kernel shows, as lines of a terminal: pictures, heat maps and bars, each in as much room as there is."""

from typing import Protocol

from fashion_tui.schema.plots import Bars, HeatMap, ImageGrid, Plot

from .bars import BarChart, ListedBars
from .heat_map import HeatMapDrawing
from .look import Look, Row
from .pictures import PicturesDrawing

__all__ = ["Drawing", "Look", "drawing"]


class Drawing(Protocol):
    """A figure laid out for a width. Its height costs nothing; its rows are drawn when they are asked for."""

    @property
    def height(self) -> int:
        """Lines that it takes, the caption's included."""

    def rows(self) -> list[Row]:
        """The lines, none wider than the width."""


def drawing(figure: Plot, width: int, look: Look) -> Drawing:
    """The figure in at most `width` columns, at least one."""
    match figure:
        case ImageGrid():
            return PicturesDrawing.of(figure, width, look)
        case HeatMap():
            return HeatMapDrawing.of(figure, width, look)
        case Bars(numbers=()):
            return BarChart.of(figure, width, look)
    return ListedBars.of(figure, width, look)
