"""The connection to one kernel. It matches each reply to its request, and each output to its cell."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from . import protocol
from .buffer import OutputBuffer
from .outputs import Display, Done, DoneStatus, Error, ExternalDone, Late, Result, Stream
from .process import Channel, KernelFailed, KernelProcess, KernelUnresponsive

Reply = TypeVar("Reply", bound=msgspec.Struct)

START_TIMEOUT = 60.0
"""Timeout for the first response of a new kernel, in seconds."""

_SLICE = 0.005
"""Maximum time to read messages without a pause, in seconds.

The pause lasts equally long, so that other tasks can run.
"""

_QUIET_PERIOD = 1.0
"""An execution counts as done once its reply has arrived and no further output has arrived for this many seconds."""

_CELL_START_TIMEOUT = 1.0
"""Maximum time, in seconds, that an interrupt waits for the kernel to start the cell."""

_MAX_FINISHED = 10_000
"""Maximum number of finished cells that are remembered, so that late outputs can be attributed to them."""


class Execution:
    """A cell that was sent to the kernel."""

    def __init__(self, cell: str) -> None:
        self.cell = cell
        """Id of the cell in `Late` outputs. May be empty."""
        self.outputs = OutputBuffer()
        self.abandoned = False
        """True when `outputs` no longer has a reader. Later outputs go to the background buffer."""
        self.count: int | None = None
        """The cell's execution count, or None until the kernel starts the cell."""
        self.started = asyncio.Event()
        """Set when the kernel starts the cell, or when the execution ends before that."""
        self.interrupt_at_start = False
        """Whether to interrupt the cell when it starts, because the kernel may have ignored an earlier interrupt."""
        self.reply: protocol.ExecuteReplyContent | None = None
        self.is_idle = False
        """True when the kernel has reported that it has sent all outputs of the cell."""
        self.last_message = time.monotonic()
        """Monotonic time, in seconds, at which the last output or the reply arrived."""
        self.exit: Error | None = None
        """The SystemExit that the cell raised, or None. It is shown only if the kernel keeps running."""


