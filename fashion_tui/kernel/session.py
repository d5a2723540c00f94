"""The UI's interface to the user's kernel. A session runs code in the kernel, and replaces the kernel when it dies.

Use a session in one asyncio loop only. A session never blocks the loop. User code can't harm the UI's process: if
outputs arrive too fast, only the newest outputs are kept, and if the kernel dies, the session reports this in one line
and starts a new kernel.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeVar

import msgspec

from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.kernel import KernelSetup, Probe

from . import protocol
from .buffer import OutputBuffer
from .connection import Connection
from .outputs import Completeness, Completions, Died, DoneStatus, Inspection, Output, State, StateChanged
from .process import KernelFailed, KernelProcess, KernelUnresponsive
from .runtime_directory import RuntimeDirectory

Answer = TypeVar("Answer")

_RESTARTED = "a new one is starting; your variables are lost"
_NOT_RESTARTED = "run a cell to start a new one"


class KernelSession:
    """Runs the user's kernel and replaces it with a new one when it dies."""

    def __init__(self, dataset: DatasetRef | None, runs_directory: Path | None = None) -> None:
        self.dataset = dataset
        """The data set for `train_data` and `test_data` in the next kernel. If None, these names are undefined."""
        self._runs_directory = runs_directory
        """The directory that `runs` lists. If None, `runs` is undefined."""
        self._columns = 80
        """Width of the transcript, in columns."""
        self.state: State = "dead"
        self._connection: Connection | None = None
        """The connection to the kernel, or None if no kernel is ready."""
        self._starting: KernelProcess | None = None
        """The kernel that is being started, or None."""
        self._watcher: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        """Lock held while a kernel is started, replaced or ended."""
        self._directory: RuntimeDirectory | None = None
        self._kernels_started = 0
        self._closed = False
        self._events = OutputBuffer()

    @property
    def pid(self) -> int | None:
        """Process id of the kernel, or None if no kernel is ready."""
        return self._connection.process.pid if self._connection else None

    @property
    def connection_file(self) -> Path | None:
        """The file that other front ends need to connect to the kernel, or None if no kernel is ready."""
        return self._connection.process.connection_file if self._connection else None

    async def start(self) -> None:
        """Start a kernel, if none is running, and wait until it is ready.

        Torch and the data are loaded later, in the background. Raises KernelFailed if the kernel ends before it is
        ready.
        """
        async with self._lock:
            if self._connection is None:
                await self._launch()

    async def events(self) -> AsyncIterator[Output]:
        """Yield the outputs that don't belong to a running execution.

        These outputs are state changes, reports that a kernel died, and outputs that arrive after the end of their
        cell. The iterator never ends. Use only one such iterator at a time.
        """
        while True:
            yield await self._events.get()

    async def execute(self, code: str, cell: str = "") -> AsyncIterator[Output]:
        """Run code as a cell and yield its outputs. The last output is `Done`.

        The cell runs after the cells that were submitted before it. Outputs that arrive after `Done` are yielded by
        `events`, wrapped in `Late` with the id `cell` unless `cell` is empty. If no kernel is running, a
        kernel is started first. Raises KernelFailed if the kernel can't be started.
        """
        await self.start()
        if self._connection is None:  # closed while starting
            return
        execution = self._connection.execute(code, cell)
        try:
            async for output in execution.outputs.until_done():
                yield output
        finally:
            execution.abandoned = True

    async def interrupt(self) -> None:
        """Interrupt the running code, as ctrl+c does. Do nothing if no code is running."""
        if self._connection is not None:
            await self._connection.interrupt()

    async def restart(self) -> None:
        """End the kernel, even if it is busy, and start a new one. Raises KernelFailed if the new kernel fails."""
        async with self._lock:
            await self._end_kernel("aborted")
            await self._launch()

    def set_width(self, columns: int) -> None:
        """Set the width of the output of this kernel and of later kernels, in columns."""
        self._columns = columns
        if self._connection is not None:
            self._connection.set_width(columns)

    async def send_input(self, text: str | None) -> None:
        """Send the line that `input()` returns, or None to make `input()` raise EOFError."""
        if self._connection is not None:
            self._connection.send_input(text)

    async def complete(self, code: str, cursor: int, max_wait: float = 10.0) -> Completions:
        """Return the completions at `cursor`, an index into `code`.

        The result is empty if no reply arrives within `max_wait` seconds. A new kernel can't complete code that uses
        torch until torch is imported.
        """
        content: dict[str, object] = {"code": code, "cursor_pos": cursor}
        if self._connection is not None:
            reply = await self._connection.request("complete_request", content, protocol.CompleteContent, max_wait)
            if reply is not None:
                return Completions(reply.matches, reply.cursor_start, reply.cursor_end)
        return Completions((), cursor, cursor)

    async def is_complete(self, code: str, max_wait: float = 0.2) -> Completeness:
        """Return whether code is ready to run, or `unknown` if no reply arrives within `max_wait` seconds."""
        if self._connection is not None:
            content: dict[str, object] = {"code": code}
            reply = await self._connection.request("is_complete_request", content, protocol.IsCompleteContent, max_wait)
            if reply is not None:
                return Completeness(reply.status, reply.indent)
        return Completeness("unknown")

    async def inspect(self, code: str, cursor: int, max_wait: float = 2.0) -> Inspection:
        """Return the documentation of the name or the called function at `cursor`, an index into `code`.

        The status is `unknown` if no reply arrives within `max_wait` seconds.
        """
        content: dict[str, object] = {"code": code, "cursor_pos": cursor, "detail_level": 0}
        if self._connection is not None:
            reply = await self._connection.request("inspect_request", content, protocol.InspectContent, max_wait)
            if reply is not None:
                return protocol.inspection(reply)
        return Inspection("unknown")

    async def probe(self, probe: Probe, answer_type: type[Answer], max_wait: float = 5.0) -> Answer | None:
        """Ask the kernel about the user's tensors or variables, and return the answer.

        Return None if no reply arrives within `max_wait` seconds, or if torch isn't imported yet. Raises UserError with
        the reason if the kernel can't answer.
        """
        if self._connection is None:
            return None
        content: dict[str, object] = msgspec.to_builtins(probe)
        reply = await self._connection.request(protocol.PROBE_REQUEST, content, protocol.ProbeContent, max_wait)
        if reply is None or not reply.ready:
            return None
        if reply.problem:
            raise UserError(reply.problem)
        try:
            return msgspec.json.decode(reply.answer, type=answer_type)
        except msgspec.DecodeError:  # user code may have sent the reply, because it can write to the sockets
            return None

    async def close(self) -> None:
        """End the kernel and remove its files. The last output of each running or queued execution is `Done`."""
        self._closed = True
        if self._starting is not None:
            self._starting.kill()  # makes `start` stop waiting and release the lock
        async with self._lock:
            await self._end_kernel("aborted")
            if self._directory is not None:
                self._directory.remove()
                self._directory = None

    async def _launch(self) -> None:
        """Start a kernel. If the kernel doesn't respond in time, try once more."""
        try:
            await self._launch_once()
        except KernelUnresponsive:
            await self._launch_once()

    async def _launch_once(self) -> None:
        if self._closed:
            raise KernelFailed("the kernel is closed")
        self._set_state("starting")
        connection = None
        try:
            await asyncio.to_thread(importlib.import_module, "jupyter_client.asynchronous.client")
            if self._directory is None:
                self._directory = RuntimeDirectory()
            self._kernels_started += 1
            runs_directory = None if self._runs_directory is None else str(self._runs_directory)
            columns = self._columns
            setup = KernelSetup(dataset=self.dataset, runs_directory=runs_directory, columns=columns)
            self._starting = await KernelProcess.start(self._directory.path / str(self._kernels_started), setup)
            connection = Connection(self._starting, self._events, self._update_state)
            if self._closed:
                raise KernelFailed("the kernel is closed")  # noqa: TRY301
            await connection.until_ready()
        except OSError as error:
            self._set_state("dead")
            raise KernelFailed(f"can't start the kernel: {error.strerror or error}") from error
        except BaseException:
            if connection is not None:
                await connection.close("died")
            self._set_state("dead")
            raise
        finally:
            self._starting = None
        self._connection = connection
        if self._columns != columns:
            connection.set_width(self._columns)
        self._update_state()
        self._watcher = asyncio.create_task(self._watch(connection))

    async def _watch(self, connection: Connection) -> None:
        """Wait until the kernel dies, report its death and start a new kernel.

        If the kernel hasn't run any code, don't start a new one, because the new one would probably die too.
        """
        reason = await connection.ended
        async with self._lock:
            if self._connection is not connection or self._closed:
                return
            consequence = _RESTARTED if connection.has_run else _NOT_RESTARTED
            connection.current_buffer().put(Died(f"{reason} · {consequence}"))
            await self._end_kernel("died")
            if not connection.has_run:
                return
            try:
                await self._launch()
            except KernelFailed as error:
                self._events.put(Died(str(error)))

    async def _end_kernel(self, status: DoneStatus) -> None:
        """End the kernel, if there is one. The running execution ends with `status`."""
        connection, self._connection = self._connection, None
        if self._watcher is not None and self._watcher is not asyncio.current_task():
            self._watcher.cancel()
        if connection is not None:
            await connection.close(status)
        self._set_state("dead")

    def _update_state(self) -> None:
        if self._connection is not None:
            self._set_state("busy" if self._connection.busy else "idle")

    def _set_state(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._events.put(StateChanged(state))
