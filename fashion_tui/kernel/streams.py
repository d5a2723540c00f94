"""The kernel's `sys.stdout` and `sys.stderr`. No cell can break them, and their output is complete when a cell ends."""

import codecs
import fcntl
import os
import select
import sys
import termios
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from ipykernel.iostream import OutStream

_MAX_DRAIN = 1.0
"""Maximum time, in seconds, that the end of a cell waits for its output to the file descriptor to be read."""

_CHUNK = 1 << 16
"""Maximum number of bytes read from the file descriptor at once."""


class CapturedStream(OutStream):
    """A stream to the UI that can't be closed.

    It also captures the output that subprocesses and C code write to the file descriptor. `drain` waits for that
    output.
    """

    def close(self) -> None:
        """Flush the stream but keep it open, because the kernel still needs it after a cell has called `close`."""
        self.flush()  # type: ignore[no-untyped-call]

    def drain(self) -> None:
        """Wait until all output written to the file descriptor so far has been attributed to the running cell."""
        deadline = time.monotonic() + _MAX_DRAIN
        while self._unread_bytes() and time.monotonic() < deadline:
            time.sleep(0.001)
        with self._reading:
            pass

    def inherit(self, parent: dict[str, Any]) -> None:
        """Attribute the output of the current thread to the cell whose message header is `parent`."""
        self._parent_header.set(parent)

    def _setup_stream_redirects(self, name: str) -> None:
        self._reading = threading.Lock()
        """Lock held while bytes are read from the pipe and written to the stream."""
        super()._setup_stream_redirects(name)  # type: ignore[no-untyped-call]

    def _unread_bytes(self) -> int:
        pipe: Any = self._fid
        count = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
        return int.from_bytes(count, sys.byteorder)

    def _watch_pipe_fd(self) -> None:
        """Copy output from the file descriptor to the stream.

        Decode incrementally, because a character may be split between two reads.
        """
        pipe: Any = self._fid
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while True:
            select.select([pipe], [], [])
            with self._reading:
                chunk = os.read(pipe, _CHUNK)
                if not chunk:
                    return
                self.write(decoder.decode(chunk))


def protect_streams(shell: Any) -> None:
    """Repair the streams after every cell, and attribute output to the cell that caused it.

    A cell may close `sys.stdout` or `sys.stderr`, or replace them with objects that don't support writing. IPython
    flushes both streams before it shows a result or an error, and fails if it can't flush them.
    """
    streams: dict[str, CapturedStream] = {"stdout": sys.stdout, "stderr": sys.stderr}  # type: ignore[dict-item]

    def repair() -> None:
        for name, stream in streams.items():
            if not _works(getattr(sys, name, None)):
                setattr(sys, name, stream)
                print(f"sys.{name} was closed or unusable; it has been restored", file=streams["stderr"])
            elif getattr(sys, name) is getattr(sys, f"__{name}__"):
                setattr(sys, name, stream)  # because the original stream buffers its output

    def repair_first(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def repaired(*arguments: Any, **options: Any) -> Any:
            repair()
            return function(*arguments, **options)

        return repaired

    def end_cell(*_: Any) -> None:
        for step in (repair, *(stream.drain for stream in streams.values())):
            with suppress(KeyboardInterrupt):  # the cell has ended, so it can't be interrupted any more
                step()

    shell._showtraceback = repair_first(shell._showtraceback)  # noqa: SLF001 -- IPython documents it for subclasses
    shell.displayhook.finish_displayhook = repair_first(shell.displayhook.finish_displayhook)
    shell.display_pub.publish = repair_first(shell.display_pub.publish)
    shell.events.register("post_run_cell", end_cell)
    _attribute_threads(list(streams.values()))


def _works(stream: Any) -> bool:
    try:
        stream.write("")
        stream.flush()
    except Exception:  # noqa: BLE001 -- the user's own object can raise anything
        return False
    return True


def _attribute_threads(streams: list[CapturedStream]) -> None:
    """Attribute the output of a new thread to the cell that starts the thread, even if a later cell is running."""
    start = threading.Thread.start

    @wraps(start)
    def start_with_parents(thread: threading.Thread) -> None:
        parents = [stream.parent_header for stream in streams]
        run = thread.run

        def run_with_parents() -> None:
            for stream, parent in zip(streams, parents, strict=True):
                stream.inherit(parent)
            run()

        thread.run = run_with_parents  # type: ignore[method-assign]
        start(thread)

    threading.Thread.start = start_with_parents  # type: ignore[method-assign, assignment]