class Connection:
    """Sends requests to a kernel and dispatches its messages. Use it in one asyncio loop only."""

    def __init__(self, process: KernelProcess, background: OutputBuffer, on_busy_change: Callable[[], None]) -> None:
        """Connect to a kernel that has already been started.

        `background` receives the outputs that don't belong to any execution. `on_busy_change` is called when `busy` may
        have changed.
        """
        self.process = process
        self.has_run = False
        """True if any front end has executed code in the kernel."""
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Resolves to the reason when the kernel ends unexpectedly."""
        self._background = background
        self._on_busy_change = on_busy_change
        self._executions: dict[str, Execution] = {}
        self._finished: dict[str, str] = {}
        """Maps the ids of finished requests to the ids of their cells, oldest first."""
        self._external_request: str | None = None
        """Id of the running request of another front end, or None."""
        self._replies: dict[str, asyncio.Future[protocol.Message | None]] = {}
        self._reply_checks: dict[str, str] = {}
        """Maps the id of each request sent by `_check_reply` to the id of the execution whose reply is missing."""
        self._iopub_connected = asyncio.Event()
        """Set when the first message arrives on iopub. From then on, no output is missed."""
        self._subshell: str | None = None
        self._tasks = [
            asyncio.create_task(self._read("shell", self._handle_reply)),
            asyncio.create_task(self._read("control", self._handle_reply)),
            asyncio.create_task(self._read("stdin", self._handle_output)),
            asyncio.create_task(self._read("iopub", self._handle_broadcast)),
            asyncio.create_task(self._watch()),
        ]

    @property
    def busy(self) -> bool:
        return bool(self._executions) or self._external_request is not None

    async def until_ready(self) -> None:
        """Wait until the kernel responds. Raises KernelFailed if the kernel ends or takes too long."""
        handshake = asyncio.create_task(self._handshake())
        either: list[asyncio.Future[Any]] = [handshake, self.ended]
        try:
            await asyncio.wait(either, timeout=START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_ready = handshake.done()
            handshake.cancel()
        if is_ready:
            return
        if not self.ended.done():
            raise KernelUnresponsive(f"the kernel didn't respond within {START_TIMEOUT:.0f} s")
        log_line = self.process.last_log_line()
        raise KernelFailed(f"{self.ended.result()} before it was ready" + (f": {log_line}" if log_line else ""))

    def execute(self, code: str, cell: str) -> Execution:
        """Run code as a cell.

        Outputs that arrive after the end of the cell are wrapped in `Late` with the id `cell`, unless `cell` is empty.
        """
        execution = Execution(cell)
        content: dict[str, object] = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": True, "stop_on_error": False}
        self._executions[self.process.send("shell", "execute_request", content)] = execution
        self.has_run = True
        self._on_busy_change()
        return execution

    async def interrupt(self) -> None:
        """Interrupt the running code. Do nothing if no code is running.

        ipykernel ignores SIGINT until it has started the cell, so wait until the cell has started. If that takes long,
        interrupt whatever is running, and the cell when it starts. An interrupt may also prevent the kernel from
        reporting the end of the cell, so check later whether the report was lost.
        """
        running = next(iter(self._executions.items()), None)
        if running is not None:
            request_id, execution = running
            try:
                await asyncio.wait_for(execution.started.wait(), _CELL_START_TIMEOUT)
            except TimeoutError:
                execution.interrupt_at_start = True
            if request_id not in self._executions:
                return
            asyncio.get_running_loop().call_later(_QUIET_PERIOD, self._check_reply, request_id)
        if self.busy:
            self.process.interrupt()

    def send_input(self, text: str | None) -> None:
        """Send the line that `input()` returns, or None to make `input()` raise EOFError."""
        self.process.send("stdin", "input_reply", {"value": "\x04" if text is None else text})

    def set_width(self, columns: int) -> None:
        """Send the width of the transcript to the kernel.

        ipykernel >= 7 applies the width even while a cell is running.
        """
        self.process.send("shell", protocol.WIDTH_CHANGED, {"columns": columns}, self._subshell)

    async def request(
        self, kind: str, content: dict[str, object], reply_type: type[Reply], max_wait: float
    ) -> Reply | None:
        """Send a request that doesn't execute a cell.

        Return the reply, or None if no valid reply arrives within `max_wait` seconds.
        """
        channel: Channel = "control" if kind == "create_subshell_request" else "shell"
        request_id = self.process.send(channel, kind, content, self._subshell)
        reply: asyncio.Future[protocol.Message | None] = asyncio.get_running_loop().create_future()
        self._replies[request_id] = reply
        try:
            async with asyncio.timeout(max_wait):
                message = await reply
            return None if message is None else protocol.content_of(message, reply_type)
        except (TimeoutError, protocol.BadMessage):
            return None
        finally:
            del self._replies[request_id]

    def current_buffer(self) -> OutputBuffer:
        """Return the buffer that receives the outputs of the running code."""
        running = next(iter(self._executions.values()), None)
        return self._background if running is None or running.abandoned else running.outputs

    async def close(self, status: DoneStatus) -> None:
        """End the process: shut it down if it is idle, or kill it if it is busy.

        The running execution ends with `status`, and the queued executions end with "aborted".
        """
        for task in self._tasks:
            task.cancel()
        was_busy = self.busy
        for execution in self._executions.values():
            execution.started.set()
            execution.outputs.put(Done(status, None))
            status = "aborted"
        self._executions.clear()
        for reply in self._replies.values():
            if not reply.done():
                reply.set_result(None)
        await self.process.end(grace_period=0.0 if was_busy or status == "died" else 1.0)

    async def _watch(self) -> None:
        reason = await self.process.wait()
        await asyncio.sleep(2 * _SLICE)  # leave time to read the last messages
        if not self.ended.done():
            self.ended.set_result(reason)

    async def _handshake(self) -> None:
        """Wait until the kernel has sent a reply on the shell channel and a first message on the iopub channel."""
        info = None
        while info is None or not self._iopub_connected.is_set():
            info = await self.request("kernel_info_request", {}, protocol.KernelInfoContent, max_wait=1.0)
            if info is not None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._iopub_connected.wait(), timeout=0.2)
        # A subshell (ipykernel >= 7) is a thread that replies even while a cell is running.
        if "kernel subshells" in info.supported_features:
            created = await self.request("create_subshell_request", {}, protocol.SubshellContent, max_wait=5.0)
            self._subshell = created.subshell_id if created else None

    async def _read(self, channel: Channel, handle: Callable[[protocol.Message], None]) -> None:
        """Handle a channel's messages as they arrive. Under load, leave half of the time to other tasks."""
        while True:
            await self.process.wait_for_message(channel)
            started = time.monotonic()
            while time.monotonic() - started < _SLICE:
                try:
                    message = self.process.next_message(channel)
                    if message is None:
                        break
                    handle(message)
                except protocol.BadMessage:
                    continue
            await asyncio.sleep(min(time.monotonic() - started, 10 * _SLICE))

    def _handle_reply(self, message: protocol.Message) -> None:
        waiting = self._replies.get(message.request)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)
        checked = self._reply_checks.pop(message.request, "")
        execution = self._executions.get(checked)
        if execution is not None and execution.reply is None:
            self._finish(checked, protocol.ExecuteReplyContent("aborted", execution.count))
        execution = self._executions.get(message.request)
        if execution is not None:
            execution.reply = protocol.content_of(message, protocol.ExecuteReplyContent)
            execution.last_message = time.monotonic()
            if execution.is_idle:
                self._finish(message.request, execution.reply)
            else:
                self._finish_when_quiet(message.request, execution.reply)

    def _handle_broadcast(self, message: protocol.Message) -> None:
        self._iopub_connected.set()
        if message.kind == "execute_input":
            self._handle_input(message)
        elif message.kind != "status":
            self._handle_output(message)
        elif protocol.content_of(message, protocol.StatusContent).execution_state == "idle":
            self._handle_idle(message.request)

    def _handle_input(self, message: protocol.Message) -> None:
        """Handle an `execute_input` message, which reports that a cell of this or another front end has started."""
        if (execution := self._executions.get(message.request)) is not None:
            execution.count = protocol.content_of(message, protocol.ExecuteInputContent).execution_count
            execution.started.set()
            if execution.interrupt_at_start:
                self.process.interrupt()
        elif message.client != self.process.client_id:
            self._background.put(protocol.external_input(message))
            self._external_request = message.request
            self.has_run = True
            self._on_busy_change()

    def _handle_idle(self, request_id: str) -> None:
        """Handle an idle message, which follows the last output of a request."""
        if request_id == self._external_request:
            self._background.put(ExternalDone())
            self._external_request = None
            self._remember(request_id, request_id)
            self._on_busy_change()
        elif (execution := self._executions.get(request_id)) is not None:
            execution.is_idle = True
            if execution.reply is not None:
                self._finish(request_id, execution.reply)
            else:
                asyncio.get_running_loop().call_later(_QUIET_PERIOD, self._check_reply, request_id)

    def _check_reply(self, request_id: str) -> None:
        """Find out whether an execution's reply is late or lost.

        ipykernel sends no reply if an interrupt arrives after the end of the cell and before the reply. Replies arrive
        in order, so if the reply to a later request arrives first, the execution's reply is lost.
        """
        if request_id in self._executions:
            self._reply_checks[self.process.send("shell", "kernel_info_request", {})] = request_id

    def _handle_output(self, message: protocol.Message) -> None:
        execution = self._executions.get(message.request)
        if execution is not None:
            execution.last_message = time.monotonic()
        cell = self._finished.get(message.request)
        for output in protocol.outputs_of(message):
            if cell and isinstance(output, Stream | Result | Display | Error):
                self._background.put(Late(cell, output))
            elif execution is None or execution.abandoned:
                self._background.put(output)
            elif isinstance(output, Error) and output.ename == "SystemExit":
                execution.exit = output
            else:
                execution.outputs.put(output)

    def _remember(self, request_id: str, cell: str) -> None:
        self._finished[request_id] = cell
        if len(self._finished) > _MAX_FINISHED:
            del self._finished[next(iter(self._finished))]

    def _finish_when_quiet(self, request_id: str, reply: protocol.ExecuteReplyContent) -> None:
        """Finish an execution after `_QUIET_PERIOD` seconds without output, in case its idle message was lost."""
        execution = self._executions.get(request_id)
        if execution is None:
            return
        quiet = time.monotonic() - execution.last_message
        if quiet >= _QUIET_PERIOD:
            self._finish(request_id, reply)
        else:
            delay = _QUIET_PERIOD - quiet + _SLICE
            asyncio.get_running_loop().call_later(delay, self._finish_when_quiet, request_id, reply)

    def _finish(self, request_id: str, reply: protocol.ExecuteReplyContent) -> None:
        execution = self._executions[request_id]
        if reply.ename == "SystemExit":
            if not self.ended.done():
                self.ended.set_result(f"exit({reply.evalue}) ended the kernel")
            return
        if execution.exit is not None:  # a script started with %run has exited
            execution.outputs.put(execution.exit)
        del self._executions[request_id]
        execution.started.set()
        self._remember(request_id, execution.cell)
        for output in protocol.payload_outputs(reply):
            execution.outputs.put(output)
        statuses: dict[str, DoneStatus] = {"ok": "ok", "error": "error"}
        execution.outputs.put(Done(statuses.get(reply.status, "aborted"), reply.execution_count))
        self._on_busy_change()
