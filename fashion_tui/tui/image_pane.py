"""Browsers that show pages of images. The Data pane and the Evaluate pane use them."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from rich.text import Text
from textual import getters, on, work
from textual.containers import Container
from textual.message import Message
from textual.reactive import var

from fashion_tui.schema.picture import Picture

from .dialogs.image import ImageDialog
from .pane import Pane
from .widgets.grid_cursor import GridCursor
from .widgets.image_tiles import ImageTiles, Tile
from .widgets.pages import PageLoader


class HasTotal(Protocol):
    @property
    def total(self) -> int:
        """Total number of images on all pages."""


Request = TypeVar("Request", bound=Hashable)
Page = TypeVar("Page", bound=HasTotal)


class PageSource(Protocol[Request, Page]):
    """Supplies a PageBrowser with pages, and is notified when a page is shown or fails to load."""

    def page_request(self, offset: int, limit: int) -> Request | None:
        """Return the engine request for a page, or None if there is nothing to load yet."""

    async def fetch_page(self, request: Request) -> Page:
        """Return a page from the engine. Raises UserError if the request fails."""

    def make_tiles(self, page: Page, width: int) -> Sequence[Tile]:
        """Return the tiles of a page. Each tile is `width` columns wide."""

    def page_shown(self) -> None:
        """Called when the page or the cursor has changed."""

    def page_failed(self, problem: str) -> None:
        """Called when a page can't be loaded. `problem` is a one-line message."""


class ImageSource(PageSource[Request, Page], Protocol):
    """Supplies an ImageBrowser with pages, and with the details of an enlarged image."""

    def enlarged(self, page: Page, position: int) -> tuple[Picture, Text]:
        """Return an image on the page, and the details to show beside the enlarged image."""


@dataclass
class PageLoaded(Message):
    request: Any
    page: Any


@dataclass
class PageFailed(Message):
    problem: str


class PageBrowser(Container, Generic[Request, Page]):
    """Shows a page of image tiles with a cursor."""

    DEFAULT_CSS = """
    PageBrowser { height: 1fr; width: 1fr; }
    """

    cursor: var[GridCursor] = var(GridCursor(), init=False)
    grid = getters.query_one(ImageTiles)

    def __init__(self, source: PageSource[Request, Page], grid: ImageTiles) -> None:
        super().__init__(grid)
        self._source = source
        self._shown: tuple[Request, Page] | None = None
        self._loader: PageLoader[Request, Page] = PageLoader(
            source.fetch_page,
            lambda request, page: self.post_message(PageLoaded(request, page)),
            lambda error: self.post_message(PageFailed(str(error))),
        )

    def on_mount(self) -> None:
        self._load_pages()

    @work(group="pages")
    async def _load_pages(self) -> None:
        await self._loader.run()

    @property
    def page(self) -> Page | None:
        """The page that the cursor is on, or None if that page isn't loaded or has no images."""
        return self._shown[1] if self._shown is not None and self.is_loaded and self._shown[1].total else None

    @property
    def is_loaded(self) -> bool:
        """Whether the page that the cursor is on is shown, even if it has no images."""
        return self._shown is not None and self._shown[0] == self._request(self.cursor)

    def load(self) -> None:
        """Load and show the cursor's page, and prefetch the pages before and after it."""
        request = self._request(self.cursor)
        if request is None:
            return
        neighbours = (self._request(self.cursor.turned(1)), self._request(self.cursor.turned(-1)))
        page = self._loader.want(request, [other for other in neighbours if other is not None and other != request])
        if page is not None:
            self._show(request, page)

    def repaint(self) -> None:
        """Rebuild the tiles of the current page."""
        if self._shown is not None:
            self._show(*self._shown)

    def restart(self) -> None:
        """Load the first page. Call this after the source's filters have changed."""
        self.set_reactive(PageBrowser.cursor, self.cursor.at(0))
        self.load()

    def clear(self) -> None:
        """Clear the current page. Call this after the source has changed."""
        self._shown = None
        self.set_reactive(PageBrowser.cursor, GridCursor(0, self.cursor.columns, self.cursor.rows))
        self.grid.show(())

    def watch_cursor(self) -> None:
        self.load()

    def _request(self, cursor: GridCursor) -> Request | None:
        return self._source.page_request(cursor.offset, cursor.page_size)

    def _show(self, request: Request, page: Page) -> None:
        self._shown = (request, page)
        if page.total != self.cursor.total:
            self.cursor = self.cursor.resized(page.total, self.cursor.columns, self.cursor.rows)
            if self._request(self.cursor) != request:
                return  # the cursor was beyond the last image, so another page is being loaded
        self.grid.show(self._source.make_tiles(page, self.grid.tile_layout.width), self.cursor.position)
        self._source.page_shown()

    @on(PageLoaded)
    def _page_loaded(self, message: PageLoaded) -> None:
        message.stop()
        if message.request == self._request(self.cursor):
            self._show(message.request, message.page)
        else:
            self.grid.prepare(self._source.make_tiles(message.page, self.grid.tile_layout.width))

    @on(PageFailed)
    def _page_failed(self, message: PageFailed) -> None:
        message.stop()
        self._source.page_failed(message.problem)

    @on(ImageTiles.LayoutChanged)
    def _layout_changed(self, message: ImageTiles.LayoutChanged) -> None:
        self.cursor = self.cursor.resized(self.cursor.total, message.layout.columns, message.layout.rows)
        self.load()

    @on(ImageTiles.Clicked)
    def _tile_clicked(self, message: ImageTiles.Clicked) -> None:
        self.cursor = self.cursor.at(self.cursor.offset + message.position)


class ImageBrowser(PageBrowser[Request, Page]):
    """A browser that can show the image under the cursor enlarged in a dialog."""

    def __init__(self, source: ImageSource[Request, Page], grid: ImageTiles) -> None:
        super().__init__(source, grid)
        self._images = source
        self._dialog: ImageDialog | None = None

    def enlarge(self, make_dialog: Callable[[Callable[[int], None]], ImageDialog] = ImageDialog) -> None:
        """Show the image under the cursor enlarged in a dialog.

        `make_dialog` creates the dialog. Its argument moves the cursor by a number of images.
        """
        if self.page is not None:
            self._dialog = make_dialog(self._move)
            self._update_dialog()
            self.app.push_screen(self._dialog, self._dialog_closed)

    def _move(self, images: int) -> None:
        self.cursor = self.cursor.moved(images, 0)

    def _show(self, request: Request, page: Page) -> None:
        super()._show(request, page)
        self._update_dialog()

    def _update_dialog(self) -> None:
        if self._dialog is not None and self.page is not None:
            self._dialog.show(*self._images.enlarged(self.page, self.cursor.position))

    def _dialog_closed(self, _result: None) -> None:
        self._dialog = None


class ImagePane(Pane):
    """A pane with a PageBrowser that is controlled by the pane's actions."""

    browser = getters.query_one(PageBrowser)

    def action_move(self, right: int, down: int) -> None:
        self.browser.cursor = self.browser.cursor.moved(right, down)

    def action_next_page(self) -> None:
        self.browser.cursor = self.browser.cursor.turned(1)
        # On the last page, the cursor doesn't move. Call `load` anyway, so that a page that failed to load is retried.
        self.browser.load()

    def action_previous_page(self) -> None:
        self.browser.cursor = self.browser.cursor.turned(-1)

    def action_first_page(self) -> None:
        self.browser.cursor = self.browser.cursor.at(0)

    def action_last_page(self) -> None:
        self.browser.cursor = self.browser.cursor.at(self.browser.cursor.total - 1)
