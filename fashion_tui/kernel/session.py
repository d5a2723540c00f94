"""The person's kernel as the UI knows it: runs code, and outlives the deaths of its processes.

Everything here belongs to one asyncio loop and never blocks it. Nothing that the kernel does can hurt this process: a
flood of output is cut to its newest part, a kernel that dies is told of in one line and replaced.
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
from .process import KernelFailed, KernelProcess
from .runtime_directory import RuntimeDirectory

Answer = TypeVar("Answer")

_FRESH = "a fresh one follows; what you defined is gone"
_TRY_AGAIN = "it had run nothing: run something to try again"


class KernelSession:
    """A kernel, and the next one when it dies."""

    def __init__(self, dataset: DatasetRef | None, runs_directory: Path | None = None) -> None:
        self.dataset = dataset
        """What `train_data` and `test_data` hold in the next kernel that starts; None: it goes without."""
        self._runs_directory = runs_directory
        """What `runs` lists; None: it goes without."""
        self.state: State = "dead"
        self._connection: Connection | None = None
        """To a kernel that has answered."""
        self._launching: KernelProcess | None = None
        """A kernel that hasn't answered yet."""
        self._watching: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        """Held while one kernel goes and the next one comes."""
        self._folder: RuntimeDirectory | None = None
        self._kernels = 0
        self._closed = False
        self._events = OutputBuffer()

    @property
    def pid(self) -> int | None:
        """Of the kernel's process; None where none is ready."""
        return self._connection.process.pid if self._connection else None

    @property
    def connection_file(self) -> Path | None:
        """By which other front ends find the kernel; None where none is ready."""
        return self._connection.process.connection_file if self._connection else None

    async def start(self) -> None:
        """Returns when the kernel answers; torch and the data come to it in the background.

        KernelFailed, in one line, where it ends before that. Does nothing where a kernel lives.
        """
        async with self._changing:
            if self._connection is None:
                await self._launch()

    async def events(self) -> AsyncIterator[Output]:
        """What belongs to no execution: changes of state, deaths, what a thread prints later. One reader; endless."""
        while True:
            yield await self._events.get()

    async def execute(self, code: str) -> AsyncIterator[Output]:
        """Runs code as a cell, after those that were asked for before it. The last output is `Done`.

        Starts a kernel where none lives; KernelFailed where that fails.
        """
        await self.start()
        if self._connection is None:  # closed meanwhile
            return
        execution = self._connection.execute(code)
        try:
            async for output in execution.outputs.until_done():
                yield output
        finally:
            execution.abandoned = True

    async def interrupt(self) -> None:
        """As ctrl+c does; nothing where no code runs."""
        if self._connection is not None and self._connection.busy:
            self._connection.process.interrupt()

    async def restart(self) -> None:
        """Ends the kernel, whatever it does, and starts a fresh one. KernelFailed as in `start`."""
        async with self._changing:
            await self._discard("aborted")
            await self._launch()

    async def send_input(self, text: str | None) -> None:
        """What `input()` gets; None ends it with EOFError."""
        if self._connection is not None:
            self._connection.send_input(text)

    async def complete(self, code: str, cursor: int, wait: float = 10.0) -> Completions:
        """What may stand at the cursor, an index into `code`; nothing where no answer comes within `wait` seconds.

        In a fresh kernel the answer waits for torch where the code needs it.
        """
        request: dict[str, object] = {"code": code, "cursor_pos": cursor}
        if self._connection is not None:
            found = await self._connection.ask("complete_request", request, protocol.CompleteContent, wait)
            if found is not None:
                return Completions(found.matches, found.cursor_start, found.cursor_end)
        return Completions((), cursor, cursor)

    async def is_complete(self, code: str, wait: float = 0.2) -> Completeness:
        """Whether code is ready to run; `unknown` where no answer comes within `wait` seconds."""
        if self._connection is not None:
            found = await self._connection.ask("is_complete_request", {"code": code}, protocol.IsCompleteContent, wait)
            if found is not None:
                return Completeness(found.status, found.indent)
        return Completeness("unknown")

    async def inspect(self, code: str, cursor: int, wait: float = 2.0) -> Inspection:
        """Signature and docstring of the name at the cursor, or of what is called there.

        `unknown` where no answer comes within `wait` seconds.
        """
        request: dict[str, object] = {"code": code, "cursor_pos": cursor, "detail_level": 0}
        if self._connection is not None:
            found = await self._connection.ask("inspect_request", request, protocol.InspectContent, wait)
            if found is not None:
                return protocol.inspected(found)
        return Inspection("unknown")

    async def probe(self, question: Probe, answer_type: type[Answer], wait: float = 5.0) -> Answer | None:
        """What the kernel knows of the person's tensors; UserError where it knows why it can't say.

        None where no answer comes within `wait` seconds, or the kernel can't give any yet.
        """
        if self._connection is None:
            return None
        found = await self._connection.ask(
            protocol.PROBE_REQUEST, msgspec.to_builtins(question), protocol.ProbeContent, wait
        )
        if found is None or not found.ready:
            return None
        if found.problem:
            raise UserError(found.problem)
        try:
            return msgspec.json.decode(found.answer, type=answer_type)
        except msgspec.DecodeError:  # a program in the kernel may answer in its place
            return None

    async def close(self) -> None:
        """Ends the kernel and removes its files. What still runs ends with `Done`."""
        self._closed = True
        if self._launching is not None:
            self._launching.kill()  # or we would wait for its first answer
        async with self._changing:
            await self._discard("aborted")
            if self._folder is not None:
                self._folder.remove()
                self._folder = None

    async def _launch(self) -> None:
        if self._closed:
            raise KernelFailed("the kernel is closed")
        self._set_state("starting")
        connection = None
        try:
            await asyncio.to_thread(importlib.import_module, "jupyter_client.asynchronous.client")
            if self._folder is None:
                self._folder = RuntimeDirectory()
            self._kernels += 1
            runs = None if self._runs_directory is None else str(self._runs_directory)
            world = KernelSetup(dataset=self.dataset, runs_directory=runs)
            self._launching = await KernelProcess.start(self._folder.path / str(self._kernels), world)
            connection = Connection(self._launching, self._events, self._show_state)
            if self._closed:
                raise KernelFailed("the kernel is closed")  # noqa: TRY301
            await connection.until_ready()
        except OSError as error:
            self._set_state("dead")
            raise KernelFailed(f"the kernel can't be started: {error.strerror or error}") from error
        except BaseException:
            if connection is not None:
                await connection.close("died")
            self._set_state("dead")
            raise
        finally:
            self._launching = None
        self._connection = connection
        self._show_state()
        self._watching = asyncio.create_task(self._watch(connection))

    async def _watch(self, connection: Connection) -> None:
        """Waits for a kernel's death, tells of it, and puts the next one in its place."""
        reason = await connection.ended
        async with self._changing:
            if self._connection is not connection or self._closed:
                return
            connection.current().put(Died(f"{reason} · {_FRESH if connection.has_run else _TRY_AGAIN}"))
            await self._discard("died")
            if not connection.has_run:
                return
            try:
                await self._launch()
            except KernelFailed as error:
                self._events.put(Died(str(error)))

    async def _discard(self, status: DoneStatus) -> None:
        """Ends the kernel, if there is one."""
        connection, self._connection = self._connection, None
        if self._watching is not None and self._watching is not asyncio.current_task():
            self._watching.cancel()
        if connection is not None:
            await connection.close(status)
        self._set_state("dead")

    def _show_state(self) -> None:
        if self._connection is not None:
            self._set_state("busy" if self._connection.busy else "idle")

    def _set_state(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._events.put(StateChanged(state))
