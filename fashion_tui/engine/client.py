"""The client's side of the engine: started when first asked, told apart by calls, started again after a crash.

Imports no torch: this is what the panes and the commands use.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from fashion_tui.schema.requests import Request

from .process import EngineDied, EngineProcess

__all__ = ["Engine", "EngineDied"]

Result = TypeVar("Result")


class Engine:
    """Asks one engine process. For an event loop of its own; not for several threads.

    The process answers one request after the other. Whoever runs code that a person wrote takes an Engine of its own
    for it, so that an endless loop there delays nobody else, and may `close` it at any time.
    """

    def __init__(self) -> None:
        self._process: EngineProcess | None = None
        self._starting: asyncio.Task[EngineProcess] | None = None

    async def ask(
        self, request: Request, result_type: type[Result], progress: Callable[[int, int], None] | None = None
    ) -> Result:
        """The answer to a request, of the type that the request's docstring names.

        `progress(done, total)` is called in the event loop. Cancelling this call cancels the request. UserError where
        the engine says what is wrong, UntrustedSource where it would have to execute code from elsewhere; EngineDied
        where it ended meanwhile: the next ask starts it again.
        """
        process = await self._living()
        return await process.ask(request, result_type, progress)

    async def close(self) -> None:
        """Ends the process, whatever it is doing; calls still under way get EngineDied. An ask would start another."""
        if self._starting is not None:
            await asyncio.wait([self._starting])
        process, self._process = self._process, None
        if process is not None:
            await process.end()

    @property
    def pid(self) -> int | None:
        """Of the living process; None while there is none."""
        return self._process.pid if self._process is not None and self._process.alive else None

    async def _living(self) -> EngineProcess:
        if self._process is not None and self._process.alive:
            return self._process
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        # Shielded: the start belongs to all who wait for it, not to the first one, who may give up.
        return await asyncio.shield(self._starting)

    async def _start(self) -> EngineProcess:
        try:
            self._process = await EngineProcess.start()
            return self._process
        finally:
            self._starting = None
