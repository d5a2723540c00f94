"""The client's handle for one engine process."""

import asyncio
import os
import socket
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fashion_tui.files import read_tail
from fashion_tui.machine.compiler_caches import with_private_caches
from fashion_tui.machine.signals import signal_name
from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.requests import Request

from .protocol import (
    HEADER,
    NONE,
    BrokenStream,
    Call,
    CallState,
    Cancel,
    Check,
    Failure,
    Progress,
    Reply,
    Status,
    ToClient,
    body_length,
    decode_for_client,
    encode_frame,
)

Result = TypeVar("Result")

LOG_TAIL_BYTES = 64 << 10
"""Number of bytes to read from the end of the engine's log, to find its last line."""

MAX_LINE = 300
"""Number of characters of the log's last line in an error message. If the line is longer, only its end is shown."""

START_TIMEOUT = 120.0
"""Timeout, in seconds, for a new process to import torch. After that, the process is replaced."""

CHECK_INTERVAL = 1.0
"""Seconds between checks of a pending call."""

CHECK_TIMEOUT = 30.0
"""Timeout for a reply to a check, in seconds. If no reply arrives in time, the process is replaced."""

CANCEL_TIMEOUT = 5.0
"""Timeout, in seconds, for the process to stop working on a cancelled call. After that, the process is replaced."""

EXIT_TIMEOUT = 2.0
"""Timeout, in seconds, for a process to exit after its socket is closed. After that, the process is killed."""


class EngineDied(UserError):
    """Raised when the engine ends while a request is pending."""


class EngineStuck(EngineDied):
    """Raised when the process must be replaced because it doesn't respond, makes no progress or has lost a request."""


class EngineFailure(UserError):
    """An error reported by the engine. `exit_code` is the exit status of the command."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.exit_code = failure.exit_code
        self.fields = failure.fields


@dataclass
class _PendingCall:
    result: asyncio.Future[Any]
    result_type: Any
    progress: Callable[[int, int], None] | None
    so_far: Callable[[Any], None] | None
    checked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the engine replies to a `Check` message about this call."""
    state: CallState = "starting"
    """State of the call as the engine last reported it."""
    last_sign: float = field(default_factory=time.monotonic)
    """Start of the current silence: the last progress report, or the last check at which the call wasn't running."""


