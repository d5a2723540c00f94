"""Lines of `events.jsonl`: their format, and the trainer's hand that appends them."""

import math
import os
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import Envelope, JsonFloat, RunEvent, StepChunk

from .files import open_to_read, sync_folder
from .text import reason

EVENTS_FILE = "events.jsonl"

NONFINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

TAIL_BYTES = 64 << 10
"""How much of a log's end is looked at first for its last good line."""

_envelopes = msgspec.json.Decoder(Envelope)
_events = msgspec.json.Decoder(RunEvent)

S = TypeVar("S", bound=msgspec.Struct)


def encode_number(value: float) -> JsonFloat:
    """A float as JSON can hold it: NaN and the infinities as texts."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decode_number(value: JsonFloat) -> float:
    """The float that `encode_number` was given; ValueError for any other text."""
    if not isinstance(value, str):
        return value
    if value not in NONFINITE:
        raise ValueError(f"{value!r} is no number")
    return NONFINITE[value]


def spell_nonfinite(struct: S) -> S:
    """The struct with each NaN and infinity among its fields, and in their lists, as a text: JSON would say null."""
    changed: dict[str, Any] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, float) and not math.isfinite(value):
            changed[name] = encode_number(value)
        elif isinstance(value, list) and any(isinstance(item, float) and not math.isfinite(item) for item in value):
            changed[name] = [encode_number(item) if isinstance(item, float) else item for item in value]
    return msgspec.structs.replace(struct, **changed) if changed else struct


class DamagedLine(ValueError):
    """A finished line that isn't what was written, or not of this run."""


def encode_line(run: str, seq: int, event: RunEvent) -> bytes:
    """The event as a line of the file, its newline included."""
    data = msgspec.json.encode(spell_nonfinite(event))
    return msgspec.json.encode(Envelope(run=run, seq=seq, crc=_crc(run, seq, data), data=msgspec.Raw(data))) + b"\n"


def _crc(run: str, seq: int, data: bytes | msgspec.Raw) -> int:
    """Over the run and the number too: a bit that flips in a number must not make the reader skip what follows."""
    return zlib.crc32(data, zlib.crc32(f"{run} {seq} ".encode()))


def decode_line(line: bytes) -> tuple[Envelope, RunEvent]:
    """What stands in a line (without its newline); DamagedLine where that isn't what was written."""
    try:
        envelope = _envelopes.decode(line)
        if _crc(envelope.run, envelope.seq, envelope.data) != envelope.crc:
            raise DamagedLine("its CRC doesn't fit")
        return envelope, _events.decode(envelope.data)
    except (ValueError, RecursionError) as error:
        raise DamagedLine(str(error)) from error


def last_event(run_path: Path) -> RunEvent | None:
    """The event of the last good line of the log; None where there is none."""
    try:
        with open_to_read(run_path / EVENTS_FILE) as file:
            last = _last_good(file.fileno(), None)
    except OSError:
        return None
    return last[1] if last else None


def _last_good(descriptor: int, run: str | None) -> tuple[Envelope, RunEvent] | None:
    size = os.fstat(descriptor).st_size
    length = min(TAIL_BYTES, size)
    while True:
        lines = os.pread(descriptor, length, size - length).split(b"\n")
        if length < size:
            del lines[0]  # its beginning lies further up
        for envelope, event in _good_lines(reversed(lines)):
            if run is None or envelope.run == run:
                return envelope, event
        if length == size:
            return None
        length = min(8 * length, size)


def _good_lines(lines: Iterator[bytes]) -> Iterator[tuple[Envelope, RunEvent]]:
    for line in lines:
        with suppress(DamagedLine):
            yield decode_line(line)


class EventWriter:
    """Appends events to a run's log. For the process that holds the run's lock, and one thread of it.

    Opening ends a line that a killed trainer left unfinished, and goes on with the sequence number after the last good
    one. A full or failing disk raises nothing: what couldn't be written is kept, in order, and tried again with the
    next event or `flush`; a line that went out in part is finished before any other begins. What is kept is bounded:
    past `keep_bytes` the oldest chunks of steps are given up (their sequence numbers are then missing, which readers
    report).
    """

    def __init__(self, run_path: Path, run: str, *, keep_bytes: int = 32 << 20) -> None:
        """UserError where the log can't be opened."""
        self.problem: str | None = None
        """Why lines are waiting, in one line; None where all is written."""
        self._path = run_path / EVENTS_FILE
        self._run = run
        self._keep_bytes = keep_bytes
        self._waiting: deque[tuple[bytes, bool]] = deque()
        """What is to be written, and whether it may be given up."""
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            last = _last_good(self._descriptor, run)
            size = os.fstat(self._descriptor).st_size
            torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        except OSError as error:
            raise UserError(f"can't open {str(self._path)!r}: {reason(error)}") from error
        self.continues = last is not None
        """Whether an earlier trainer wrote to this log: what it trained and this one trains again is void then."""
        self._next = last[0].seq + 1 if last else 0
        if torn:
            self._waiting.append((b"\n", False))
        with suppress(OSError):
            sync_folder(run_path)

    @property
    def waiting(self) -> int:
        """Lines that are kept because they couldn't be written yet."""
        return len(self._waiting)

    def write(self, event: RunEvent) -> bool:
        """Append the event, after those that wait; whether all is written."""
        self._waiting.append((encode_line(self._run, self._next, event), isinstance(event, StepChunk)))
        self._next += 1
        return self.flush()

    def flush(self) -> bool:
        """Try the waiting lines again; whether all is written."""
        try:
            while self._waiting:
                line, _ = self._waiting[0]
                written = os.write(self._descriptor, line)
                if written == len(line):
                    self._waiting.popleft()
                elif written:
                    self._waiting[0] = (line[written:], False)
                else:
                    raise OSError("nothing was written")  # noqa: TRY301
        except OSError as error:
            self.problem = f"can't write {str(self._path)!r}: {reason(error)}; what happens is kept in memory"
            self._give_up()
            return False
        self.problem = None
        return True

    def sync(self) -> bool:
        """Flush, and wait until the disk has it all: to be done before a checkpoint that relies on these figures."""
        if not self.flush():
            return False
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            self.problem = f"can't write {str(self._path)!r}: {reason(error)}"
            return False
        return True

    def close(self) -> bool:
        """Flush a last time and close; whether all is written."""
        written = self.sync()
        os.close(self._descriptor)
        return written

    def _give_up(self) -> None:
        """Drop the oldest chunks of steps until the rest may be kept."""
        excess = sum(len(line) for line, _ in self._waiting) - self._keep_bytes
        if excess <= 0:
            return
        kept: deque[tuple[bytes, bool]] = deque()
        for line, droppable in self._waiting:
            if droppable and excess > 0:
                excess -= len(line)
            else:
                kept.append((line, droppable))
        self._waiting = kept
