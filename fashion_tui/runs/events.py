"""The lines of `events.jsonl`, and the writer that appends them."""

import os
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import Envelope, RunEvent, StepChunk
from fashion_tui.schema.floats import encode_floats

from .errors import DamagedRun, reason
from .folder import Folder, UnsafeFile
from .layout import EVENTS_FILE, MAX_BYTES, MAX_LINE_BYTES
from .strings import encodable_strings, printable_strings

BLOCK_BYTES = 64 << 10
"""Block size, in bytes, for searching a log backwards for its last valid line."""

TAIL_BYTES = 16 << 20
"""How many bytes at the end of a log to search for the last event."""

_envelopes = msgspec.json.Decoder(Envelope)
_events = msgspec.json.Decoder(RunEvent)


class DamagedLine(ValueError):
    """Raised when a complete line of the log is corrupt."""


def encode_line(run: str, seq: int, event: RunEvent) -> bytes:
    """Encode an event as a line of the file, including its newline."""
    data = msgspec.json.encode(encodable_strings(encode_floats(event)))
    return msgspec.json.encode(Envelope(run=run, seq=seq, crc=_crc(run, seq, data), data=msgspec.Raw(data))) + b"\n"


def decode_line(line: bytes) -> tuple[Envelope, RunEvent]:
    """Decode a line, given without its newline. Raises DamagedLine if the line is corrupt.

    The event's strings are made printable, because the run may come from someone else.
    """
    try:
        envelope = _envelopes.decode(line)
        if _crc(envelope.run, envelope.seq, envelope.data) != envelope.crc:
            raise DamagedLine("the CRC doesn't match")
        event = _events.decode(envelope.data)
    except (ValueError, RecursionError) as error:
        raise DamagedLine(str(error)) from error
    return envelope, printable_strings(event)


def last_event(folder: Folder) -> RunEvent | None:
    """Return the event of the last valid line near the log's end, or None."""
    try:
        with folder.open_to_read(EVENTS_FILE, MAX_BYTES[EVENTS_FILE]) as file:
            last = _last_valid(file.fileno(), None, TAIL_BYTES)
    except OSError:
        return None
    return last[1] if last else None


def _crc(run: str, seq: int, data: bytes | msgspec.Raw) -> int:
    """Return the CRC-32 of an event with its run and sequence number.

    The checksum covers the sequence number because a flipped bit in the number could make the reader skip later events.
    """
    return zlib.crc32(data, zlib.crc32(f"{run} {seq} ".encode()))


def _last_valid(descriptor: int, run: str | None, max_bytes: int) -> tuple[Envelope, RunEvent] | None:
    """Return the last valid line within the last `max_bytes` bytes of the file.

    If `run` is set, the lines of other runs are ignored.
    """
    for line in _lines_backwards(descriptor, max_bytes):
        with suppress(DamagedLine):
            envelope, event = decode_line(line)
            if run is None or envelope.run == run:
                return envelope, event
    return None


def _lines_backwards(descriptor: int, max_bytes: int) -> Iterator[bytes]:
    """Yield the lines within the last `max_bytes` bytes of the file, last line first. Overlong lines are truncated."""
    start = os.fstat(descriptor).st_size
    first = max(0, start - max_bytes)
    rest: deque[bytes] = deque()
    """Blocks of the current line that have been read so far. The line is read from its end to its beginning."""
    rest_bytes = 0
    while start > first:
        stop, start = start, max(first, start - BLOCK_BYTES)
        beginning, *lines = os.pread(descriptor, stop - start, start).split(b"\n")
        if lines:
            rest.appendleft(lines.pop())
            yield b"".join(rest)
            yield from reversed(lines)
            rest.clear()
            rest_bytes = 0
        rest.appendleft(beginning)
        rest_bytes += len(beginning)
        if rest_bytes > MAX_LINE_BYTES:
            rest.clear()
            rest_bytes = 0
    if first == 0:
        yield b"".join(rest)


