"""Load pages in the background: first the current page, then its neighbours."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Generic, TypeVar

from fashion_tui.schema.errors import UserError

Key = TypeVar("Key", bound=Hashable)
Page = TypeVar("Page")

CACHE_SIZE = 48
"""Number of pages kept in the cache."""


class PageLoader(Generic[Key, Page]):
    """A loader that fetches one page at a time.

    Pages that are no longer wanted are skipped, for example while the user holds down a key to turn pages.
    """

    def __init__(
        self,
        fetch: Callable[[Key], Awaitable[Page]],
        on_loaded: Callable[[Key, Page], object],
        on_failed: Callable[[UserError], object],
    ) -> None:
        """Create a loader, whose `run` method calls `on_loaded` and `on_failed` in the event loop."""
        self._fetch = fetch
        self._on_loaded = on_loaded
        self._on_failed = on_failed
        self._pages: OrderedDict[Key, Page] = OrderedDict()
        self._wanted: list[Key] = []
        self._wake = asyncio.Event()

    def want(self, key: Key, prefetch: Iterable[Key] = ()) -> Page | None:
        """Return the page, or None if it has to be loaded first. The pages in `prefetch` are loaded after this page."""
        self._wanted = [key, *prefetch]
        self._wake.set()
        page = self._pages.get(key)
        if page is not None:
            self._pages.move_to_end(key)
        return page

    async def run(self) -> None:
        """Load pages until cancelled. After a failure, wait for the next call to `want`."""
        while True:
            await self._wake.wait()
            key = next((key for key in self._wanted if key not in self._pages), None)
            if key is None:
                self._wake.clear()
                continue
            try:
                page = await self._fetch(key)
            except UserError as error:
                if key in self._wanted:  # ignore the failure of a page that is no longer wanted
                    self._wanted = []
                    self._on_failed(error)
                continue
            if key in self._wanted:
                self._pages[key] = page
                while len(self._pages) > CACHE_SIZE:
                    self._pages.popitem(last=False)
                self._on_loaded(key, page)
