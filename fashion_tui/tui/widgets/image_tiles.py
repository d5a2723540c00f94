"""A grid of images with labels, and a cursor on one of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from fashion_tui.report.pictures import fit, thumbnail
from fashion_tui.report.pixels import Size
from fashion_tui.report.style import ACCENT
from fashion_tui.schema.dataset import ImageShape
from fashion_tui.schema.picture import Picture

from .image import paint_picture, shading_of

MAX_SIDE = 32
MIN_SIDE = 14
"""Maximum and minimum length of the longer side of the image in a tile, in columns. Two columns are as long as a line.
"""

MIN_TILE_WIDTH = 14
"""Minimum width of a tile, in columns. It leaves space for the labels of narrow images."""

NARROW_TILE = 16
"""Maximum width, in columns, of tiles whose labels are shortened."""

MAX_GAP = 4
CURSOR = Style.parse(f"bold {ACCENT} reverse")


@dataclass(frozen=True, slots=True)
class Tile:
    """An image with its labels."""

    picture: Picture
    labels: tuple[Text, ...]
    """Lines below the image."""


@dataclass(frozen=True, slots=True)
class TileLayout:
    """Layout of the grid: the size and number of its tiles."""

    image_size: Size = (14, 28)
    """Maximum size of each image, in lines and columns."""
    columns: int = 1
    """Number of tiles per row."""
    rows: int = 1
    gap: int = 1
    """Number of columns between adjacent tiles."""
    label_lines: int = 1

    @property
    def width(self) -> int:
        """Width of each tile, in columns."""
        return max(self.image_size[1], MIN_TILE_WIDTH)

    @property
    def row_pitch(self) -> int:
        """Number of lines from the top of a tile to the top of the tile below it."""
        return self.image_size[0] + self.label_lines

    @property
    def column_pitch(self) -> int:
        """Number of columns from the start of a tile to the start of the next tile in the row."""
        return self.width + self.gap

    def region(self, position: int) -> Region:
        """Return the region of the tile at a position. Positions are counted row by row, from 0."""
        row, column = divmod(position, self.columns)
        return Region(column * self.column_pitch, row * self.row_pitch, self.width, self.row_pitch)

    def label_region(self, position: int) -> Region:
        """Return the region of a tile's first label, given the position of the tile."""
        x, y, width, _height = self.region(position)
        return Region(x, y + self.image_size[0], width, 1)

    def position_at(self, x: int, y: int) -> int | None:
        """Return the position of the tile that covers a cell, or None if no tile covers it."""
        column, row = x // self.column_pitch, y // self.row_pitch
        inside = column < self.columns and row < self.rows and x % self.column_pitch < self.width
        return row * self.columns + column if inside else None


