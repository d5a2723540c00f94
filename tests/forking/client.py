"""The client of the server that forks processes."""

import ctypes
import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .popen import replace_starts
from .process import HEADER_BYTES, ForkedProcess, fixed_values

PROJECT = Path(__file__).parents[2]

PADDING = 4096 * "-"
_PR_SET_CHILD_SUBREAPER = 36


class ForkServer:
    """A server that forks children of the current process. It is started by the first request. Thread-safe."""

    def __init__(self) -> None:
        self._environ = dict(os.environ)
        self.fixed = fixed_values(self._environ)
        """What forked processes can't read from their environment."""
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def fork(self, process: ForkedProcess, given: tuple[int, ...]) -> int:
        """Start a process with these descriptors, and return its id."""
        with self._lock:
            control = self._control or self._start()
            body = pickle.dumps(process)
            _adopt_orphans(True)
            try:
                socket.send_fds(control, [len(body).to_bytes(HEADER_BYTES)], given)
                control.sendall(body)
                answer = control.recv(HEADER_BYTES, socket.MSG_WAITALL)
            finally:
                _adopt_orphans(False)
            assert answer, "the process that forks others has ended"
            return int.from_bytes(answer)

    def close(self) -> None:
        if self._control is not None and self._process is not None:
            self._control.close()
            self._process.kill()  # exiting by itself takes a second
            self._process.wait()

    def _start(self) -> socket.socket:
        control, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            # frozen_modules=off avoids a warning from the debugger of kernels.
            [sys.executable, "-X", "frozen_modules=off", "-m", "tests.forking.server", str(theirs.fileno()), PADDING],
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
            cwd=PROJECT,
            env=self._environ,
        )
        theirs.close()
        assert control.recv(5), "the process that forks others couldn't start"
        self._control = control
        return control


@contextmanager
def forked_starts(server: ForkServer, node: pytest.Item | pytest.Collector) -> Iterator[None]:
    """Fork the processes of fashion-tui that this process starts, unless the test or module is marked `executed`."""
    is_measured = "COVERAGE_PROCESS_START" in os.environ  # coverage begins when Python starts
    if sys.platform != "linux" or is_measured or node.get_closest_marker("executed"):
        yield
        return
    undo = replace_starts(server.fork, server.fixed)
    try:
        yield
    finally:
        undo()


def _adopt_orphans(adopt: bool) -> None:  # noqa: FBT001
    """Become, or cease to be, the parent of descendants whose parent ends."""
    result = ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0)
    assert result == 0
