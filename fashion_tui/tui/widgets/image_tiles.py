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

from fashion_tui.report.style import ACCENT

from .image import paint_image, shading_of

SMALL, MEDIUM, LARGE = 14, 20, 28
"""Possible widths of the image in a tile, in columns."""

MAX_GAP = 4
CURSOR = Style.parse(f"bold {ACCENT} reverse")


@dataclass(frozen=True, slots=True)
class Tile:
    """An image with its labels."""

    pixels: bytes
    """uint8 [28, 28]."""
    labels: tuple[Text, ...]
    """Lines below the image."""


@dataclass(frozen=True, slots=True)
class TileLayout:
    """Layout of the grid: the size and number of its tiles."""

    width: int = LARGE
    """Width of each image, in columns. The height in lines is half the width."""
    columns: int = 1
    """Number of tiles per row."""
    rows: int = 1
    gap: int = 1
    """Number of columns between adjacent tiles."""
    label_lines: int = 1

    @property
    def row_pitch(self) -> int:
        """Number of lines from the top of a tile to the top of the tile below it."""
        return self.width // 2 + self.label_lines

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
        return Region(x, y + self.width // 2, width, 1)

    def position_at(self, x: int, y: int) -> int | None:
        """Return the position of the tile that covers a cell, or None if no tile covers it."""
        column, row = x // self.column_pitch, y // self.row_pitch
        inside = column < self.columns and row < self.rows and x % self.column_pitch < self.width
        return row * self.columns + column if inside else None


def arrange(width: int, height: int, label_lines: dict[int, int], min_tiles: int) -> TileLayout:
    """Return the layout with the largest image size at which `min_tiles` tiles fit.

    If they don't fit at any size, return the layout with the smallest images. `label_lines` maps each image width to
    the number of label lines.
    """
    layout = TileLayout(label_lines=label_lines[LARGE])
    for size in (LARGE, MEDIUM, SMALL):
        pitch = size // 2 + label_lines[size]
        columns, rows = max((width + 1) // (size + 1), 1), max(height // pitch, 1)
        gap = min((width - columns * size) // (columns - 1), MAX_GAP) if columns > 1 else 1
        layout = TileLayout(size, columns, rows, gap, label_lines[size])
        if columns * rows >= min_tiles:
            break
    return layout


def short_class_name(name: str, width: int) -> str:
    """Shorten a class name that is longer than `width`.

    For example, `T-shirt/top` becomes `T-shirt`, and `Ankle boot` becomes `Boot`. The result is truncated to `width`.
    """
    if len(name) <= width:
        return name
    shorter = name.partition("/")[0].rpartition(" ")[2]
    return (shorter[:1].upper() + shorter[1:])[: max(width, 0)]


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
        label_lines: dict[int, int] | None = None,
        min_tiles: int = 12,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        """Create the grid. See `arrange` for the arguments."""
        super().__init__(id=id)
        self.label_lines = label_lines or {SMALL: 1, MEDIUM: 1, LARGE: 1}
        self.min_tiles = min_tiles
        self.tile_layout = TileLayout()
        self._tiles: tuple[Tile, ...] = ()
        self._cursor: int | None = None

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return self._tiles

    def show(self, tiles: Sequence[Tile], cursor: int | None = None) -> None:
        """Replace the tiles. `cursor` is the position of the highlighted tile."""
        old, self._tiles = self._tiles, tuple(tiles)
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
            self.call_later(paint_image, tile.pixels, self.tile_layout.width, shading_of(self.app))

    def set_min_tiles(self, min_tiles: int) -> bool:
        """Set the minimum number of tiles and rearrange the grid. Return whether the layout has changed."""
        self.min_tiles = min_tiles
        return self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> bool:
        layout = arrange(self.size.width, self.size.height, self.label_lines, self.min_tiles)
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

    def _tile_line(self, position: int, tile: Tile, line: int) -> Strip:
        width = self.tile_layout.width
        if line < width // 2:
            return paint_image(tile.pixels, width, shading_of(self.app))[line]
        label_index = line - width // 2
        label = tile.labels[label_index].copy() if label_index < len(tile.labels) else Text()
        label.truncate(width, overflow="ellipsis", pad=True)
        if position == self._cursor and label_index == 0:
            return Strip([Segment(label.plain, self.rich_style + CURSOR)], width)
        return Strip(Segment.apply_style(label.render(self.app.console, end=""), self.rich_style), width)
