"""The socket on which the kernel receives the output of its forked processes."""

import os
from pathlib import Path
from typing import Any

import zmq
from ipykernel.iostream import IOPubThread
from zmq.eventloop.zmqstream import ZMQStream

SEND_TIMEOUT = 3_000
"""Time after which a forked process discards unsent output, in milliseconds. ipykernel uses the same value."""


def unix_socket_thread(stem: Path) -> type[IOPubThread]:
    """Return a subclass of ipykernel's `IOPubThread` that uses a Unix socket instead of a TCP port.

    Any user of the machine could connect to a TCP port, write to the Playground and exhaust its memory. The socket's
    path is `stem` with a suffix that no other socket of the kernel uses.
    """
    address = f"ipc://{stem}-6"

    class UnixSocketThread(IOPubThread):
        def _setup_pipe_in(self) -> None:
            self._pipe_uuid = os.urandom(16)
            receiver = self.socket.context.socket(zmq.PULL)
            receiver.linger = 0
            receiver.bind(address)
            self._pipe_in = ZMQStream(receiver, self.io_loop)
            self._pipe_in.on_recv(self._handle_pipe_msg)

        def _setup_pipe_out(self) -> tuple[Any, Any]:
            context = zmq.Context()  # a forked process can't use its parent's context
            sender = context.socket(zmq.PUSH)
            sender.linger = SEND_TIMEOUT
            sender.connect(address)
            return context, sender

    return UnixSocketThread
