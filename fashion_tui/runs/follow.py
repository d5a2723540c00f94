"""Read a run's log as it grows."""

import os
from collections.abc import Iterator
from typing import BinaryIO, Protocol

import msgspec

from fashion_tui.schema.events import RunEvent

from .events import DamagedLine, decode_line
from .folder import Folder
from .layout import EVENTS_FILE, MAX_BYTES, MAX_LINE_BYTES

CHUNK_BYTES = 1 << 16
"""Number of bytes per read. With reads of 1 MiB, the process would keep 6 MiB of unused memory after reading a long
log."""


class LogReplaced(Exception):
    """Raised when the log was replaced or truncated. Start over with a new follower."""


class Follower(Protocol):
    """Yields each event of a log once, in order, as the log grows."""

    @property
    def file(self) -> str:
        """Name of the log's file, for messages."""

    @property
    def unit(self) -> str:
        """Unit of the file, such as `line`, for messages."""

    @property
    def bad_lines(self) -> int:
        """Number of lines, or other units, that can't be read."""

    @property
    def missing_events(self) -> int:
        """Number of events that are missing from the log."""

    @property
    def complete(self) -> bool:
        """Whether the log was read to its end."""

    @property
    def ends_unfinished(self) -> bool:
        """Whether the log ends in an incomplete line or other unit."""

    def events(self, max_bytes: int | None = None) -> Iterator[RunEvent]:
        """Yield the events written since the last call. The caller must exhaust the iterator.

        At most `max_bytes` bytes are read. Raises LogReplaced, or OSError if the log can't be read.
        """


class EventFollower:
    """Yields each valid event of a log once, in order.

    An incomplete last line is read again later. Damaged lines are skipped and counted. If a trainer is killed while
    writing a line, and a later trainer reuses the sequence number, the incomplete line is *torn*. Torn lines don't
    count as damaged.
    """

    def __init__(self, folder: Folder, run: str | None = None, *, offset: int = 0) -> None:
        """Follow the log of a run.

        `run` is the expected id in each line, or None to expect the id of the first valid line. With an `offset` in
        bytes, reading starts after the first newline at or after that offset.
        """
        self.run = run
        self.file, self.unit = EVENTS_FILE, "line"
        self.bad_lines = 0
        self.missing_events = 0
        """Number of events missing from the log, determined from gaps in the sequence numbers."""
        self.complete = False
        """Whether the file was read to its end."""
        self._folder = folder
        self._offset = offset
        self._inode: int | None = None
        self._unfinished = b""
        self._is_skipping = offset > 0
        """Whether bytes are being skipped up to the next newline."""
        self._expected: int | None = None if offset else 0
        self._torn = 0
        """Number of recent lines that look like events that a killed trainer wrote only in part. If the next sequence
        number shows that events are missing, these lines are added to `bad_lines`."""

    @property
    def ends_unfinished(self) -> bool:
        """Whether the file ends in an incomplete line."""
        return bool(self._unfinished) or self._is_skipping

    def events(self, max_bytes: int | None = None) -> Iterator[RunEvent]:
        """Yield the events written since the last call. The caller must exhaust the iterator.

        At most `max_bytes` bytes are read. If the log doesn't exist yet, nothing is yielded. Raises LogReplaced, or
        OSError if the log can't be read.
        """
        try:
            file = self._folder.open_to_read(EVENTS_FILE, MAX_BYTES[EVENTS_FILE])
        except FileNotFoundError:
            if self._inode is not None:
                raise LogReplaced from None
            self.complete = True
            return
        with file:
            yield from self._read(file, max_bytes)

    def _read(self, file: BinaryIO, max_bytes: int | None) -> Iterator[RunEvent]:
        status = os.fstat(file.fileno())
        if status.st_size < self._offset or self._inode not in {None, status.st_ino}:
            raise LogReplaced
        self._inode = status.st_ino
        end = status.st_size if max_bytes is None else min(status.st_size, self._offset + max_bytes)
        file.seek(self._offset)
        while self._offset < end:
            chunk = file.read(min(CHUNK_BYTES, end - self._offset))
            if not chunk:
                break
            self._offset += len(chunk)
            yield from self._split(chunk)
        self.complete = self._offset >= status.st_size

    def _split(self, chunk: bytes) -> Iterator[RunEvent]:
        *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
        if lines and self._is_skipping:
            del lines[0]
            self._is_skipping = False
        for line in lines:
            event = self._decode(line)
            if event is not None:
                yield event
        if self._is_skipping:
            self._unfinished = b""
        elif len(self._unfinished) > MAX_LINE_BYTES:
            self._unfinished = b""
            self._is_skipping = True
            self.bad_lines += 1

    def _decode(self, line: bytes) -> RunEvent | None:
        """Return the event of a complete line, or None if the line should be skipped."""
        if not line:
            return None
        try:
            envelope, event = decode_line(line)
        except DamagedLine:
            if self._may_be_torn(line):
                self._torn += 1
            else:
                self.bad_lines += 1
            return None
        if self.run is None:
            self.run = envelope.run
        expected = envelope.seq if self._expected is None else self._expected
        if envelope.run != self.run or envelope.seq < expected:
            self.bad_lines += 1
            return None
        if envelope.seq > expected:
            self.missing_events += envelope.seq - expected
            self.bad_lines += self._torn
        self._torn = 0
        self._expected = envelope.seq + 1
        return event

    def _may_be_torn(self, line: bytes) -> bool:
        if self.run is None or self._expected is None:
            return False
        start = b'{"run":"%s","seq":%d,' % (self.run.encode(), self._expected)
        return (line.startswith(start) or start.startswith(line)) and _is_truncated(line)


def _is_truncated(line: bytes) -> bool:
    """Return whether a line is the beginning of a JSON object.

    A number that ends in its sign, point or exponent is invalid, not truncated, until a digit is added.
    """
    for beginning in (line, line + b"0"):
        try:
            msgspec.json.decode(beginning, type=msgspec.Raw)
        except msgspec.DecodeError as error:
            if "truncated" in str(error):
                return True
    return False
