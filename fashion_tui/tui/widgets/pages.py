"""Pages fetched from the engine: the one wanted last, then its neighbours, each once."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Generic, TypeVar

from fashion_tui.schema.errors import UserError

Key = TypeVar("Key", bound=Hashable)
Page = TypeVar("Page")

KEPT = 48
"""Pages that are remembered."""


class PageLoader(Generic[Key, Page]):
    """One fetch at a time, and always of what is wanted now: a held key asks for no page that nobody will see."""

    def __init__(
        self,
        fetch: Callable[[Key], Awaitable[Page]],
        arrived: Callable[[Key, Page], object],
        failed: Callable[[UserError], object],
    ) -> None:
        """`arrived` and `failed` are called from `run`, in the event loop."""
        self._fetch = fetch
        self._arrived = arrived
        self._failed = failed
        self._pages: OrderedDict[Key, Page] = OrderedDict()
        self._wanted: list[Key] = []
        self._wake = asyncio.Event()

    def want(self, key: Key, ahead: Iterable[Key] = ()) -> Page | None:
        """The page if it is here; else it is fetched, and after it those `ahead`, which may be wanted next."""
        self._wanted = [key, *ahead]
        self._wake.set()
        page = self._pages.get(key)
        if page is not None:
            self._pages.move_to_end(key)
        return page

    async def run(self) -> None:
        """Fetches for ever. A failure is told, and nothing is tried again until something is wanted."""
        while True:
            await self._wake.wait()
            key = next((key for key in self._wanted if key not in self._pages), None)
            if key is None:
                self._wake.clear()
                continue
            try:
                page = await self._fetch(key)
            except UserError as error:
                if key in self._wanted:  # else something else is wanted by now, and comes next
                    self._wanted = []
                    self._failed(error)
                continue
            if key in self._wanted:
                self._pages[key] = page
                while len(self._pages) > KEPT:
                    self._pages.popitem(last=False)
                self._arrived(key, page)
