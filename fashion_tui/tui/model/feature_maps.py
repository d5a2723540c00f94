"""The feature maps view, which shows the output of one row of the shape trace for a test image."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from fashion_tui.report.formatting import format_formula, format_range, format_shape
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import ATTENTION, BAD, FOREGROUND, GOOD, MUTED
from fashion_tui.schema.dataset import Split
from fashion_tui.schema.picture import Picture
from fashion_tui.schema.requests import GetFeatureMaps
from fashion_tui.schema.shapes import ShapeRow
from fashion_tui.schema.weights import FeatureMaps
from fashion_tui.tui.lab_app import LabApp
from fashion_tui.tui.widgets.image_tiles import ImageTiles, Tile
from fashion_tui.tui.widgets.lines import GrowingLines
from fashion_tui.tui.widgets.pages import PageLoader


@dataclass
class MapsLoaded(Message):
    request: GetFeatureMaps
    maps: FeatureMaps


@dataclass
class MapsFailed(Message):
    problem: str
    """A one-line message."""


class FeatureMapsView(Vertical):
    """Shows an image, followed by a page of its feature maps."""

    heading = getters.query_one("#maps-title", GrowingLines)
    grid = getters.query_one(ImageTiles)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._run: Path | None = None
        self._row: tuple[ShapeRow, int] | None = None
        """The row that is shown, and its index among the rows with the same path and operation."""
        self._checkpoint = "final"
        self._split: Split = "test"
        self._image = 0
        """Index of the image in the split."""
        self._offset = 0
        """Index of the first feature map on the page."""
        self._total = 0
        self._images = 1
        """Number of images in the split."""
        self._loader: PageLoader[GetFeatureMaps, FeatureMaps] = PageLoader(
            self._fetch,
            lambda request, maps: self.post_message(MapsLoaded(request, maps)),
            lambda error: self.post_message(MapsFailed(str(error))),
        )

    def compose(self) -> ComposeResult:
        yield GrowingLines(id="maps-title")
        yield (grid := ImageTiles())
        grid.can_focus = False  # the table keeps the focus, because its cursor chooses the row

    def on_mount(self) -> None:
        self._load_pages()

    @work(group="maps")
    async def _load_pages(self) -> None:
        await self._loader.run()

    def show_row(self, run: Path, row: ShapeRow, occurrence: int) -> None:
        """Show the feature maps that the run's network computes in the call shown in `row`."""
        self._run = run
        if self._row != (row, occurrence):
            self._row, self._offset = (row, occurrence), 0
        self._load()

    def show_image(self, checkpoint: str, split: Split, index: int) -> None:
        """Choose the checkpoint and the image for the next call of `show_row`. By default, it is the first test image.

        `checkpoint` is `final`, `best` or a step number.
        """
        self._checkpoint, self._split, self._image = checkpoint, split, index

    def clear(self) -> None:
        """Show no maps until the next call of `show_row`."""
        self._run = self._row = None
        self.grid.show(())
        self._show_title(Text())

    def step_image(self, images: int) -> None:
        """Move forward or back by a number of images."""
        self._image = (self._image + images) % self._images
        self._load()

    def turn_page(self) -> None:
        """Show the next page of maps. After the last page, show the first page again."""
        self._offset += self._page_size
        if self._offset >= self._total:
            self._offset = 0
        self._load()

    @property
    def _page_size(self) -> int:
        """Number of feature maps per page, not counting the test image."""
        layout = self.grid.tile_layout
        return max(layout.columns * layout.rows - 1, 1)

    def _request(self, image: int | None = None) -> GetFeatureMaps:
        assert self._run is not None and self._row is not None  # noqa: PT018, S101 - set before anything is loaded
        row, occurrence = self._row
        return GetFeatureMaps(
            run_path=str(self._run),
            checkpoint=self._checkpoint,
            path=row.path,
            op=row.op,
            occurrence=occurrence,
            split=self._split,
            index=self._image if image is None else image,
            offset=self._offset,
            limit=self._page_size,
        )

    def _load(self) -> None:
        if self._run is None or self._row is None or not self.display:
            return
        next_image = self._request((self._image + 1) % self._images)
        maps = self._loader.want(self._request(), [next_image])
        if maps is not None:
            self._show(maps)
        elif not self.grid.tiles:
            self._show_title(Text(f"running the network {terminal_glyphs().ellipsis}", MUTED))

    async def _fetch(self, request: GetFeatureMaps) -> FeatureMaps:
        return await cast("LabApp", self.app).engine.ask(request, FeatureMaps)

    @on(MapsLoaded)
    def _loaded(self, message: MapsLoaded) -> None:
        message.stop()
        if self._run is not None and message.request == self._request():
            self._show(message.maps)

    @on(MapsFailed)
    def _failed(self, message: MapsFailed) -> None:
        message.stop()
        self.grid.show(())
        self._show_title(Text(message.problem, ATTENTION))

    @on(ImageTiles.LayoutChanged)
    def _layout_changed(self) -> None:
        self._load()

    def _show(self, maps: FeatureMaps) -> None:
        self._total, self._images = maps.total, maps.images
        if self.grid.set_min_tiles(maps.total + 1):
            return  # the page size has changed, so `_layout_changed` loads the maps again
        tiles = [Tile(Picture(maps.image, maps.image_shape), (Text(maps.truth, FOREGROUND),))]
        tiles += [
            Tile(Picture(pixels, (1, *maps.map_size)), (Text(str(index), MUTED),))
            for index, pixels in enumerate(maps.maps, start=self._offset)
        ]
        self.grid.show(tiles)
        assert self._row is not None  # noqa: S101
        self._show_title(maps_title(self._row[0], maps, self._offset, terminal_glyphs()))

    def _show_title(self, title: Text) -> None:
        self.heading.wrap(lambda _width: title)


def maps_title(row: ShapeRow, maps: FeatureMaps, offset: int, glyphs: Glyphs) -> Text:
    """Return a title such as `conv2  20 maps of 14×14  black −1.2, white 3.4  image 17: Ankle boot ✕ Sneaker`."""
    if len(maps.shape) > 1:
        content = f"{maps.total} maps of {format_shape(maps.shape[-2:], glyphs)}"
    else:
        content = f"{format_shape(maps.shape, glyphs)} values, row by row"
    if 0 < len(maps.maps) < maps.total:
        content = f"{format_range(offset + 1, offset + len(maps.maps), glyphs)} of {content}"
    scale = format_formula(f"black {maps.low:.2g}, white {maps.high:.2g}".replace("-", "−"), glyphs)
    correct = maps.predicted == maps.truth
    prediction = (glyphs.good, GOOD) if correct else (f"{glyphs.bad} {maps.predicted}", BAD)
    return Text.assemble(
        (row.path, f"bold {FOREGROUND}"),
        (f"  {content}  {scale}", MUTED),
        (f"  image {maps.index:,}: ", MUTED),
        (f"{maps.truth} ", FOREGROUND),
        prediction,
        no_wrap=True,
    )
