"""The talk with one kernel, from its start to its end: requests, replies, and outputs sorted to what caused them."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from . import protocol
from .buffer import OutputBuffer
from .outputs import Done, DoneStatus, Error, ExternalDone
from .process import Channel, KernelFailed, KernelProcess

Reply = TypeVar("Reply", bound=msgspec.Struct)

START_TIMEOUT = 60.0
"""Seconds; a kernel that says nothing for so long is given up."""

_SLICE = 0.005
"""Seconds of reading messages at a time; then as long again is left to whatever else the loop has to do."""

_GRACE = 1.0
"""Seconds of silence after which an execution with a reply is done in any case."""


class Execution:
    """A cell that was sent."""

    def __init__(self) -> None:
        self.outputs = OutputBuffer()
        self.abandoned = False
        """Nobody reads its outputs any more: they go where those of no execution go."""
        self.count: int | None = None
        """Its number; None until it begins."""
        self.reply: protocol.ReplyContent | None = None
        self.is_idle = False
        """The kernel said that it has sent everything."""
        self.heard = time.monotonic()
        """When its newest output or its reply came."""
        self.exit: str | None = None
        """What `sys.exit` was called with."""


class Connection:
    """Knows what the kernel is doing, and what for. Of one asyncio loop."""

    def __init__(self, process: KernelProcess, unclaimed: OutputBuffer, changed: Callable[[], None]) -> None:
        """`unclaimed` gets what belongs to no execution; `changed` is called when `busy` changes."""
        self.process = process
        self.has_run = False
        """Whether anything was ever executed."""
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done when the kernel has ended without being asked to: how, in words."""
        self._unclaimed = unclaimed
        self._changed = changed
        self._executions: dict[str, Execution] = {}
        self._elsewhere: str | None = None
        """The request of another front end whose cell runs."""
        self._replies: dict[str, asyncio.Future[protocol.Message | None]] = {}
        self._overtaking: dict[str, str] = {}
        """Requests whose replies can't come before that of an execution, which is missed."""
        self._heard = asyncio.Event()
        """Something came by the broadcast channel: from now on nothing is missed."""
        self._subshell: str | None = None
        self._tasks = [
            asyncio.create_task(self._read("shell", self._take_reply)),
            asyncio.create_task(self._read("control", self._take_reply)),
            asyncio.create_task(self._read("stdin", self._take_output)),
            asyncio.create_task(self._read("iopub", self._take_broadcast)),
            asyncio.create_task(self._watch()),
        ]

    @property
    def busy(self) -> bool:
        return bool(self._executions) or self._elsewhere is not None

    async def until_ready(self) -> None:
        """Waits for the kernel's first answer; KernelFailed where none comes."""
        greeting = asyncio.create_task(self._greet())
        either: list[asyncio.Future[Any]] = [greeting, self.ended]
        try:
            await asyncio.wait(either, timeout=START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        finally:
            greeted = greeting.done()
            greeting.cancel()
        if greeted:
            return
        if not self.ended.done():
            raise KernelFailed(f"the kernel doesn't answer within {START_TIMEOUT:.0f} s")
        words = self.process.last_words()
        raise KernelFailed(f"{self.ended.result()} before it was ready" + (f": {words}" if words else ""))

    def execute(self, code: str) -> Execution:
        execution = Execution()
        content: dict[str, object] = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": True, "stop_on_error": False}
        self._executions[self.process.send("shell", "execute_request", content)] = execution
        self.has_run = True
        self._changed()
        return execution

    def send_input(self, text: str | None) -> None:
        """What `input()` gets; None ends it with EOFError."""
        self.process.send("stdin", "input_reply", {"value": "\x04" if text is None else text})

    async def ask(self, kind: str, content: dict[str, object], reply_type: type[Reply], wait: float) -> Reply | None:
        """The reply to a request that runs no code; None where none that can be read comes within `wait` seconds."""
        channel: Channel = "control" if kind == "create_subshell_request" else "shell"
        request = self.process.send(channel, kind, content, self._subshell)
        reply: asyncio.Future[protocol.Message | None] = asyncio.get_running_loop().create_future()
        self._replies[request] = reply
        try:
            async with asyncio.timeout(wait):
                came = await reply
            return None if came is None else protocol.content_of(came, reply_type)
        except (TimeoutError, protocol.BadMessage):
            return None
        finally:
            del self._replies[request]

    def current(self) -> OutputBuffer:
        """Where the outputs of what runs now go."""
        running = next(iter(self._executions.values()), None)
        return self._unclaimed if running is None or running.abandoned else running.outputs

    async def close(self, status: DoneStatus) -> None:
        """Ends the process, politely where it is idle, and every execution: the running one with that status."""
        for task in self._tasks:
            task.cancel()
        was_busy = self.busy
        for execution in self._executions.values():
            execution.outputs.put(Done(status, None))
            status = "aborted"
        self._executions.clear()
        for reply in self._replies.values():
            if not reply.done():
                reply.set_result(None)
        await self.process.end(patience=0.0 if was_busy or status == "died" else 1.0)

    async def _watch(self) -> None:
        reason = await self.process.ended()
        await asyncio.sleep(2 * _SLICE)  # what it said last may still be on its way
        if not self.ended.done():
            self.ended.set_result(reason)

    async def _greet(self) -> None:
        """Until the kernel has answered, and its broadcasts are known to reach us."""
        info = None
        while info is None or not self._heard.is_set():
            info = await self.ask("kernel_info_request", {}, protocol.KernelInfoContent, wait=1.0)
            if info is not None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._heard.wait(), timeout=0.2)
        if "kernel subshells" in info.supported_features:  # ipykernel >= 7: a thread that answers while code runs
            made = await self.ask("create_subshell_request", {}, protocol.SubshellContent, wait=5.0)
            self._subshell = made.subshell_id if made else None

    async def _read(self, channel: Channel, take: Callable[[protocol.Message], None]) -> None:
        """Takes a channel's messages as they come; in a flood, half of the time is left to others."""
        while True:
            await self.process.wait_for_message(channel)
            began = time.monotonic()
            while time.monotonic() - began < _SLICE:
                try:
                    message = self.process.next_message(channel)
                    if message is None:
                        break
                    take(message)
                except protocol.BadMessage:
                    continue
            await asyncio.sleep(min(time.monotonic() - began, 10 * _SLICE))

    def _take_reply(self, message: protocol.Message) -> None:
        waiting = self._replies.get(message.request)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)
        missed = self._overtaking.pop(message.request, None)
        if missed is not None and missed in self._executions:
            self._finish(missed, protocol.ReplyContent("aborted", self._executions[missed].count))
        execution = self._executions.get(message.request)
        if execution is not None:
            execution.reply = protocol.content_of(message, protocol.ReplyContent)
            execution.heard = time.monotonic()
            if execution.is_idle:
                self._finish(message.request, execution.reply)
            else:
                self._finish_when_quiet(message.request, execution.reply)

    def _take_broadcast(self, message: protocol.Message) -> None:
        self._heard.set()
        if message.kind == "execute_input":
            self._take_input(message)
        elif message.kind != "status":
            self._take_output(message)
        elif protocol.content_of(message, protocol.StatusContent).execution_state == "idle":
            self._take_idle(message.request)

    def _take_input(self, message: protocol.Message) -> None:
        """A cell begins: one of ours is known, one of another front end isn't."""
        if (execution := self._executions.get(message.request)) is not None:
            execution.count = protocol.content_of(message, protocol.ExecuteInputContent).execution_count
        elif message.client != self.process.client_id:
            self._unclaimed.put(protocol.input_elsewhere(message))
            self._elsewhere = message.request
            self.has_run = True
            self._changed()

    def _take_idle(self, request: str) -> None:
        """The kernel has sent all that belongs to the request."""
        if request == self._elsewhere:
            self._unclaimed.put(ExternalDone())
            self._elsewhere = None
            self._changed()
        elif (execution := self._executions.get(request)) is not None:
            execution.is_idle = True
            if execution.reply is not None:
                self._finish(request, execution.reply)
            else:
                asyncio.get_running_loop().call_later(_GRACE, self._ask_whether_it_comes, request)

    def _ask_whether_it_comes(self, request: str) -> None:
        """A reply never does where an interrupt met ipykernel itself, after the cell's end.

        Replies keep their order: when one to a later request comes first, it is lost.
        """
        if request in self._executions:
            self._overtaking[self.process.send("shell", "kernel_info_request", {})] = request

    def _take_output(self, message: protocol.Message) -> None:
        execution = self._executions.get(message.request)
        if execution is not None:
            execution.heard = time.monotonic()
        for output in protocol.outputs(message):
            if execution is None or execution.abandoned:
                self._unclaimed.put(output)
            elif isinstance(output, Error) and output.ename == "SystemExit":
                execution.exit = output.evalue
            else:
                execution.outputs.put(output)

    def _finish_when_quiet(self, request: str, reply: protocol.ReplyContent) -> None:
        """Should the word that an execution has ended get lost, its reply and silence after it say the same."""
        execution = self._executions.get(request)
        if execution is None:
            return
        quiet = time.monotonic() - execution.heard
        if quiet >= _GRACE:
            self._finish(request, reply)
        else:
            asyncio.get_running_loop().call_later(_GRACE - quiet + _SLICE, self._finish_when_quiet, request, reply)

    def _finish(self, request: str, reply: protocol.ReplyContent) -> None:
        execution = self._executions[request]
        if execution.exit is not None:
            if not self.ended.done():
                self.ended.set_result(f"sys.exit({execution.exit}) ended the kernel")
            return
        del self._executions[request]
        for output in protocol.payload_outputs(reply):
            execution.outputs.put(output)
        known: dict[str, DoneStatus] = {"ok": "ok", "error": "error"}
        execution.outputs.put(Done(known.get(reply.status, "aborted"), reply.execution_count))
        self._changed()
