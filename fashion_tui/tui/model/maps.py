"""Feature maps: what the step under the cursor makes of a test picture, in small multiples."""

from pathlib import Path
from typing import cast

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from fashion_tui.report.formatting import format_formula, format_shape
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import ATTENTION, BAD, FOREGROUND, GOOD, MUTED
from fashion_tui.schema.requests import GetFeatureMaps
from fashion_tui.schema.shapes import ShapeRow
from fashion_tui.schema.weights import FeatureMaps
from fashion_tui.tui.lab_app import LabApp
from fashion_tui.tui.widgets.fitted import FittedLines
from fashion_tui.tui.widgets.image_tiles import ImageTiles, Tile
from fashion_tui.tui.widgets.pages import PageLoader

from .messages import MapsFailed, MapsKey, MapsMade


class MapsView(Vertical):
    """The picture itself, then a page of the maps that the step makes of it."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._run: Path | None = None
        self._step: tuple[ShapeRow, int] | None = None
        """The row, and which of several with its path and operation."""
        self._picture = 0
        self._offset = 0
        self._total = 0
        self._pictures = 1
        self._loader: PageLoader[MapsKey, FeatureMaps] = PageLoader(
            self._fetch,
            lambda key, maps: self.post_message(MapsMade(key, maps)),
            lambda error: self.post_message(MapsFailed(self._key(), str(error))),
        )

    def compose(self) -> ComposeResult:
        yield FittedLines(id="maps-title")
        yield (grid := ImageTiles())
        grid.can_focus = False  # the keys stay with the table, whose cursor says which step is shown

    def on_mount(self) -> None:
        self.run_worker(self._loader.run(), group="maps")

    def look_at(self, run: Path, row: ShapeRow, occurrence: int) -> None:
        """Show what this step of the run's network gives."""
        self._run = run
        if self._step != (row, occurrence):
            self._step, self._offset = (row, occurrence), 0
        self._want()

    def turn_to_picture(self, pictures: int) -> None:
        """So many test pictures on, or back."""
        self._picture = (self._picture + pictures) % self._pictures
        self._want()

    def turn_page(self) -> None:
        """To the next maps; after the last ones to the first."""
        self._offset += self._count
        if self._offset >= self._total:
            self._offset = 0
        self._want()

    @property
    def _count(self) -> int:
        """Maps on a page; the picture itself takes a place too."""
        shape = self.query_one(ImageTiles).arrangement
        return max(shape.columns * shape.rows - 1, 1)

    def _key(self, picture: int | None = None) -> MapsKey:
        assert self._run is not None and self._step is not None  # noqa: PT018, S101 - nothing is asked for before
        row, occurrence = self._step
        index = self._picture if picture is None else picture
        return MapsKey(str(self._run), row.path, row.op, occurrence, index, self._offset, self._count)

    def _want(self) -> None:
        if self._run is None or self._step is None or not self.display:
            return
        key = self._key()
        maps = self._loader.want(key, [self._key((self._picture + 1) % self._pictures)])
        if maps is not None:
            self._show(maps)
        elif not self.query_one(ImageTiles).tiles:
            self._say(Text("running the network …" if terminal_glyphs().unicode else "running the network ...", MUTED))

    async def _fetch(self, key: MapsKey) -> FeatureMaps:
        request = GetFeatureMaps(
            run_path=key.run_path, checkpoint="final", path=key.path, op=key.op, occurrence=key.occurrence,
            index=key.index, offset=key.offset, limit=key.count,
        )  # fmt: skip
        return await cast("LabApp", self.app).engine.ask(request, FeatureMaps)

    @on(MapsMade)
    def _made(self, message: MapsMade) -> None:
        message.stop()
        if message.key == self._key():
            self._show(message.maps)

    @on(MapsFailed)
    def _failed(self, message: MapsFailed) -> None:
        message.stop()
        self.query_one(ImageTiles).show(())
        self._say(Text(message.problem, ATTENTION))

    @on(ImageTiles.Rearranged)
    def _rearranged(self) -> None:
        self._want()

    def _show(self, maps: FeatureMaps) -> None:
        self._total, self._pictures = maps.total, maps.test_images
        grid = self.query_one(ImageTiles)
        if grid.expect(maps.total + 1):
            return  # with another size of pictures other maps are wanted, which comes as a message
        tiles = [Tile(maps.image, (Text(maps.truth, FOREGROUND),))]
        tiles += [Tile(one, (Text(str(self._offset + number), MUTED),)) for number, one in enumerate(maps.maps)]
        grid.show(tiles)
        assert self._step is not None  # noqa: S101
        self._say(maps_title(self._step[0], maps, self._offset, terminal_glyphs()))

    def _say(self, words: Text) -> None:
        self.query_one("#maps-title", FittedLines).fit(lambda _width: [words])


def maps_title(row: ShapeRow, maps: FeatureMaps, offset: int, glyphs: Glyphs) -> Text:
    """`conv2  20 maps of 14×14  black −1.2, white 3.4  picture 17: Ankle boot ✕ Sneaker`."""
    one = format_shape(maps.shape[-2:], glyphs) if len(maps.shape) > 1 else ""
    many = f"{maps.total} maps of {one}" if one else f"{format_shape(maps.shape, glyphs)} values, row by row"
    if 0 < len(maps.maps) < maps.total:
        many = f"{offset + 1}-{offset + len(maps.maps)} of {many}"
    scale = format_formula(f"black {maps.low:.2g}, white {maps.high:.2g}".replace("-", "−"), glyphs)
    right = maps.predicted == maps.truth
    said = (glyphs.good, GOOD) if right else (f"{glyphs.bad} {maps.predicted}", BAD)
    return Text.assemble(
        (row.path, f"bold {FOREGROUND}"),
        (f"  {many}  {scale}", MUTED),
        (f"  picture {maps.index:,}: ", MUTED),
        (f"{maps.truth} ", FOREGROUND),
        said,
        no_wrap=True,
    )
