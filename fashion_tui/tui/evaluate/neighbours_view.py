"""The training images that are most similar to the image of a prediction, and their labels."""

from collections.abc import Callable, Sequence

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.schema.evaluation import Prediction
from fashion_tui.schema.explanation import Neighbours
from fashion_tui.tui.widgets.image_tiles import ImageTiles
from fashion_tui.tui.widgets.lines import GrowingLines

from .explanation import neighbour_tiles, neighbours_title

MIN_TILES = 10


class NeighboursView(Vertical):
    """Shows the image of a prediction, followed by as many similar training images as fit."""

    heading = getters.query_one("#neighbours-title", GrowingLines)
    grid = getters.query_one(ImageTiles)

    def __init__(self, names: Sequence[str]) -> None:
        """`names` are the names of the classes."""
        super().__init__(id="neighbours")
        self._names = names

    def compose(self) -> ComposeResult:
        yield GrowingLines(id="neighbours-title")
        grid = ImageTiles(2, MIN_TILES)
        grid.can_focus = False
        yield grid

    def show_status(self, status: Callable[[int], Text]) -> None:
        """Show why there are no images yet. `status` returns a text for a number of columns."""
        self.grid.show(())
        self.heading.wrap(status)

    def show(self, prediction: Prediction, neighbours: Neighbours) -> None:
        glyphs, layout = terminal_glyphs(), self.grid.tile_layout
        tiles = neighbour_tiles(prediction, neighbours, self._names, layout.width, glyphs)
        tiles = tiles[: layout.columns * layout.rows]
        self.grid.show(tiles)
        shown = len(tiles) - 1
        self.heading.fit(lambda width: [neighbours_title(neighbours, shown, self._names, width, glyphs)])
