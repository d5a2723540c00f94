"""`PageLoader` loads the current page first, then its neighbours, and each page only once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fashion_tui.schema.errors import UserError
from fashion_tui.tui.widgets.pages import CACHE_SIZE, PageLoader


class Engine:
    """An engine that records the requests, and answers them while `may_answer` is set."""

    def __init__(self) -> None:
        self.requested: list[int] = []
        self.loaded: list[tuple[int, str]] = []
        self.failed: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.broken = False
        self.loader = PageLoader(
            self.fetch, lambda key, page: self.loaded.append((key, page)), lambda error: self.failed.append(str(error))
        )

    async def fetch(self, key: int) -> str:
        self.requested.append(key)
        await self.may_answer.wait()
        if self.broken:
            raise UserError("the engine was killed")
        return f"page {key}"


@asynccontextmanager
async def running(kind: type[Engine] = Engine) -> AsyncIterator[Engine]:
    engine = kind()
    task = asyncio.create_task(engine.loader.run())
    try:
        yield engine
    finally:
        task.cancel()


async def settle(turns: int = 200) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


async def test_neighbours_are_prefetched() -> None:
    async with running() as engine:
        assert engine.loader.want(5, (6, 4)) is None
        await settle()
        assert engine.requested == [5, 6, 4]
        assert engine.loaded[0] == (5, "page 5")
        assert engine.loader.want(6, (7, 5)) == "page 6"
        await settle()
        assert engine.requested == [5, 6, 4, 7]


async def test_held_key_skips_pages_in_between() -> None:
    async with running() as engine:
        engine.may_answer.clear()
        for key in range(100):
            engine.loader.want(key, (key + 1,))
            await settle(2)
        engine.may_answer.set()
        await settle()
        assert engine.requested == [0, 99, 100]
        assert [key for key, _ in engine.loaded] == [99, 100]


async def test_failure_is_reported_once_and_retried_on_request() -> None:
    async with running() as engine:
        engine.broken = True
        engine.loader.want(1, (2, 3))
        await settle()
        assert (engine.requested, engine.failed) == ([1], ["the engine was killed"])
        engine.broken = False
        engine.loader.want(1)
        await settle()
        assert engine.loaded == [(1, "page 1")]


async def test_cache_is_limited() -> None:
    async with running() as engine:
        for key in range(CACHE_SIZE + 10):
            engine.loader.want(key)
            await settle(10)
        assert engine.loader.want(CACHE_SIZE + 9) is not None
        assert engine.loader.want(0) is None


class FirstPageBroken(Engine):
    async def fetch(self, key: int) -> str:
        page = await super().fetch(key)
        if key == 1:
            raise UserError("page not found")
        return page


async def test_failure_of_an_unwanted_page_is_not_reported() -> None:
    async with running(FirstPageBroken) as engine:
        engine.may_answer.clear()
        engine.loader.want(1)
        await settle()
        engine.loader.want(2)
        engine.may_answer.set()
        await settle()
        assert engine.requested == [1, 2]
        assert engine.failed == []
        assert engine.loaded == [(2, "page 2")]
