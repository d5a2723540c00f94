"""The images of the data set, one page at a time, with the list of classes."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.reactive import var
from textual.widget import Widget

from fashion_tui.data.pages import Listing, Order, listed_indices, read_page
from fashion_tui.report.class_names import short_class_name
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.schema.dataset import ImagePage, Split
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.picture import Picture
from fashion_tui.tui.image_pane import PageBrowser
from fashion_tui.tui.widgets.image_tiles import NARROW_TILE, ImageTiles, Tile
from fashion_tui.tui.widgets.lines import FittedLines

from .class_list import class_counts
from .find_dialog import FindDialog, destination
from .open_dataset import OpenDataset
from .summary import image_line, title_line
from .view import DataView, SelectedImage

ORDERS: tuple[Order, ...] = ("index", "class", "random")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Asks for images of a split."""

    dataset: OpenDataset
    split: Split
    listing: Listing
    offset: int
    limit: int


class ImagesView(DataView):
    class PageShown(Message):
        """A page of images is shown."""

    @dataclass
    class PageFailed(Message):
        """A page can't be read."""

        problem: str

    split: var[Split] = var[Split]("train", init=False)
    listing: var[Listing] = var(Listing(), init=False)

    browser = getters.query_one(PageBrowser)
    counts = getters.query_one("#counts", FittedLines)

    def __init__(self) -> None:
        super().__init__(id="images")
        self._dataset: OpenDataset | None = None
        self._indices: tuple[tuple[OpenDataset, Split, Listing], NDArray[np.int64]] | None = None
        """The indices of the images that were listed last."""

    def compose(self) -> ComposeResult:
        with Horizontal(id="images-body"):
            yield PageBrowser(self, ImageTiles())
            yield FittedLines(id="counts")

    def main_widget(self) -> Widget:
        return self.browser.grid

    def title(self, width: int) -> Text:
        if self._dataset is None:
            return Text()
        return title_line(self._dataset, self.split, self.browser.cursor, width)

    def details(self, width: int) -> Text:
        dataset, selected = self._dataset, self.selected
        return Text() if dataset is None else image_line(dataset, self.listing, selected, width)

    def dataset_changed(self, dataset: OpenDataset) -> None:
        self._dataset = dataset
        self.set_reactive(ImagesView.listing, Listing())
        self.browser.clear()
        self._show_counts()
        self.browser.load()

    # Implementation of Selection

    @property
    def selected(self) -> SelectedImage | None:
        page: ImagePage | None = self.browser.page
        if self._dataset is None or page is None:
            return None
        position = self.browser.cursor.position
        index, label = page.indices[position], page.labels[position]
        return SelectedImage(self._dataset, self.split, index, label, _picture(page, position))

    def select_next(self, images: int) -> None:
        self.browser.cursor = self.browser.cursor.moved(images, 0)

    # Implementation of PageSource

    def page_request(self, offset: int, limit: int) -> PageRequest | None:
        if self._dataset is None:
            return None
        return PageRequest(self._dataset, self.split, self.listing, offset, limit)

    async def fetch_page(self, request: PageRequest) -> ImagePage:
        images = (await request.dataset.stored()).split(request.split)
        indices = await self._list(request.dataset, request.split, request.listing)
        return await asyncio.to_thread(read_page, images, indices, request.offset, request.limit)

    async def _list(self, dataset: OpenDataset, split: Split, listing: Listing) -> NDArray[np.int64]:
        """Return the indices of the listed images."""
        key = (dataset, split, listing)
        if self._indices is None or self._indices[0] != key:
            images = (await dataset.stored()).split(split)
            self._indices = (key, await asyncio.to_thread(listed_indices, images, listing))
        return self._indices[1]

    def make_tiles(self, page: ImagePage, width: int) -> list[Tile]:
        names, glyphs = self._dataset.info.classes if self._dataset is not None else (), terminal_glyphs()
        tiles = []
        for position, (index, label) in enumerate(zip(page.indices, page.labels, strict=True)):
            number = f" {index:,}" if width > NARROW_TILE else ""
            available = width - len(number)
            line = Text(short_class_name(names, label, available, glyphs), FOREGROUND, no_wrap=True)
            if number:
                line.truncate(available, pad=True)
                line.append(number, MUTED)
            tiles.append(Tile(_picture(page, position), (line,)))
        return tiles

    def page_shown(self) -> None:
        self._show_counts()
        self.post_message(self.PageShown())
        self.post_message(self.HeadingChanged(self))

    def page_failed(self, problem: str) -> None:
        self.post_message(self.PageFailed(problem))

    # The list of classes

    def _show_counts(self) -> None:
        if (dataset := self._dataset) is None:
            return
        selected = self.selected
        names, counts, chosen = dataset.info.classes, dataset.counts(self.split), self.listing.label
        current = selected.label if selected is not None else chosen
        self.counts.fit(lambda width: class_counts(names, counts, chosen, width, self.counts.size.height, current))

    def _class_name(self, label: int) -> str:
        return self._dataset.class_name(label) if self._dataset is not None else f"class {label}"

    # Filter, order and search

    def watch_split(self) -> None:
        self._restart()

    def watch_listing(self) -> None:
        self._restart()

    def _restart(self) -> None:
        self._show_counts()
        self.browser.restart()
        self.post_message(self.HeadingChanged(self))

    def other_split(self) -> None:
        """Show the test set instead of the training set, or the reverse."""
        self.split = "test" if self.split == "train" else "train"

    def sort(self) -> None:
        """Show the images in the next order."""
        order = ORDERS[(ORDERS.index(self.listing.order) + 1) % len(ORDERS)]
        self.listing = replace(self.listing, order=order)

    def shuffle(self) -> None:
        """Show the images in random order or, if they already are, in another random order."""
        seed = self.listing.seed + 1 if self.listing.order == "random" else self.listing.seed
        self.listing = replace(self.listing, order="random", seed=seed)

    def find(self) -> None:
        """Let the user choose a class or the index of an image."""
        if self._dataset is not None:
            dialog = FindDialog(self._dataset, self.split, self.listing.label)
            self.app.push_screen(dialog, self._found)

    def _found(self, key: str | None) -> None:
        if key is None:
            return
        chosen = destination(key)
        if chosen.index is None:
            self.listing = replace(self.listing, label=chosen.label)
        else:
            self._go_to(chosen.index)

    @work(group="go to", exclusive=True)
    async def _go_to(self, index: int) -> None:
        """Move the cursor to an image. If the filter hides the image, show all classes."""
        if (dataset := self._dataset) is None:
            return
        with suppress(UserError):  # reported when the page couldn't be read
            if index not in await self._list(dataset, self.split, self.listing):
                self.listing = replace(self.listing, label=None)
            indices = await self._list(dataset, self.split, self.listing)
            cursor = self.browser.cursor
            position = int(np.flatnonzero(indices == index)[0])
            self.browser.cursor = cursor.resized(len(indices), cursor.columns, cursor.rows).at(position)

    def back(self) -> bool:
        """Show all classes or, if they are shown already, sort by index. Return False if nothing has changed."""
        if self.listing.label is not None:
            self.listing = replace(self.listing, label=None)
        elif self.listing.order != "index":
            self.listing = Listing()
        else:
            return False
        return True


def _picture(page: ImagePage, position: int) -> Picture:
    return Picture(page.image(position), page.image_shape)
