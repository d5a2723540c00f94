"""A page of pictures with their labels, and a cursor on one of them."""

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

from .image import paint, shading_of

SMALL, MEDIUM, LARGE = 14, 20, 28
"""Columns of a picture in a grid."""

WIDEST_GAP = 4
CURSOR = Style.parse(f"bold {ACCENT} reverse")


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture of the grid."""

    pixels: bytes
    """uint8 [28, 28]."""
    labels: tuple[Text, ...]
    """The lines under it."""


@dataclass(frozen=True, slots=True)
class TileLayout:
    """How the grid's room is used."""

    width: int = LARGE
    """Columns of each picture."""
    columns: int = 1
    rows: int = 1
    gap: int = 1
    """Columns between two pictures."""
    label_lines: int = 1

    @property
    def pitch(self) -> int:
        """Lines of a picture with its labels."""
        return self.width // 2 + self.label_lines

    @property
    def step(self) -> int:
        """Columns from a picture to its neighbour."""
        return self.width + self.gap

    def region(self, position: int) -> Region:
        """The cells of the picture at that position, with its labels."""
        row, column = divmod(position, self.columns)
        return Region(column * self.step, row * self.pitch, self.width, self.pitch)

    def label_region(self, position: int) -> Region:
        """The first line below that picture."""
        x, y, width, _height = self.region(position)
        return Region(x, y + self.width // 2, width, 1)

    def position_at(self, x: int, y: int) -> int | None:
        """Which picture covers that cell."""
        column, row = x // self.step, y // self.pitch
        inside = column < self.columns and row < self.rows and x % self.step < self.width
        return row * self.columns + column if inside else None


def arrange(width: int, height: int, label_lines: dict[int, int], enough: int) -> TileLayout:
    """The largest pictures of which `enough` fit, else the smallest; `label_lines` for each size that may be used."""
    best = TileLayout(label_lines=label_lines[LARGE])
    for size in (LARGE, MEDIUM, SMALL):
        pitch = size // 2 + label_lines[size]
        columns, rows = max((width + 1) // (size + 1), 1), max(height // pitch, 1)
        gap = min((width - columns * size) // (columns - 1), WIDEST_GAP) if columns > 1 else 1
        best = TileLayout(size, columns, rows, gap, label_lines[size])
        if columns * rows >= enough:
            break
    return best


class ImageTiles(Widget, can_focus=True):
    """Shows tiles; what it is to show, and where its cursor stands, its pane says."""

    DEFAULT_CSS = """
    ImageTiles { height: 1fr; width: 1fr; }
    """

    @dataclass
    class Rearranged(Message):
        """There is room for another number of pictures than before."""

        arrangement: TileLayout

    @dataclass
    class Clicked(Message):
        """A picture was clicked."""

        position: int
        """Its place on the page, from 0."""

    def __init__(
        self,
        label_lines: dict[int, int] | None = None,
        enough: int = 12,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own word
    ) -> None:
        """`label_lines`: how many stand under a picture of each size; `enough`: so many pictures are wanted."""
        super().__init__(id=id)
        self.label_lines = label_lines or {SMALL: 1, MEDIUM: 1, LARGE: 1}
        self.enough = enough
        self.arrangement = TileLayout()
        self._tiles: tuple[Tile, ...] = ()
        self._cursor: int | None = None

    @property
    def tiles(self) -> tuple[Tile, ...]:
        return self._tiles

    def show(self, tiles: Sequence[Tile], cursor: int | None = None) -> None:
        """Put these pictures in place of those before, and the cursor on one of them; only what changed is painted."""
        old, self._tiles = self._tiles, tuple(tiles)
        shape = self.arrangement
        changed = [
            shape.region(position)
            for position in range(max(len(old), len(self._tiles)))
            if old[position : position + 1] != self._tiles[position : position + 1]
        ]
        if cursor != self._cursor:
            changed += [shape.label_region(position) for position in (self._cursor, cursor) if position is not None]
            self._cursor = cursor
        # One region a row: Textual sends each line of a region from the widget's left edge on.
        rows: dict[int, Region] = {}
        for region in changed:
            row = region.y // shape.pitch
            rows[row] = rows[row].union(region) if row in rows else region
        if rows:
            self.refresh(*rows.values())

    def prepare(self, tiles: Sequence[Tile]) -> None:
        """Paint pictures that may be shown next, one at a time, so that they are shown the faster then."""
        for tile in tiles:
            self.call_later(paint, tile.pixels, self.arrangement.width, shading_of(self.app))

    def expect(self, pictures: int) -> bool:
        """So many are to come: make them as large as room allows. True where that changes how they are arranged."""
        self.enough = pictures
        return self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> bool:
        arrangement = arrange(self.size.width, self.size.height, self.label_lines, self.enough)
        if arrangement == self.arrangement:
            return False
        self.arrangement = arrangement
        self._tiles = self._tiles[: arrangement.columns * arrangement.rows]
        self.refresh()
        self.post_message(self.Rearranged(arrangement))
        return True

    def on_click(self, event: events.Click) -> None:
        position = self.arrangement.position_at(event.x, event.y)
        if position is not None and position < len(self._tiles):
            self.post_message(self.Clicked(position))

    def render_line(self, y: int) -> Strip:
        shape, ground = self.arrangement, Style(bgcolor=self.rich_style.bgcolor)
        row, line = divmod(y, shape.pitch)
        first = row * shape.columns
        gap = Segment(" " * shape.gap, ground)
        segments: list[Segment] = []
        if row < shape.rows:
            for position, tile in enumerate(self._tiles[first : first + shape.columns], first):
                if position > first:
                    segments.append(gap)
                segments.extend(self._tile_line(position, tile, line))
        return Strip(segments).adjust_cell_length(self.size.width, ground)

    def _tile_line(self, position: int, tile: Tile, line: int) -> Strip:
        width = self.arrangement.width
        if line < width // 2:
            return paint(tile.pixels, width, shading_of(self.app))[line]
        number = line - width // 2
        label = tile.labels[number].copy() if number < len(tile.labels) else Text()
        label.truncate(width, overflow="ellipsis", pad=True)
        if position == self._cursor and number == 0:
            return Strip([Segment(label.plain, self.rich_style + CURSOR)], width)
        return Strip(Segment.apply_style(label.render(self.app.console, end=""), self.rich_style), width)