class EventWriter:
    """Appends events to the log of a run. Use it from a single thread, while holding the run's lock.

    If a killed trainer left an incomplete line, a newline is added to it. Sequence numbers continue after the last
    valid line. If the disk is full or fails, no error is raised. Events that couldn't be written are kept in order and
    written with the next event or `flush`; a partially written line is completed before the next one. If more than
    `keep_bytes` bytes are waiting, the oldest step chunks are dropped, and readers report them as missing.
    """

    def __init__(self, folder: Folder, run: str, *, keep_bytes: int = 32 << 20) -> None:
        """Open the log of a run. `run` is the id to write into each line. Raises UserError if opening fails."""
        self.problem: str | None = None
        """One-line reason why events haven't been written, or None if all events have been written."""
        self._path = folder.path / EVENTS_FILE
        self._run = run
        self._keep_bytes = keep_bytes
        self._waiting: deque[tuple[bytes, bool]] = deque()
        """Lines waiting to be written, each with a flag that is True if the line may be dropped."""
        try:
            self._descriptor = folder.open_file(
                EVENTS_FILE, os.O_RDWR | os.O_APPEND | os.O_CREAT, MAX_BYTES[EVENTS_FILE]
            )
            size = os.fstat(self._descriptor).st_size
            last = _last_valid(self._descriptor, run, size)
            is_torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        except UnsafeFile as error:
            raise DamagedRun(folder.path.name, f"{EVENTS_FILE} can't be opened: {reason(error)}") from error
        except OSError as error:
            raise UserError(f"can't open {str(self._path)!r}: {reason(error)}") from error
        self.is_continued = last is not None
        """Whether an earlier trainer has written to this log."""
        self._next = last[0].seq + 1 if last else 0
        if is_torn:
            self._waiting.append((b"\n", False))
        with suppress(OSError):
            folder.sync()

    @property
    def waiting(self) -> int:
        """Number of lines that couldn't be written yet."""
        return len(self._waiting)

    def write(self, event: RunEvent) -> bool:
        """Append an event, after any waiting events. Return whether all events have been written."""
        self._waiting.append((encode_line(self._run, self._next, event), isinstance(event, StepChunk)))
        self._next += 1
        return self.flush()

    def flush(self) -> bool:
        """Try to write the waiting lines. Return whether all lines have been written."""
        try:
            while self._waiting:
                line, _ = self._waiting[0]
                written = os.write(self._descriptor, line)
                if written == len(line):
                    self._waiting.popleft()
                elif written:
                    self._waiting[0] = (line[written:], False)
                else:
                    raise OSError("no byte was written")  # noqa: TRY301
        except OSError as error:
            self.problem = f"can't write {str(self._path)!r}: {reason(error)}; events are kept in memory"
            self._drop_excess()
            return False
        self.problem = None
        return True

    def sync(self) -> bool:
        """Flush, and wait until all lines are on disk. Return False if that fails.

        Call this method before saving a checkpoint. A trainer that resumes from the checkpoint relies on the log for
        the metrics of all earlier steps.
        """
        if not self.flush():
            return False
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            self.problem = f"can't write {str(self._path)!r}: {reason(error)}"
            return False
        return True

    def close(self) -> bool:
        """Flush one last time and close the log. Return whether all lines are on disk."""
        written = self.sync()
        os.close(self._descriptor)
        return written

    def _drop_excess(self) -> None:
        """Drop the oldest step chunks until the waiting lines fit into `keep_bytes`."""
        excess = sum(len(line) for line, _ in self._waiting) - self._keep_bytes
        if excess <= 0:
            return
        kept: deque[tuple[bytes, bool]] = deque()
        for line, is_droppable in self._waiting:
            if is_droppable and excess > 0:
                excess -= len(line)
            else:
                kept.append((line, is_droppable))
        self._waiting = kept
