"""A pane that shows many pictures, a page at a time, with a cursor on one of them."""

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from rich.text import Text
from textual import on, work
from textual.message import Message
from textual.reactive import var

from .dialogs.image import ImageDialog
from .pane import Pane
from .widgets.grid_cursor import GridCursor
from .widgets.image_tiles import ImageTiles, Tile
from .widgets.pages import PageLoader


class HasTotal(Protocol):
    @property
    def total(self) -> int:
        """How many pictures there are on all pages together."""


Key = TypeVar("Key", bound=Hashable)
Page = TypeVar("Page", bound=HasTotal)


@dataclass
class PageLoaded(Message):
    key: Any
    page: Any


@dataclass
class PageFailed(Message):
    problem: str
    """One line."""


class ImagePane(Pane, Generic[Key, Page]):
    """What the Data and the Evaluate pane have in common: walking over pictures, turning pages, enlarging.

    A subclass has one PictureGrid and says what its pages are. `Key` tells a page from all others that there could be.
    """

    place: var[GridCursor] = var(GridCursor(), init=False)
    """Where the cursor stands among the pictures that the filters leave."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._shown: tuple[Key, Page] | None = None
        self._enlarged: ImageDialog | None = None
        self._pages: PageLoader[Key, Page] = PageLoader(
            self.fetch_page,
            lambda key, page: self.post_message(PageLoaded(key, page)),
            lambda error: self.post_message(PageFailed(str(error))),
        )

    # What a subclass says

    @abstractmethod
    def page_key(self, place: GridCursor) -> Key | None:
        """Which page that is; None where none can be asked for."""

    @abstractmethod
    async def fetch_page(self, key: Key) -> Page:
        """The page, from the engine. Raises UserError."""

    @abstractmethod
    def tiles(self, page: Page, width: int) -> Sequence[Tile]:
        """The page's pictures with their labels, for pictures of so many columns."""

    @abstractmethod
    def enlargement(self, page: Page, position: int) -> tuple[bytes, Text]:
        """Pixels of a picture of the page, and what stands beside it when it is enlarged."""

    @abstractmethod
    def page_shown(self) -> None:
        """Another page or another picture under the cursor is shown: titles may have to follow."""

    @abstractmethod
    def page_failed(self, problem: str) -> None:
        """The page that is wanted can't be had."""

    # Pages

    def on_mount(self) -> None:
        self._fetch_pages()

    @work(group="pages")
    async def _fetch_pages(self) -> None:
        await self._pages.run()

    def page_under_cursor(self) -> Page | None:
        """The page that the cursor stands on, if it is here and holds a picture."""
        if self._shown is None or self._shown[0] != self.page_key(self.place) or not self._shown[1].total:
            return None
        return self._shown[1]

    def want_page(self) -> None:
        """Show the page under the cursor at once if it is here, else as soon as it comes; have its neighbours ready."""
        key = self.page_key(self.place)
        if key is None:
            return
        neighbours = (self.page_key(self.place.turned(1)), self.page_key(self.place.turned(-1)))
        page = self._pages.want(key, [other for other in neighbours if other is not None and other != key])
        if page is not None:
            self.show_page(key, page)

    def show_page(self, key: Key, page: Page) -> None:
        self._shown = (key, page)
        if page.total != self.place.total:
            self.place = self.place.resized(page.total, self.place.columns, self.place.rows)
            if self.page_key(self.place) != key:
                return  # the cursor was beyond the last picture: another page has been asked for
        grid = self.query_one(ImageTiles)
        grid.show(self.tiles(page, grid.arrangement.width), self.place.cursor)
        self.page_shown()
        self._show_enlarged()

    def forget_pages(self) -> None:
        """What is shown belongs to something else than what will be."""
        self._shown = None
        self.set_reactive(ImagePane.place, GridCursor(0, self.place.columns, self.place.rows))
        self.query_one(ImageTiles).show(())

    def start_over(self) -> None:
        """Other pictures: from the first one."""
        self.set_reactive(ImagePane.place, self.place.at(0))
        self.want_page()

    @on(PageLoaded)
    def _page_loaded(self, message: PageLoaded) -> None:
        if message.key == self.page_key(self.place):
            self.show_page(message.key, message.page)
        else:
            grid = self.query_one(ImageTiles)
            grid.prepare(self.tiles(message.page, grid.arrangement.width))

    @on(PageFailed)
    def _page_failed(self, message: PageFailed) -> None:
        self.page_failed(message.problem)

    @on(ImageTiles.Rearranged)
    def _rearranged(self, message: ImageTiles.Rearranged) -> None:
        shape = message.arrangement
        self.place = self.place.resized(self.place.total, shape.columns, shape.rows)
        self.want_page()

    @on(ImageTiles.Clicked)
    def _clicked(self, message: ImageTiles.Clicked) -> None:
        self.place = self.place.at(self.place.offset + message.position)

    def watch_place(self) -> None:
        self.want_page()

    def _show_enlarged(self) -> None:
        page = self.page_under_cursor()
        if self._enlarged is not None and page is not None:
            self._enlarged.show(*self.enlargement(page, self.place.cursor))

    # What keys do

    def action_move(self, right: int, down: int) -> None:
        self.place = self.place.moved(right, down)

    def action_next_page(self) -> None:
        self.place = self.place.turned(1)
        self.want_page()  # also where there is no further page: after a failure this tries again

    def action_previous_page(self) -> None:
        self.place = self.place.turned(-1)

    def action_first_page(self) -> None:
        self.place = self.place.at(0)

    def action_last_page(self) -> None:
        self.place = self.place.at(self.place.total - 1)

    def action_open(self) -> None:
        if self.page_under_cursor() is not None:
            self._enlarged = ImageDialog(lambda pictures: self.action_move(pictures, 0))
            self._show_enlarged()
            self.app.push_screen(self._enlarged, self._enlarged_closed)

    def _enlarged_closed(self, _result: None) -> None:
        self._enlarged = None
