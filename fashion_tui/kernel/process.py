"""Start the process of one kernel, exchange messages with it, send it signals, and end it."""

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

from fashion_tui.files import read_tail
from fashion_tui.machine.compiler_caches import with_private_caches
from fashion_tui.machine.signals import signal_name
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.kernel import KernelSetup

from . import protocol

if TYPE_CHECKING:
    from jupyter_client.asynchronous.client import AsyncKernelClient

Channel = Literal["shell", "control", "stdin", "iopub"]

_RECEIVE_QUEUE = 20
"""Maximum number of received messages that are queued in the UI's process. The kernel waits while the queue is full."""

LOG_TAIL_BYTES = 64 << 10
"""Number of bytes to read from the end of the kernel's log to find the last line."""

_DIGEST_HISTORY = 1_000
"""Number of message signatures that jupyter_client remembers. The default would take up to 8 MiB."""

_SIGNAL_CAUSES: dict[int, str] = {
    signal.SIGKILL: "the system does this when memory runs out",
    signal.SIGSEGV: "a segmentation fault",
    signal.SIGBUS: "a bus error",
    signal.SIGFPE: "an arithmetic error",
    signal.SIGILL: "an illegal instruction",
    signal.SIGABRT: "aborted by a library",
}


class KernelFailed(UserError):
    """Raised when a kernel can't be started or ends before it is ready."""


class KernelUnresponsive(KernelFailed):
    """Raised when a new kernel doesn't respond in time."""


class KernelProcess:
    """The process of a kernel, with a client that is connected to its channels.

    The kernel may not be responding yet.
    """

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
    async def start(cls, stem: Path, setup: KernelSetup) -> "KernelProcess":
        """Start a kernel. The paths of its sockets, connection file and log all begin with `stem`.

        The kernel runs in its own session, so that ctrl+c in the terminal doesn't interrupt it.
        """
        import zmq.asyncio  # noqa: PLC0415 -- takes 0.1 s and 11 MiB with jupyter_client
        from jupyter_client.asynchronous.client import AsyncKernelClient  # noqa: PLC0415
        from jupyter_client.connect import write_connection_file  # noqa: PLC0415

        connection_file, connection = write_connection_file(
            f"{stem}.json", transport="ipc", ip=str(stem), key=secrets.token_hex(16).encode()
        )
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.RCVHWM, _RECEIVE_QUEUE)
        client = AsyncKernelClient(context=context)
        setup = msgspec.structs.replace(setup, client=client.session.session)
        with open(f"{stem}.log", "wb") as log:  # noqa: ASYNC230, PTH123 -- an empty file
            process = await asyncio.create_subprocess_exec(
                # -P keeps files in the current directory from shadowing modules while the kernel starts.
                # frozen_modules=off avoids a warning from ipykernel's debugger.
                *(sys.executable, "-P", "-X", "frozen_modules=off", "-m", "fashion_tui.kernel"),
                *(msgspec.json.encode(setup).decode(), "-f", connection_file),
                stdin=DEVNULL,
                stdout=log,
                stderr=STDOUT,
                start_new_session=True,
                env=with_private_caches(os.environ) | {"JPY_PARENT_PID": str(os.getpid())},
            )
        client.load_connection_info(connection)
        client.session.digest_history_size = _DIGEST_HISTORY
        client.start_channels(hb=False)
        return cls(process, client, stem)

    def send(self, channel: Channel, kind: str, content: dict[str, object], subshell: str | None = None) -> str:
        """Send a request and return its id.

        `subshell` is the id of the kernel thread that should reply, or None for the main thread.
        """
        message = self._client.session.msg(kind, content)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        # Don't use `client.execute` and similar methods, because they bypass the asyncio socket,
        # which could then miss a message that arrives at the same moment.
        self._sockets[channel].send_multipart(self._client.session.serialize(message))
        return str(message["header"]["msg_id"])

    async def wait_for_message(self, channel: Channel) -> None:
        await self._sockets[channel].poll()

    def next_message(self, channel: Channel) -> protocol.Message | None:
        """Return the next received message, or None if there is none. Raises BadMessage if the message is invalid."""
        import zmq  # noqa: PLC0415 -- already imported by `start`

        try:
            # Receive from the underlying plain socket, because the asyncio socket takes three times as long.
            frames = zmq.Socket.shadow(self._sockets[channel].underlying).recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None
        return protocol.decode(frames, self._client.session)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def client_id(self) -> str:
        """The client id, which distinguishes our requests from the requests of other front ends."""
        return str(self._client.session.session)

    @property
    def connection_file(self) -> Path:
        """The connection file, which contains the socket paths and the key that another front end needs."""
        return Path(f"{self._stem}.json")

    def interrupt(self) -> None:
        """Send SIGINT to the kernel and its child processes, as ctrl+c does in a terminal."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """Send SIGKILL to the kernel and its child processes."""
        self._signal(signal.SIGKILL)

    async def wait(self) -> str:
        """Wait until the process has ended, and return the reason."""
        code = await self._process.wait()
        if code >= 0:
            return f"the kernel ended with exit code {code}"
        return f"the kernel was killed by {_describe_signal(-code)}"

    def last_log_line(self) -> str:
        """Return the last line of the kernel's log, or "" if there is none.

        The log contains only what the kernel printed before ipykernel began to capture its output.
        """
        try:
            lines = read_tail(Path(f"{self._stem}.log"), LOG_TAIL_BYTES).decode(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    async def end(self, *, grace_period: float) -> None:
        """Ask the process to shut down, kill it after `grace_period` seconds, and remove its sockets and files."""
        if grace_period and self._process.returncode is None:
            self.send("control", "shutdown_request", {"restart": False})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), grace_period)
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
    name, cause = signal_name(number), _SIGNAL_CAUSES.get(number)
    return f"{name} ({cause})" if cause else name
