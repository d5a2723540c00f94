"""The engine that runs the user's own code, with a time limit for each request.

It runs in a separate process from the app's engine, so that an endless loop or a crash in a custom model affects
nothing else.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from fashion_tui.engine.client import Engine, EngineDied, EngineStuck
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import MODELS, CustomModel
from fashion_tui.schema.requests import GetBuiltinSource, GetShapes, Request
from fashion_tui.schema.shapes import ShapeTable

Result = TypeVar("Result")

PING_TIMEOUT = 1.5
"""Timeout for a trivial request, in seconds. A process that doesn't reply in time is replaced."""

MAX_SILENCE = 120.0
"""Maximum time for the process to get ready for requests, in seconds."""


class TimeLimitExceeded(UserError):
    """Raised when the code was interrupted because it took too long."""


class SandboxEngine:
    """Sends one request at a time to its process. A request's time limit starts once the process is ready."""

    def __init__(self) -> None:
        self._engine = Engine(MAX_SILENCE)
        self._lock = asyncio.Lock()
        self._ready_pid: int | None = None
        """Id of the last process that has answered a request and has therefore imported torch."""
        self._restart: asyncio.Task[None] | None = None

    async def ask(
        self,
        request: Request,
        result_type: type[Result],
        time_limit: float | None,
        so_far: Callable[[Result], None] | None = None,
    ) -> Result:
        """Return the engine's reply. Cancelling this call interrupts the code. See `Engine.ask` for `so_far`.

        Raises TimeLimitExceeded after `time_limit` seconds, unless it is None, and EngineDied if the code ends its
        process. After either error, the process is replaced if necessary, so the next request is answered as usual.
        """
        async with self._lock:
            try:
                return await self._ask(request, result_type, time_limit, so_far)
            except EngineStuck:  # it is replaced
                return await self._ask(request, result_type, time_limit, so_far)

    async def _ask(
        self,
        request: Request,
        result_type: type[Result],
        time_limit: float | None,
        so_far: Callable[[Result], None] | None,
    ) -> Result:
        await self._make_ready()
        try:
            async with asyncio.timeout(time_limit):
                return await self._engine.ask_once(request, result_type, so_far=so_far)
        except TimeoutError:
            self._restart_in_background()
            raise TimeLimitExceeded(f"stopped after {time_limit:g} s; check for an endless loop") from None
        except EngineStuck:
            raise
        except EngineDied as error:
            self._restart_in_background()
            raise EngineDied(f"the code ended its process: {error}") from error

    async def close(self) -> None:
        if self._restart is not None:
            self._restart.cancel()
        await self._engine.close()

    def _restart_in_background(self) -> None:
        """Start preparing the process for the next request, so that the request doesn't have to wait."""
        self._restart = asyncio.create_task(self._make_ready_alone())

    async def _make_ready_alone(self) -> None:
        async with self._lock:
            await self._make_ready()

    async def _make_ready(self) -> None:
        """Wait until the process is idle. Replace it if it is stuck in code that ignores interrupts."""
        if self._ready_pid is not None and self._engine.pid == self._ready_pid:
            try:
                async with asyncio.timeout(PING_TIMEOUT):
                    await self._engine.ask(GetBuiltinSource(model=MODELS[0]), CustomModel)
            except (TimeoutError, EngineDied):
                await self._engine.close()
            else:
                return
        await self._engine.ask(GetShapes(model=MODELS[0], live=True), ShapeTable)
        self._ready_pid = self._engine.pid
