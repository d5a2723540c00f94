"""One kernel's process: its start, its messages, its signals and its end."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.kernel import KernelSetup

from . import protocol

if TYPE_CHECKING:
    from jupyter_client.asynchronous.client import AsyncKernelClient

Channel = Literal["shell", "control", "stdin", "iopub"]

_IOPUB_QUEUE = 20
"""Messages that wait in our process: with more the kernel waits, so that a flood of outputs never fills our memory."""

_DIGESTS = 1_000
"""Signatures of messages that are remembered, each once; jupyter_client's own number takes 8 MiB in a flood."""

_WHAT_SIGNALS_MEAN: dict[int, str] = {
    signal.SIGKILL: "the system does so when memory runs out",
    signal.SIGSEGV: "a segmentation fault",
    signal.SIGBUS: "a bus error",
    signal.SIGFPE: "an arithmetic error",
    signal.SIGILL: "an illegal instruction",
    signal.SIGABRT: "a library gave up",
}


class KernelFailed(UserError):
    """The kernel's process ended before it could answer."""


class KernelProcess:
    """A kernel that was started, and a client whose channels are connected to it. It may not answer yet."""

    def __init__(self, process: Process, client: "AsyncKernelClient", stem: Path) -> None:
        self._process = process
        self._stem = stem
        self._client = client
        self._sockets: dict[Channel, Any] = {
            "shell": client.shell_channel.socket,
            "control": client.control_channel.socket,
            "stdin": client.stdin_channel.socket,
            "iopub": client.iopub_channel.socket,
        }

    @classmethod
    async def start(cls, stem: Path, world: KernelSetup) -> "KernelProcess":
        """`stem`: path and first part of the name of this kernel's files and sockets.

        The kernel gets a session of its own, so that the terminal's ctrl+c doesn't reach it.
        """
        import zmq.asyncio  # noqa: PLC0415 -- with jupyter_client 0.1 s and 11 MiB that the first paint doesn't wait for
        from jupyter_client.asynchronous.client import AsyncKernelClient  # noqa: PLC0415
        from jupyter_client.connect import write_connection_file  # noqa: PLC0415

        connection_file, connection = write_connection_file(
            f"{stem}.json", transport="ipc", ip=str(stem), key=secrets.token_hex(16).encode()
        )
        with open(f"{stem}.log", "wb") as log:  # noqa: ASYNC230, PTH123 -- an empty file
            process = await asyncio.create_subprocess_exec(
                # -P: no file of the current directory can pass itself off as a module while the kernel starts.
                # frozen_modules=off: or the debugger of ipykernel warns on stderr.
                *(sys.executable, "-P", "-X", "frozen_modules=off", "-m", "fashion_tui.kernel.__main__"),
                *(msgspec.json.encode(world).decode(), "-f", connection_file),
                stdin=DEVNULL,
                stdout=log,
                stderr=STDOUT,
                start_new_session=True,
                env={**os.environ, "JPY_PARENT_PID": str(os.getpid())},
            )
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.RCVHWM, _IOPUB_QUEUE)
        client = AsyncKernelClient(context=context)
        client.load_connection_info(connection)
        client.session.digest_history_size = _DIGESTS
        client.start_channels(hb=False)
        return cls(process, client, stem)

    def send(self, channel: Channel, kind: str, content: dict[str, object], subshell: str | None = None) -> str:
        """Sends a request; its id. `subshell`: the thread of the kernel that is to answer, None for the main one."""
        message = self._client.session.msg(kind, content)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        # Not by `client.execute` and its like: they send behind the asyncio socket's back, and a message that comes in
        # at that moment would wake nobody.
        self._sockets[channel].send_multipart(self._client.session.serialize(message))
        return str(message["header"]["msg_id"])

    async def wait_for_message(self, channel: Channel) -> None:
        await self._sockets[channel].poll()

    def next_message(self, channel: Channel) -> protocol.Message | None:
        """A message that has come; None where there is none. BadMessage where it can't be read."""
        import zmq  # noqa: PLC0415 -- long since imported

        try:
            # From the plain socket beneath: an asyncio socket takes three times as long for each message.
            frames = zmq.Socket.shadow(self._sockets[channel].underlying).recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None
        return protocol.decode(frames, self._client.session)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def client_id(self) -> str:
        """By which our own requests are known among those of other front ends."""
        return str(self._client.session.session)

    @property
    def connection_file(self) -> Path:
        """Tells other front ends where the sockets are, and the key to them."""
        return Path(f"{self._stem}.json")

    def interrupt(self) -> None:
        """What ctrl+c in a terminal does: SIGINT to the kernel and what it started."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """The kernel and what it started."""
        self._signal(signal.SIGKILL)

    async def ended(self) -> str:
        """Waits until the process has ended; how, in words."""
        code = await self._process.wait()
        if code >= 0:
            return f"the kernel ended with exit code {code}"
        return f"the kernel was killed by {_describe_signal(-code)}"

    def last_words(self) -> str:
        """The last line that it wrote before its output came to us; empty where there is none."""
        try:
            lines = Path(f"{self._stem}.log").read_text(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    async def end(self, *, patience: float) -> None:
        """Ends the process, politely for as many seconds, then by force; frees sockets and files."""
        if patience and self._process.returncode is None:
            self.send("control", "shutdown_request", {"restart": False})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), patience)
        self.kill()
        await self._process.wait()
        self._client.stop_channels()
        self._client.context.destroy(linger=0)
        for path in self._stem.parent.glob(f"{self._stem.name}*"):
            path.unlink(missing_ok=True)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _describe_signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    meaning = _WHAT_SIGNALS_MEAN.get(number)
    return f"{name} ({meaning})" if meaning else name
