"""The images of one finding of a label audit, beside images to compare them with."""

import asyncio
from collections.abc import Mapping

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Vertical

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.schema.audit import Audit, Finding, ImageKey, LabelledImage, Verdict
from fashion_tui.schema.errors import UserError
from fashion_tui.tui.widgets.image_tiles import ImageTiles
from fashion_tui.tui.widgets.lines import FittedLines

from .findings import LABEL_LINES, example_images, finding_images, finding_title, make_tiles
from .open_dataset import OpenDataset

MIN_TILES = 6


class FindingView(Vertical):
    """Shows the images of a finding with a cursor."""

    caption = getters.query_one("#finding-title", FittedLines)
    grid = getters.query_one(ImageTiles)

    def __init__(self, dataset: OpenDataset, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._dataset = dataset
        self._audit: Audit | None = None
        self._suspicious: frozenset[ImageKey] = frozenset()
        self._finding: Finding | None = None
        self._verdicts: Mapping[ImageKey, Verdict] = {}
        self._position = 0
        """Index of the image under the cursor among the images of the finding."""

    def compose(self) -> ComposeResult:
        yield FittedLines(id="finding-title")
        grid = ImageTiles(LABEL_LINES, MIN_TILES)
        grid.can_focus = False
        yield grid

    @property
    def image(self) -> LabelledImage | None:
        """The image under the cursor, or None if there is none."""
        return None if self._finding is None else self._finding.images[self._position]

    def open(self, audit: Audit) -> None:
        """Set the audit whose findings are shown."""
        self._audit = audit
        self._suspicious = frozenset(finding.images[0].key for finding in audit.of_kind("label"))

    def show(self, finding: Finding | None, verdicts: Mapping[ImageKey, Verdict]) -> None:
        """Show a finding of the audit with the verdicts on its images. If it is None, show nothing."""
        if finding is not self._finding:
            self._finding, self._position = finding, 0
        self._verdicts = verdicts
        self._paint()

    def step(self, images: int) -> None:
        """Move the cursor by a number of images."""
        if self._finding is not None:
            self._position = min(max(self._position + images, 0), len(self._finding.images) - 1)
            self._paint()

    @on(ImageTiles.LayoutChanged)
    def _layout_changed(self) -> None:
        self._paint()

    @on(ImageTiles.Clicked)
    def _tile_clicked(self, event: ImageTiles.Clicked) -> None:
        position = self._first_image() + event.position
        if self._finding is not None and position < len(self._finding.images):
            self._position = position
            self._paint()

    def _first_image(self) -> int:
        """Return the index of the first image of the finding that is shown."""
        available = max(self.grid.tile_layout.columns * self.grid.tile_layout.rows, 1)
        return self._position // available * available

    @work(group="images", exclusive=True)
    async def _paint(self) -> None:
        finding, glyphs = self._finding, terminal_glyphs()
        if finding is None or self._audit is None:
            self.grid.show(())
            self.caption.fit(lambda _width: [])
            return
        title = finding_title(finding, self._audit.classes, glyphs)
        if len(finding.images) > 1:
            title.append(f" {glyphs.dot} image {self._position + 1:,} of {len(finding.images):,}", MUTED)
        self.caption.fit(lambda _width: [title])
        first, position, verdicts = self._first_image(), self._position, self._verdicts
        columns, rows = self.grid.tile_layout.columns, self.grid.tile_layout.rows
        try:
            stored = await self._dataset.stored()
            path = await self._dataset.path_of(*finding.images[position].key)
            if path is not None:
                title.append(f" {glyphs.dot} {printable(path, glyphs)}", FOREGROUND)
                self.caption.fit(lambda _width: [title])
            images, free = finding_images(finding, first, columns, rows)
            if free:
                images += await asyncio.to_thread(example_images, stored, finding, self._suspicious, columns, rows)
            tiles = await asyncio.to_thread(make_tiles, stored, images, finding, verdicts, glyphs)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self.grid.show(tiles, position - first)
