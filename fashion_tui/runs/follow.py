"""Following a run's log while it grows."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from fashion_tui.schema.events import RunEvent

from .events import EVENTS_FILE, DamagedLine, decode_line
from .files import open_to_read

CHUNK_BYTES = 1 << 20
LONGEST_LINE = 16 << 20
"""Bytes after which a line without an end is no line of ours."""


class LogReplaced(Exception):
    """The file is shorter than what was read of it, or another one: begin anew with a new follower."""


class EventFollower:
    """Hands out each good event once, in order. An unfinished last line is waited for; damage is skipped and counted.

    A line counts as *torn*, which is no damage, where its writer was killed in it and a later trainer went on with the
    very sequence number that it would have had.
    """

    def __init__(self, run_path: Path, run: str | None = None, *, offset: int = 0) -> None:
        """`run`: whose lines are good; None: the first good line tells. `offset`: begin with the line after it."""
        self.path = run_path / EVENTS_FILE
        self.run = run
        self.bad_lines = 0
        self.missing_events = 0
        """Sequence numbers that never came."""
        self.complete = False
        """Whether all that the file held was read."""
        self._offset = offset
        self._inode: int | None = None
        self._unfinished = b""
        self._skipping = offset > 0
        self._expected: int | None = None if offset else 0
        self._torn = 0
        """Lines that look torn; the next good one tells."""

    @property
    def waits(self) -> bool:
        """Whether the file ends in an unfinished line."""
        return bool(self._unfinished) or self._skipping

    def events(self, max_bytes: int | None = None) -> Iterator[RunEvent]:
        """The events that came since the last call, to be used up; at most `max_bytes` are read.

        Raises LogReplaced, or OSError where the file can't be read; a file that isn't there yet has no events.
        """
        try:
            file = open_to_read(self.path)
        except FileNotFoundError:
            if self._inode is not None:
                raise LogReplaced from None
            self.complete = True
            return
        with file:
            yield from self._read(file, max_bytes)

    def _read(self, file: BinaryIO, max_bytes: int | None) -> Iterator[RunEvent]:
        stat = os.fstat(file.fileno())
        if stat.st_size < self._offset or self._inode not in {None, stat.st_ino}:
            raise LogReplaced
        self._inode = stat.st_ino
        end = stat.st_size if max_bytes is None else min(stat.st_size, self._offset + max_bytes)
        file.seek(self._offset)
        while self._offset < end:
            chunk = file.read(min(CHUNK_BYTES, end - self._offset))
            if not chunk:
                break
            self._offset += len(chunk)
            yield from self._split(chunk)
        self.complete = self._offset >= stat.st_size

    def _split(self, chunk: bytes) -> Iterator[RunEvent]:
        *lines, self._unfinished = (self._unfinished + chunk).split(b"\n")
        if lines and self._skipping:
            del lines[0]
            self._skipping = False
        for line in lines:
            event = self._take(line)
            if event is not None:
                yield event
        if self._skipping:
            self._unfinished = b""
        elif len(self._unfinished) > LONGEST_LINE:
            self._unfinished = b""
            self._skipping = True
            self.bad_lines += 1

    def _take(self, line: bytes) -> RunEvent | None:
        """The event of a finished line; None where it gives none."""
        if not line:
            return None
        try:
            envelope, event = decode_line(line)
        except DamagedLine:
            if self._looks_torn(line):
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

    def _looks_torn(self, line: bytes) -> bool:
        if self.run is None or self._expected is None:
            return False
        begin = b'{"run":"%s","seq":%d,' % (self.run.encode(), self._expected)
        return not line.endswith(b"}}") and (line.startswith(begin) or begin.startswith(line))
