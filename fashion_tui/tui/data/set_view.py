"""The view of the whole data set: its classes, their mean images, its statistics and its files."""

import asyncio
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.widget import Widget

from fashion_tui.data.class_means import class_means
from fashion_tui.data.verification import verify_again
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION, FOREGROUND, GOOD, MUTED
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.picture import Picture
from fashion_tui.tui.actions import IN_SET, bindings, key_hints, key_of
from fashion_tui.tui.progress_line import progress_line
from fashion_tui.tui.threads import run_in_thread
from fashion_tui.tui.widgets.image_tiles import ImageTiles, Tile, arrange
from fashion_tui.tui.widgets.lines import GrowingLines

from .open_dataset import OpenDataset
from .set_texts import balance_lines, facts, skipped_lines, statistics_table
from .view import DataView


class SetView(DataView):
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_SET)

    def __init__(self) -> None:
        super().__init__(id="set")
        self._dataset: OpenDataset | None = None
        self._means: list[Tile] | None = None
        """The mean images of the classes, or None until they have been computed."""
        self._check = Text()
        """The result or the progress of the verification."""

    _scroll = getters.query_one(VerticalScroll)
    _tiles = getters.query_one(ImageTiles)

    def compose(self) -> ComposeResult:
        with VerticalScroll(), Container(id="set-columns"):
            with Vertical(id="set-texts"):
                yield GrowingLines(id="set-facts")
                yield GrowingLines(id="set-check")
                yield GrowingLines(id="set-statistics")
                yield GrowingLines(id="set-balance")
                yield GrowingLines(id="set-skipped")
            with Vertical(id="set-means"):
                yield GrowingLines(id="set-means-title")
                tiles = ImageTiles()
                tiles.can_focus = False
                yield tiles

    def main_widget(self) -> Widget:
        return self._scroll

    def title(self, width: int) -> Text:
        if self._dataset is None:
            return Text()
        info = self._dataset.info
        line = self._dataset.title(max(width // 2, 1))
        line.append(f" · {info.train_size:,} + {info.test_size:,} images · {len(info.classes)} classes", MUTED)
        line.truncate(width, overflow="ellipsis")
        return line

    def dataset_changed(self, dataset: OpenDataset) -> None:
        self.workers.cancel_node(self)
        self._dataset, self._means = dataset, None
        self._check = key_hints((key_of("set", "verify"), "verify the checksum again"))
        self._tiles.show(())
        self._lines("set-facts").fit(partial(facts, dataset))
        self._lines("set-statistics").fit(partial(statistics_table, dataset))
        self._lines("set-balance").fit(partial(balance_lines, dataset))
        self._lines("set-skipped").fit(partial(skipped_lines, dataset))
        self._show_check(self._check)
        if self.display:
            self._compute_means(dataset)

    def shown(self) -> None:
        if self._dataset is not None and self._means is None:
            self._compute_means(self._dataset)

    def on_resize(self) -> None:
        self.call_after_refresh(self._arrange)

    def _lines(self, name: str) -> GrowingLines:
        return self.query_one(f"#{name}", GrowingLines)

    # Mean images

    @work(group="means", exclusive=True)
    async def _compute_means(self, dataset: OpenDataset) -> None:
        def show_progress(done: int, total: int) -> None:
            amount = f"{done:,} of {total:,}"
            line = progress_line("computing mean images", amount, done, total, key_of("data", "back"))
            self._show_means_title(line)

        self._show_means_title(Text(f"computing mean images {terminal_glyphs().ellipsis}", MUTED))
        try:
            stored = await dataset.stored()
            means = await run_in_thread(partial(class_means, stored), show_progress)
        except UserError as error:
            self._show_means_title(Text(str(error), ATTENTION))
            return
        except asyncio.CancelledError:
            if self._dataset is dataset:
                self._show_means_title(Text("Computing the mean images was cancelled.", MUTED))
            raise
        shape = dataset.info.image_shape
        self._means = [
            Tile(Picture(mean.tobytes(), shape), (Text(dataset.class_name(label), FOREGROUND, no_wrap=True),))
            for label, mean in enumerate(means)
        ]
        self._show_means_title(Text("mean training image of each class", MUTED))
        self._arrange()

    def _show_means_title(self, line: Text) -> None:
        self._lines("set-means-title").fit(lambda _width: [line])

    def _arrange(self) -> None:
        """Make the grid as high as all mean images together."""
        if self._means is None or self._dataset is None or not self._tiles.size.width:
            return
        count, shape = len(self._means), self._dataset.info.image_shape
        layout = arrange(self._tiles.size.width, 1, shape, 1, count + 1)
        self._tiles.styles.height = -(-count // layout.columns) * layout.row_pitch
        self._tiles.set_min_tiles(count)
        self._tiles.show(self._means)

    # The checksum

    def action_verify(self) -> None:
        if self._dataset is not None:
            self._verify(self._dataset)

    @work(group="verify", exclusive=True)
    async def _verify(self, dataset: OpenDataset) -> None:
        def show_progress(done: int, total: int) -> None:
            self._show_check(progress_line("verifying", "", done, total, key_of("data", "back")))

        show_progress(0, 0)
        try:
            stored = await dataset.stored()
            await run_in_thread(partial(verify_again, stored), show_progress)
        except UserError as error:
            self._show_check(Text(str(error), ATTENTION))
        except asyncio.CancelledError:
            if self._dataset is dataset:
                self._show_check(Text("Verification cancelled.", MUTED))
            raise
        else:
            self._show_check(Text("verified: nothing has changed", GOOD))

    def _show_check(self, line: Text) -> None:
        self._lines("set-check").fit(lambda width: list(line.wrap(self.app.console, width)))

    # Keys

    def back(self) -> bool:
        """Cancel the verification or the computation of the mean images. Return whether one of them was running."""
        running = [worker for worker in self.workers if worker.node is self and worker.is_running]
        for worker in running:
            worker.cancel()
        return bool(running)

    def action_scroll(self, lines: int) -> None:
        self._scroll.scroll_relative(y=lines, animate=False)

    def action_scroll_page(self, pages: int) -> None:
        self._scroll.scroll_relative(y=pages * max(self._scroll.size.height - 1, 1), animate=False)