def arrange(width: int, height: int, shape: ImageShape, label_lines: int, min_tiles: int) -> TileLayout:
    """Return the layout with the largest image size at which `min_tiles` tiles fit.

    If they don't fit at any size, return the layout with the smallest images. `shape` is the shape of the images.
    """
    layout = TileLayout()
    for image_size in _image_sizes(shape, max(height - label_lines, 1)):
        tile_width, pitch = TileLayout(image_size).width, image_size[0] + label_lines
        columns, rows = max((width + 1) // (tile_width + 1), 1), max(height // pitch, 1)
        gap = min((width - columns * tile_width) // (columns - 1), MAX_GAP) if columns > 1 else 1
        layout = TileLayout(image_size, columns, rows, gap, label_lines)
        if columns * rows >= min_tiles:
            break
    return layout


def _image_sizes(shape: ImageShape, height: int) -> list[Size]:
    """Return the possible sizes of images in lines and columns, largest first. None has more than `height` lines."""
    lines, columns = fit(shape, (MAX_SIDE // 2, MAX_SIDE))
    longest = max(2 * lines, columns)
    return [fit(shape, (min(side // 2, height), side)) for side in (longest, longest * 5 // 7, longest // 2, MIN_SIDE)]


class ImageTiles(Widget, can_focus=True):
    """A grid of tiles. An update repaints only rows with tiles that changed."""

    DEFAULT_CSS = """
    ImageTiles { height: 1fr; width: 1fr; }
    """

    @dataclass
    class LayoutChanged(Message):
        """The number or size of the tiles has changed."""

        layout: TileLayout

    @dataclass
    class Clicked(Message):
        position: int
        """Position of the clicked tile, counted from 0."""

    def __init__(
        self,
        label_lines: int = 1,
        min_tiles: int = 12,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        """Create the grid. See `arrange` for the arguments."""
        super().__init__(id=id)
        self.label_lines = label_lines
        self.min_tiles = min_tiles
        self._shape: ImageShape = (1, 28, 28)
        self.tile_layout = TileLayout()
        self._tiles: tuple[Tile, ...] = ()
        self._thumbnails: list[Picture] = []
        """Images of the tiles, reduced in size if they are large."""
        self._cursor: int | None = None

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return self._tiles

    def show(self, tiles: Sequence[Tile], cursor: int | None = None) -> None:
        """Replace the tiles. `cursor` is the position of the highlighted tile.

        The shape of the first image determines the layout. If it changes, the grid is rearranged.
        """
        old, self._tiles = self._tiles, tuple(tiles)
        self._thumbnails = [thumbnail(tile.picture) for tile in tiles]
        if tiles:
            self._shape = tiles[0].picture.shape
            self._arrange()
        layout = self.tile_layout
        changed = [
            layout.region(position)
            for position in range(max(len(old), len(self._tiles)))
            if old[position : position + 1] != self._tiles[position : position + 1]
        ]
        if cursor != self._cursor:
            changed += [layout.label_region(position) for position in (self._cursor, cursor) if position is not None]
            self._cursor = cursor
        # Merge the regions of each row of tiles, so that no cell is written twice.
        # For each region, Textual rewrites complete lines, beginning at the widget's left edge.
        rows: dict[int, Region] = {}
        for region in changed:
            row = region.y // layout.row_pitch
            rows[row] = rows[row].union(region) if row in rows else region
        if rows:
            self.refresh(*rows.values())

    def prepare(self, tiles: Sequence[Tile]) -> None:
        """Paint and cache the images of tiles that may be shown next. Each image is painted in a separate callback."""
        for tile in tiles:
            self.call_later(lambda picture=tile.picture: self._paint(thumbnail(picture)))

    def set_min_tiles(self, min_tiles: int) -> bool:
        """Set the minimum number of tiles and rearrange the grid. Return whether the layout has changed."""
        self.min_tiles = min_tiles
        return self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> bool:
        layout = arrange(*self.size, self._shape, self.label_lines, self.min_tiles)
        if layout == self.tile_layout:
            return False
        self.tile_layout = layout
        self._tiles = self._tiles[: layout.columns * layout.rows]
        self.refresh()
        self.post_message(self.LayoutChanged(layout))
        return True

    def on_click(self, event: events.Click) -> None:
        position = self.tile_layout.position_at(event.x, event.y)
        if position is not None and position < len(self._tiles):
            self.post_message(self.Clicked(position))

    def render_line(self, y: int) -> Strip:
        layout, background = self.tile_layout, Style(bgcolor=self.rich_style.bgcolor)
        row, line = divmod(y, layout.row_pitch)
        first = row * layout.columns
        gap = Segment(" " * layout.gap, background)
        segments: list[Segment] = []
        if row < layout.rows:
            for position, tile in enumerate(self._tiles[first : first + layout.columns], first):
                if position > first:
                    segments.append(gap)
                segments.extend(self._tile_line(position, tile, line))
        return Strip(segments).adjust_cell_length(self.size.width, background)

    def _paint(self, picture: Picture) -> tuple[Strip, ...]:
        return paint_picture(picture, self.tile_layout.image_size, shading_of(self.app))

    def _tile_line(self, position: int, tile: Tile, line: int) -> Strip:
        width, lines = self.tile_layout.width, self.tile_layout.image_size[0]
        if line < lines:
            return self._image_line(self._paint(self._thumbnails[position]), line)
        label_index = line - lines
        label = tile.labels[label_index].copy() if label_index < len(tile.labels) else Text()
        label.truncate(width, overflow="ellipsis", pad=True)
        if position == self._cursor and label_index == 0:
            return Strip([Segment(label.plain, self.rich_style + CURSOR)], width)
        console = self.app.console  # `render` ignores the style of a Text without spans
        style = self.rich_style + console.get_style(label.style)
        return Strip(Segment.apply_style(label.render(console, end=""), style), width)

    def _image_line(self, strips: Sequence[Strip], line: int) -> Strip:
        """Return a line of an image, centred in the width of its tile."""
        width = self.tile_layout.width
        background = Style(bgcolor=self.rich_style.bgcolor)
        if line >= len(strips):
            return Strip([Segment(" " * width, background)], width)
        strip = strips[line]
        left = (width - strip.cell_length) // 2
        margins = (Segment(" " * left, background), Segment(" " * (width - strip.cell_length - left), background))
        return Strip([segment for segment in (margins[0], *strip, margins[1]) if segment.text], width)
