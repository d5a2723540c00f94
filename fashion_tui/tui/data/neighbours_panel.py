"""The training images that are nearest to an image, in pixels or in the embedding of a run."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Vertical

from fashion_tui.data.neighbours import PixelNeighbour, nearest_in_pixels
from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION, FOREGROUND, MUTED
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.explanation import Neighbour, Neighbours
from fashion_tui.schema.picture import Picture
from fashion_tui.schema.requests import GetNeighbours
from fashion_tui.schema.run import short_name
from fashion_tui.tui.actions import key_of
from fashion_tui.tui.dialogs.choice import Choice
from fashion_tui.tui.dialogs.trust import NOT_TRUSTED, confirm_trust
from fashion_tui.tui.pane import Pane
from fashion_tui.tui.progress_line import progress_line
from fashion_tui.tui.run_choice import choose_run
from fashion_tui.tui.threads import Progress, run_in_thread
from fashion_tui.tui.widgets.image_tiles import ImageTiles, Tile
from fashion_tui.tui.widgets.lines import GrowingLines

from .view import SelectedImage

LIMIT = 24
"""Number of neighbours to find. As many are shown as fit on the screen."""
PIXELS = "pixels"
"""Key of the choice to compare pixels instead of embeddings."""


class NeighboursPanel(Vertical):
    """Shows the nearest training images and how they are compared: by their pixels or by the embedding of a run."""

    heading = getters.query_one(GrowingLines)
    tiles = getters.query_one(ImageTiles)

    def __init__(self) -> None:
        super().__init__()
        self._image: SelectedImage | None = None
        self._run: Path | None = None
        """Directory of the run whose embedding is compared, or None to compare pixels."""
        self._found: list[Tile] = []

    def compose(self) -> ComposeResult:
        yield GrowingLines()
        tiles = ImageTiles(label_lines=2, min_tiles=6)
        tiles.can_focus = False
        yield tiles

    def show_image(self, image: SelectedImage) -> None:
        """Find the neighbours of an image, and show them."""
        self._image, self._found = image, []
        self.tiles.show(())
        self._find(image, self._run)

    def cancel(self) -> bool:
        """Stop searching. Return whether a search was running."""
        running = [worker for worker in self.workers if worker.node is self and worker.is_running]
        for worker in running:
            worker.cancel()
        return bool(running)

    # The search

    @work(group="neighbours", exclusive=True)
    async def _find(self, image: SelectedImage, run: Path | None) -> None:
        def show_progress(done: int, total: int) -> None:
            self._show_heading(progress_line("comparing images", "", done, total, key_of("data", "back")))

        show_progress(0, 0)
        try:
            if run is None:
                await self._find_in_pixels(image, show_progress)
            else:
                await self._find_in_embedding(image, run, show_progress)
        except UserError as error:
            hint = f"; press {key_of('image', 'other_run')} to choose another run" if run is not None else ""
            self._show_heading(Text(f"{error}{hint}", ATTENTION))
        except asyncio.CancelledError:
            if self._image is image:
                self._show_heading(Text("The search for the nearest images was cancelled.", MUTED))
            raise

    async def _find_in_pixels(self, image: SelectedImage, show_progress: Progress) -> None:
        stored = await image.dataset.stored()
        query = stored.split(image.split).pixels[image.index]
        exclude = image.index if image.split == "train" else None
        found = await run_in_thread(partial(nearest_in_pixels, stored.train, query, LIMIT, exclude), show_progress)
        self._show(image, found, "nearest training images by pixel values")

    async def _find_in_embedding(self, image: SelectedImage, run: Path, show_progress: Progress) -> None:
        name = printable(short_name(run.name), terminal_glyphs())
        trained_on = await asyncio.to_thread(_dataset_hash, run)
        if trained_on != image.dataset.info.ref.sha256:
            raise UserError(f"{name} was trained on other images")
        request = GetNeighbours(
            run_path=str(run), checkpoint="final", split=image.split, index=image.index, limit=LIMIT
        )
        engine = self._pane.lab_app.engine
        try:
            neighbours = await engine.ask(request, Neighbours, show_progress)
        except UntrustedSource:
            if not await confirm_trust(self.app, run):
                raise UserError(NOT_TRUSTED) from None
            neighbours = await engine.ask(request, Neighbours, show_progress)
        space = f"nearest training images in the embedding of {name}, {neighbours.dimensions:,} values"
        self._show(image, neighbours.neighbours, space)

    def _show(self, image: SelectedImage, neighbours: Sequence[PixelNeighbour | Neighbour], space: str) -> None:
        shape, dataset = image.picture.shape, image.dataset
        self._found = []
        for neighbour in neighbours:
            pixels = neighbour.pixels if isinstance(neighbour, PixelNeighbour) else neighbour.image
            style = FOREGROUND if neighbour.label == image.label else ATTENTION
            name = Text(dataset.class_name(neighbour.label), style, no_wrap=True)
            distance = Text(f"{neighbour.distance:.2f}  {neighbour.index:,}", MUTED, no_wrap=True)
            self._found.append(Tile(Picture(pixels, shape), (name, distance)))
        hint = f"{space}; distance and index ({key_of('image', 'other_run')} changes how images are compared)"
        self._show_heading(Text(hint, MUTED))
        self.call_after_refresh(self._show_tiles)  # the height of the heading has changed

    def _show_tiles(self) -> None:
        layout = self.tiles.tile_layout
        self.tiles.show(self._found[: layout.columns * layout.rows])

    def on_image_tiles_layout_changed(self) -> None:
        self._show_tiles()

    def _show_heading(self, line: Text) -> None:
        self.heading.fit(lambda width: list(line.wrap(self.app.console, width)))

    # The space

    @property
    def _pane(self) -> Pane:
        return self.query_ancestor(Pane)

    def choose_run(self) -> None:
        """Let the user choose the run whose embedding is compared, or pixels."""
        self._pane.lab_app.hold_input(self._choose_run())

    @work(group="choose run", exclusive=True)
    async def _choose_run(self) -> None:
        pixels = Choice(PIXELS, Text("pixels, without a network"))
        chosen = await choose_run(self.app, self._pane.lab_app.runs, "Compare images in", self._run, [pixels])
        if chosen is not None:
            self._run = None if chosen == PIXELS else Path(chosen)
            if self._image is not None:
                self.show_image(self._image)


def _dataset_hash(path: Path) -> str:
    """Return the SHA-256 of the data set that a run was trained on. Raises UserError if the run can't be read."""
    with Run(path) as run:
        return run.config.dataset.sha256