class EngineProcess:
    """A child process and the socket connected to it. `alive` becomes False when the connection ends."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Path) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._log = log
        self._last_id = 0
        self._pending: dict[int, _PendingCall] = {}
        """The calls that the process may still work on, including those that were cancelled a moment ago."""
        self._cancelling: set[asyncio.Task[None]] = set()
        """Tasks that check whether the process goes on with a cancelled call."""
        self._closed = False
        self._replaced: str | None = None
        """Reason why this process is being replaced, or None."""
        self._started = time.monotonic()
        self._has_started = False
        """Whether the process has sent a message, which shows that it has imported torch."""
        self.alive = True
        self._reading: asyncio.Task[str] = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls) -> "EngineProcess":
        """Start a process in its own session, so that signals from the terminal don't reach it.

        This method doesn't wait for the process to import torch.
        """
        descriptor, name = tempfile.mkstemp(prefix="fashion-tui-engine-", suffix=".log")
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                # -P keeps files in the current directory from shadowing modules.
                *(sys.executable, "-P", "-m", "fashion_tui.engine", "--fd", str(theirs.fileno()), "--log", name),
                stdin=DEVNULL,
                stdout=descriptor,
                stderr=STDOUT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env=with_private_caches(os.environ),
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
        self,
        request: Request,
        result_type: type[Result],
        progress: Callable[[int, int], None] | None,
        so_far: Callable[[Result], None] | None,
        max_silence: float | None,
    ) -> Result:
        """Send a request and return its result.

        Raises EngineStuck if the process doesn't respond or has lost the request, or if it works on the request for
        more than `max_silence` seconds without reporting progress.
        """
        if not self.alive:
            raise EngineDied(await asyncio.shield(self._reading))
        self._last_id += 1
        call_id = self._last_id
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        call = self._pending[call_id] = _PendingCall(result, result_type, progress, so_far)
        watch = asyncio.create_task(self._watch(call_id, call, max_silence))
        try:
            # Writing to a dead engine raises no error. The reading task makes the call fail when the socket closes.
            self._writer.write(encode_frame(Call(call_id, request)))  # type: ignore[arg-type]
            return await result
        finally:
            watch.cancel()
            if self.alive and (result.cancelled() or not result.done()):
                result.cancel()
                self._writer.write(encode_frame(Cancel(call_id)))
                self._cancelling.add(asyncio.create_task(self._watch_cancelled(call_id, call)))
            else:
                del self._pending[call_id]

    async def _watch(self, call_id: int, call: _PendingCall, max_silence: float | None) -> None:
        """Check regularly whether the process is still working on the call. If it isn't, make the call fail."""
        problem = None
        while problem is None:
            await asyncio.sleep(CHECK_INTERVAL)
            call.checked.clear()
            if self.alive:
                self._writer.write(encode_frame(Check(call_id)))
            timeout = CHECK_TIMEOUT if self._has_started else START_TIMEOUT
            try:
                async with asyncio.timeout(timeout):
                    await call.checked.wait()
            except TimeoutError:
                problem = f"it didn't respond for {timeout:g} s"
            else:
                problem = self._problem_of(call, max_silence)
        if not call.result.done():
            call.result.set_exception(EngineStuck(f"the engine was replaced: {problem}"))

    async def _watch_cancelled(self, call_id: int, call: _PendingCall) -> None:
        """End the process if it still works on a cancelled call after CANCEL_TIMEOUT, so that other calls can go on."""
        await asyncio.sleep(CANCEL_TIMEOUT)
        call.checked.clear()
        self._writer.write(encode_frame(Check(call_id)))
        with suppress(TimeoutError):
            async with asyncio.timeout(CHECK_TIMEOUT):
                await call.checked.wait()
        del self._pending[call_id]
        if call.state == "running":
            await self.replace("it went on with a cancelled request")

    def _problem_of(self, call: _PendingCall, max_silence: float | None) -> str | None:
        now = time.monotonic()
        if call.state != "running":
            call.last_sign = now
        if call.state == "unknown":  # messages arrive in order: a reply would have arrived before this status
            return "it lost the request or the reply"
        if call.state == "starting" and now - self._started > START_TIMEOUT:
            return f"it didn't start within {START_TIMEOUT:g} s"
        if max_silence is not None and now - call.last_sign > max_silence:
            return f"it made no progress for {max_silence:g} s"
        return None

    async def replace(self, reason: str) -> None:
        """End the process so that another one can take over. Pending requests raise EngineStuck."""
        self._replaced = reason
        await self.end()

    async def end(self) -> None:
        """End the process by closing its socket, even in the middle of a computation."""
        self._closed = True
        self._writer.close()
        await asyncio.shield(self._reading)

    async def _read(self) -> str:
        """Dispatch frames until the stream ends. Then make the pending calls fail, and return why the process ended."""
        problem = ""
        try:
            while True:
                header = await self._reader.readexactly(HEADER.size)
                self._dispatch(decode_for_client(await self._reader.readexactly(body_length(header))))
        except (EOFError, OSError):
            pass
        except BrokenStream as error:
            problem = f"it sent invalid data: {error}"
        self.alive = False
        self._writer.close()
        reason = await self._exit_reason(problem)
        for task in self._cancelling:
            task.cancel()
        for call in self._pending.values():
            if not call.result.done():
                call.result.set_exception(EngineDied(reason) if self._replaced is None else EngineStuck(self._replaced))
        return reason

    def _dispatch(self, message: ToClient) -> None:
        self._has_started = True
        call = self._pending.get(message.id)
        if call is None:
            return
        if isinstance(message, Status):
            call.state = message.state
            call.checked.set()
        elif not call.result.done():  # otherwise, the call was cancelled
            self._deliver(message, call)

    def _deliver(self, message: Progress | Reply | Failure, call: _PendingCall) -> None:
        """Set the result of a call, or report its progress."""
        try:
            if isinstance(message, Progress):
                call.last_sign = time.monotonic()
                if call.progress is not None:
                    call.progress(message.done, message.total)
                if call.so_far is not None and message.so_far != NONE:
                    call.so_far(msgspec.msgpack.decode(message.so_far, type=call.result_type))
            elif isinstance(message, Reply):
                call.result.set_result(msgspec.msgpack.decode(message.result, type=call.result_type))
            elif message.untrusted:
                call.result.set_exception(UntrustedSource(message.message))
            else:
                call.result.set_exception(EngineFailure(message))
        except msgspec.DecodeError as error:
            call.result.set_exception(UserError(f"the engine's result has an unexpected type: {error}"))
        except Exception as error:  # noqa: BLE001 - raised by the caller's functions; fails only that call
            call.result.set_exception(error)

    async def _exit_reason(self, problem: str) -> str:
        """Wait for the process to exit, and kill it after a timeout. Return a line that says why it ended."""
        try:
            code = await asyncio.wait_for(self._process.wait(), EXIT_TIMEOUT)
        except TimeoutError:
            with suppress(ProcessLookupError):  # it has exited meanwhile
                self._process.kill()
            code = await self._process.wait()
        if self._closed:
            return "the engine was closed before it could answer"
        lines = _lines(self._log)
        if not lines:
            self._log.unlink(missing_ok=True)
        log = f"; see {self._log}" if lines else ""
        if problem:
            return f"the engine was ended because {problem}{log}"
        if code < 0:
            return f"the engine was killed by {signal_name(-code)}; the next request restarts it{log}"
        last = f": {lines[-1][-MAX_LINE:]}" if lines else ""
        return f"the engine exited unexpectedly with exit code {code}{last}{log}"


def _lines(log: Path) -> list[str]:
    try:
        content = read_tail(log, LOG_TAIL_BYTES).decode(errors="replace")
    except OSError:
        return []
    return [line.strip() for line in content.splitlines() if line.strip()]
