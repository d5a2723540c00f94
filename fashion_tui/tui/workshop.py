"""The engine in which a person's own code runs: watched, and ended when it doesn't come back.

It is another process than the app's engine, so that what an edited network does costs nobody but its author.
"""

import asyncio
from typing import TypeVar

from fashion_tui.engine.client import Engine, EngineDied
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.recipe import MODELS
from fashion_tui.schema.replies import BuiltinSource
from fashion_tui.schema.requests import GetBuiltinSource, GetShapes, Request
from fashion_tui.schema.shapes import ShapeTable

Result = TypeVar("Result")

GRACE = 1.5
"""Seconds in which an idle workshop answers what takes it a millisecond. One that doesn't is stuck, and replaced."""


class TooSlow(UserError):
    """The code was stopped before it came to an end."""


class Workshop:
    """Asks one thing at a time, each within a time limit that begins when the process is ready."""

    def __init__(self) -> None:
        self._engine = Engine()
        self._turn = asyncio.Lock()
        self._ready_pid: int | None = None
        """Of the process that has once answered, and with that has imported all that the first answer needs."""
        self._tidying: asyncio.Task[None] | None = None

    async def ask(self, request: Request, result_type: type[Result], seconds: float) -> Result:
        """The answer of the engine. Cancelling this call interrupts the code that it runs.

        TooSlow where that takes longer than `seconds`; EngineDied where the code ended its process. In both cases the
        next one is asked of a process that works.
        """
        async with self._turn:
            await self._make_ready()
            try:
                async with asyncio.timeout(seconds):
                    return await self._engine.ask(request, result_type)
            except TimeoutError:
                self._tidy_up()
                raise TooSlow(f"it was stopped after {seconds:g} s: does it ever end?") from None
            except EngineDied as error:
                self._tidy_up()
                raise EngineDied(f"it ended the process that ran it: {error}") from error

    async def close(self) -> None:
        if self._tidying is not None:
            self._tidying.cancel()
        await self._engine.close()

    def _tidy_up(self) -> None:
        """See to it at once that the next answer doesn't wait for a process to start."""
        self._tidying = asyncio.create_task(self._have_ready())

    async def _have_ready(self) -> None:
        async with self._turn:
            await self._make_ready()

    async def _make_ready(self) -> None:
        """Return when the process waits for work; one that is stuck in code that can't be interrupted is ended."""
        if self._ready_pid is not None and self._engine.pid == self._ready_pid:
            try:
                async with asyncio.timeout(GRACE):
                    await self._engine.ask(GetBuiltinSource(model=MODELS[0]), BuiltinSource)
            except (TimeoutError, EngineDied):
                await self._engine.close()
            else:
                return
        await self._engine.ask(GetShapes(model=MODELS[0], input_size=(1, 28, 28)), ShapeTable)
        self._ready_pid = self._engine.pid
