"""The client of the engine, used by panes and commands. Doesn't import torch."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from fashion_tui.schema.requests import Request

from .process import EngineDied, EngineProcess, EngineStuck

__all__ = ["Engine", "EngineDied", "EngineStuck"]

Result = TypeVar("Result")


class Engine:
    """A connection to one engine process, which is started by the first request and restarted after a crash.

    The process handles one request at a time. Use a separate Engine for requests that execute user code: an endless
    loop in that code then doesn't delay other requests, and `close` ends it. Engine is not thread-safe: use each
    instance in one event loop only.
    """

    def __init__(self, max_silence: float | None = None) -> None:
        """Create a client.

        If `max_silence` is given, the process is replaced when it has been working on a request for more than
        `max_silence` seconds without reporting progress.
        """
        self._max_silence = max_silence
        self._process: EngineProcess | None = None
        self._starting: asyncio.Task[EngineProcess] | None = None

    async def ask(
        self,
        request: Request,
        result_type: type[Result],
        progress: Callable[[int, int], None] | None = None,
        so_far: Callable[[Result], None] | None = None,
    ) -> Result:
        """Send a request and return its result. `result_type` must be the type named in the request's docstring.

        `progress(done, total)` is called in the event loop and, for requests whose docstring says so, also
        `so_far(result)` with the result so far. Cancelling the coroutine cancels the request.

        If the process doesn't respond or has lost the request or the reply, the process is replaced and the request is
        sent once more.

        Raises UserError if the engine reports an error, UntrustedSource if the request would execute untrusted code,
        and EngineDied if the process ends. The next request starts a new process.
        """
        try:
            return await self.ask_once(request, result_type, progress, so_far)
        except EngineStuck:
            return await self.ask_once(request, result_type, progress, so_far)

    async def ask_once(
        self,
        request: Request,
        result_type: type[Result],
        progress: Callable[[int, int], None] | None = None,
        so_far: Callable[[Result], None] | None = None,
    ) -> Result:
        """Like `ask`, but raises EngineStuck instead of sending a request twice. The next call starts a new process."""
        process = await self._running_process()
        try:
            return await process.ask(request, result_type, progress, so_far, self._max_silence)
        except EngineStuck as error:
            if self._process is process:
                self._process = None
                await process.replace(str(error))
            raise

    async def close(self) -> None:
        """End the process, even if it is busy.

        Pending requests raise EngineDied. The next request starts a new process.
        """
        if self._starting is not None:
            await asyncio.wait([self._starting])
        process, self._process = self._process, None
        if process is not None:
            await process.end()

    @property
    def pid(self) -> int | None:
        """The process id, or None if no process is running."""
        return self._process.pid if self._process is not None and self._process.alive else None

    async def _running_process(self) -> EngineProcess:
        if self._process is not None and self._process.alive:
            return self._process
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        # Shielded: if this request is cancelled, other requests may still be waiting for the same process.
        return await asyncio.shield(self._starting)

    async def _start(self) -> EngineProcess:
        try:
            self._process = await EngineProcess.start()
        except OSError as error:
            raise EngineDied(f"can't start the engine: {error.strerror or error}") from error
        else:
            return self._process
        finally:
            self._starting = None
