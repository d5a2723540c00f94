"""One engine process as its client sees it, from its start to its death."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.requests import Request

from .protocol import (
    HEADER,
    BrokenStream,
    Call,
    Cancel,
    Failure,
    Progress,
    Reply,
    ToClient,
    body_length,
    decode_for_client,
    frame,
)

Result = TypeVar("Result")

PATIENCE = 2.0
"""Seconds that an engine whose socket is closed gets to end by itself."""


class EngineDied(UserError):
    """The engine ended with calls under way."""


class EngineFailure(UserError):
    """What the engine's Failure said, with its exit code."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.exit_code = failure.exit_code


@dataclass(frozen=True)
class _Waiting:
    """A call under way."""

    answer: asyncio.Future[Any]
    result_type: Any
    progress: Callable[[int, int], None] | None


class EngineProcess:
    """Holds the socket to a child process. `alive` is False from the moment its end is noticed."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Path) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._log = log
        self._calls = 0
        self._waiting: dict[int, _Waiting] = {}
        self._ended_by_us = False
        self.alive = True
        self._reading: asyncio.Task[str] = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls) -> "EngineProcess":
        """Starts a process of its own session, so that a terminal's signals don't reach it. It imports torch later."""
        descriptor, name = tempfile.mkstemp(prefix="fashion-tui-engine-", suffix=".log")
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                # -P: no file of the current directory can pass itself off as a module.
                *(sys.executable, "-P", "-m", "fashion_tui.engine", "--fd", str(theirs.fileno()), "--log", name),
                stdin=DEVNULL,
                stdout=descriptor,
                stderr=STDOUT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            os.unlink(name)  # noqa: PTH108
            raise
        finally:
            theirs.close()
            os.close(descriptor)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        return cls(process, reader, writer, Path(name))

    async def ask(
        self, request: Request, result_type: type[Result], progress: Callable[[int, int], None] | None
    ) -> Result:
        if not self.alive:
            raise EngineDied(await asyncio.shield(self._reading))
        self._calls += 1
        number = self._calls
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[number] = _Waiting(answer, result_type, progress)
        try:
            # A write to a dead engine raises nothing here: the reading task notices and settles the answer.
            self._writer.write(frame(Call(number, request)))  # type: ignore[arg-type]
            return await answer
        finally:
            del self._waiting[number]
            if self.alive and (answer.cancelled() or not answer.done()):
                self._writer.write(frame(Cancel(number)))

    async def end(self) -> None:
        """Ends the process now: it leaves when its socket closes, even in the midst of a computation."""
        self._ended_by_us = True
        self._writer.close()
        await asyncio.shield(self._reading)

    async def _read(self) -> str:
        """Hands frames to their calls until the stream ends; then tells those who wait, and returns, why it did."""
        trouble = ""
        try:
            while True:
                header = await self._reader.readexactly(HEADER.size)
                message = decode_for_client(await self._reader.readexactly(body_length(header)))
                self._take(message)
        except (EOFError, OSError):
            pass
        except BrokenStream as error:
            trouble = f"its answer can't be read: {error}"
        self.alive = False
        self._writer.close()
        reason = await self._last_words(trouble)
        for call in self._waiting.values():
            if not call.answer.done():
                call.answer.set_exception(EngineDied(reason))
        return reason

    def _take(self, message: ToClient) -> None:
        waiting = self._waiting.get(message.id)
        if waiting is None or waiting.answer.done():
            return  # cancelled meanwhile
        try:
            if isinstance(message, Progress):
                if waiting.progress is not None:
                    waiting.progress(message.done, message.total)
            elif isinstance(message, Reply):
                waiting.answer.set_result(msgspec.msgpack.decode(message.result, type=waiting.result_type))
            elif message.untrusted:
                waiting.answer.set_exception(UntrustedSource(message.message))
            else:
                waiting.answer.set_exception(EngineFailure(message))
        except msgspec.DecodeError as error:
            waiting.answer.set_exception(UserError(f"the engine's answer isn't what was asked for: {error}"))
        except Exception as error:  # noqa: BLE001 - the caller's own `progress` failed: its call fails, no other
            waiting.answer.set_exception(error)

    async def _last_words(self, trouble: str) -> str:
        """Waits for the end of the process, by force if need be, and says in one line how it ended."""
        try:
            code = await asyncio.wait_for(self._process.wait(), PATIENCE)
        except TimeoutError:
            self._process.kill()
            code = await self._process.wait()
        if self._ended_by_us:
            return "the engine was closed before it could answer"
        lines = _lines(self._log)
        if not lines:
            self._log.unlink(missing_ok=True)
        log = f"; its log: {self._log}" if lines else ""
        if trouble:
            return f"the engine was ended: {trouble}{log}"
        if code < 0:
            return f"the engine was killed by {signal.Signals(-code).name}; the next request starts it again{log}"
        last = f": {lines[-1]}" if lines else ""
        return f"the engine ended by itself with exit code {code}{last}{log}"


def _lines(log: Path) -> list[str]:
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]
