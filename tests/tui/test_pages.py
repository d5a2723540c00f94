"""Fetching pages: what is wanted now, then what may be wanted next, and nothing twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fashion_tui.schema.errors import UserError
from fashion_tui.tui.widgets.pages import CACHE_SIZE, PageLoader


class Engine:
    """Answers when it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.arrived: list[tuple[int, str]] = []
        self.failed: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.broken = False
        self.loader = PageLoader(
            self.fetch, lambda key, page: self.arrived.append((key, page)), lambda error: self.failed.append(str(error))
        )

    async def fetch(self, key: int) -> str:
        self.asked.append(key)
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


async def settled(turns: int = 200) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


async def test_the_neighbours_are_here_before_they_are_wanted() -> None:
    async with running() as engine:
        assert engine.loader.want(5, (6, 4)) is None
        await settled()
        assert engine.asked == [5, 6, 4]
        assert engine.arrived[0] == (5, "page 5")
        assert engine.loader.want(6, (7, 5)) == "page 6"
        await settled()
        assert engine.asked == [5, 6, 4, 7]


async def test_of_a_held_key_only_the_last_page_is_fetched() -> None:
    async with running() as engine:
        engine.may_answer.clear()
        for key in range(100):
            engine.loader.want(key, (key + 1,))
            await settled(2)
        engine.may_answer.set()
        await settled()
        assert engine.asked == [0, 99, 100]
        assert [key for key, _ in engine.arrived] == [99, 100]


async def test_a_failure_is_told_once_and_the_next_wish_tries_again() -> None:
    async with running() as engine:
        engine.broken = True
        engine.loader.want(1, (2, 3))
        await settled()
        assert (engine.asked, engine.failed) == ([1], ["the engine was killed"])
        engine.broken = False
        engine.loader.want(1)
        await settled()
        assert engine.arrived == [(1, "page 1")]


async def test_not_all_pages_are_kept_for_ever() -> None:
    async with running() as engine:
        for key in range(CACHE_SIZE + 10):
            engine.loader.want(key)
            await settled(10)
        assert engine.loader.want(CACHE_SIZE + 9) is not None
        assert engine.loader.want(0) is None


class FirstPageBroken(Engine):
    async def fetch(self, key: int) -> str:
        page = await super().fetch(key)
        if key == 1:
            raise UserError("there is no such page")
        return page


async def test_a_failure_of_what_nobody_wants_any_more_is_not_told() -> None:
    async with running(FirstPageBroken) as engine:
        engine.may_answer.clear()
        engine.loader.want(1)
        await settled()
        engine.loader.want(2)
        engine.may_answer.set()
        await settled()
        assert engine.asked == [1, 2]
        assert engine.failed == []
        assert engine.arrived == [(2, "page 2")]
