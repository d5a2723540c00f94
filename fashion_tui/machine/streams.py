"""Output streams that never raise an error."""

import io
from typing import Any, TextIO


class _OptionalOutput(io.FileIO):
    """A file that ignores write errors, such as a full disk or a broken pipe, and discards the data."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def optional_stream(stream: TextIO, encoding: str | None = None, errors: str | None = None) -> io.TextIOWrapper:
    """Return a line-buffered stream to the same file as `stream`. It discards output that can't be written.

    Use the new stream for messages, so that the program continues even if a message can't be shown. `encoding` and
    `errors` default to those of `stream`.
    """
    output = io.BufferedWriter(_OptionalOutput(stream.fileno(), "wb", closefd=False))
    return io.TextIOWrapper(output, encoding or stream.encoding, errors or stream.errors, line_buffering=True)
