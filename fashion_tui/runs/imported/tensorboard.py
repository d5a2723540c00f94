"""Read the scalars in TensorBoard's event files.

The package `tensorboard` decodes the events. Its record reader isn't used, because it stops at the first damaged
record, reads all images, and imports TensorFlow if that is installed.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader

from fashion_tui.runs.errors import reason
from fashion_tui.runs.folder import Folder
from fashion_tui.runs.follow import LogReplaced
from fashion_tui.runs.layout import MAX_LOG_BYTES
from fashion_tui.runs.script.settings import json_settings
from fashion_tui.schema.events import Resumed, RunEvent, StepChunk, Warned
from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.text import printable

from .hyperparameters import HPARAMS_FILE, read_hyperparameters
from .log import UNKNOWN_TIME, LastValues, file_status, is_written
from .scalars import SESSION_HPARAMS, EventDecoder, ScalarEvent
from .tf_records import RecordReader, check_start, find_records, last_short_records

EVENT_FILE = re.compile(r".*\.tfevents\.(\d{1,12})\b.*|.*\.tfevents\b.*", re.DOTALL)
"""Matches the name of an event file, such as `events.out.tfevents.1763900000.host.1.0`. The number is a Unix time."""

TAIL_BYTES = (16 << 10, 1 << 20)
"""Numbers of bytes at the end of a file to search for scalars. Each number is tried if the smaller ones find none."""

TAIL_FILES = 10
"""Number of files to search for the last values, newest first."""

SHORT_RECORDS = 500
"""Number of short records at the end of a file to search for scalars if its last bytes contain only images, for
example.
"""

START_BYTES = 4 << 10
"""Number of bytes at the beginning of a file to search for an event that marks a restart."""

HEAD_BYTES = 1 << 20
"""Number of bytes at the beginning of a file to search for hyperparameters."""


class TensorBoardLog:
    """The event files in a folder. Files with later times continue the run."""

    library = "TensorBoard"

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def settings(self) -> tuple[dict[str, object], str | None]:
        settings, problem = read_hyperparameters(self._folder)
        try:
            decoder = EventDecoder()
            stored: dict[str, object] = {}
            for name in self.event_files():
                with self.open(name) as file:
                    head = file.read(HEAD_BYTES)
                if SESSION_HPARAMS.encode() in head:
                    stored |= decoder.hyperparameters(find_records(head, decoder.checksum))
        except OSError:  # reported by `last`
            return settings, problem
        stored, stored_problem = json_settings(stored)
        return stored | settings, problem or stored_problem

    def files(self) -> Mapping[str, os.stat_result]:
        found = self.event_files()
        if (hparams := file_status(self._folder, HPARAMS_FILE)) is not None:
            found[HPARAMS_FILE] = hparams
        return found

    def created(self) -> float:
        files = self.files()
        times = [file_time(name) or status.st_mtime for name, status in files.items()]
        return min(times, default=0.0)

    def last(self) -> LastValues:
        decoder, last = EventDecoder(), LastValues()
        created = self.created()
        events: list[ScalarEvent] = []
        for name, status in list(self.event_files().items())[-TAIL_FILES:]:
            for event in self._tail(decoder, name, status.st_size):
                if event.restarts:
                    events = [earlier for earlier in events if earlier.step < event.step]
                    last.step = max(event.step - 1, 0)
                events.append(event)
        steps: dict[str, int] = {}
        for event in events:
            steps |= dict.fromkeys(event.values, event.step)
            last.values |= event.values
            last.seconds = max(event.time - created, last.seconds)
        last.step = max(steps.values(), default=last.step)
        last.set_epoch(last.values.get("epoch"))
        return last

    def follow(self) -> "TensorBoardFollower":
        return TensorBoardFollower(self)

    def event_files(self) -> dict[str, os.stat_result]:
        """Return the event files, oldest first."""
        entries = [
            (name, status)
            for name, status in self._folder.entries()
            if EVENT_FILE.fullmatch(name) and stat.S_ISREG(status.st_mode)
        ]
        return dict(sorted(entries, key=lambda entry: _file_order(entry[0])))

    def open(self, name: str) -> BufferedReader:
        return BufferedReader(self._folder.open_to_read(name, MAX_LOG_BYTES), 1 << 18)

    def _tail(self, decoder: EventDecoder, name: str, size: int) -> list[ScalarEvent]:
        """Return the events near the end of a file, preceded by a restart at its beginning.

        Raises OSError if the first record is damaged.
        """
        with self.open(name) as file:
            start = os.pread(file.fileno(), START_BYTES, 0)
            try:
                check_start(start, decoder.checksum)
            except OSError as error:
                raise OSError(error.errno, f"{printable(name)}: {reason(error)}") from error
            for length in TAIL_BYTES:
                file.seek(max(size - length, 0))
                events = list(_decode(decoder, find_records(file.read(length), decoder.checksum)))
                if length >= size:
                    return events
                if any(event.values for event in events):
                    break
            else:
                events = list(_decode(decoder, last_short_records(file, SHORT_RECORDS, decoder.checksum)))
            head = _decode(decoder, find_records(start, decoder.checksum))
            return [*(event for event in head if event.restarts), *events]


class TensorBoardFollower:
    """Yields the scalars of all event files, a chunk for each step.

    A file continues the files with earlier times: the values of a metric in a later file replace those at the same and
    higher steps. Metrics that the later file doesn't have are kept, because their steps may have another unit, such as
    epochs. An event that marks a restart replaces the higher steps of all metrics.
    """

    def __init__(self, log: TensorBoardLog) -> None:
        self.file, self.unit = "event files", "record"
        self.missing_events = 0
        self.complete = False
        self.ends_unfinished = False
        self._log = log
        self._decoder: EventDecoder | None = None
        self._files: dict[str, _EventFile] = {}
        self._bad_events = 0
        """Number of records with a correct checksum that can't be decoded."""
        self._has_scalars = False
        self._has_warned = False

    @property
    def bad_lines(self) -> int:
        return self._bad_events + sum(file.reader.bad_records for file in self._files.values())

    def events(self, max_bytes: int | None = None) -> Iterator[RunEvent]:
        files = self._log.event_files()
        self.file = next(iter(files)) if len(files) == 1 else "event files"
        self.complete = True
        if self._decoder is None:
            self._decoder = EventDecoder()
        if any(name not in files for name in self._files):
            raise LogReplaced
        budget = max_bytes
        problems = []
        for name in files:
            try:
                yield from _chunks(self._new_events(self._decoder, name, budget))
            except OSError as error:
                problems.append(f"{printable(name)}: {reason(error)}" if len(files) > 1 else reason(error))
                continue
            read = self._files[name]
            if budget is not None:
                budget = max(budget - read.last_bytes, 0)
            self.complete = self.complete and read.is_complete
        may_grow = any(map(is_written, files.values()))
        self.ends_unfinished = self.complete and not may_grow and any(
            file.reader.offset < files[name].st_size for name, file in self._files.items()
        )  # fmt: skip
        if problems:
            raise OSError(None, "; ".join(problems))
        if self.complete and not (self._has_scalars or may_grow or self._has_warned):
            self._has_warned = True
            yield Warned(
                time=UNKNOWN_TIME, message="the event files have no scalars, only graphs, images or other data"
            )

    def _new_events(self, decoder: EventDecoder, name: str, budget: int | None) -> Iterator[ScalarEvent]:
        """Yield the new events of a file, and update its offset and state."""
        with self._log.open(name) as file:
            status = os.fstat(file.fileno())
            read = self._files.setdefault(name, _EventFile(RecordReader(decoder.checksum), status.st_ino))
            if status.st_ino != read.inode or status.st_size < read.reader.offset:
                raise LogReplaced
            start = read.reader.offset
            end = status.st_size if budget is None else min(start + budget, status.st_size)
            for record in read.reader.records(file, status.st_size, end):
                try:
                    event = decoder.decode(record)
                except ValueError:
                    self._bad_events += 1
                    continue
                if event is not None:
                    self._has_scalars = self._has_scalars or bool(event.values)
                    if self._has_scalars and self._has_warned:  # start over without the warning
                        raise LogReplaced
                    yield event
            read.last_bytes = read.reader.offset - start
            read.is_complete = end == status.st_size


@dataclass
class _EventFile:
    """An event file that is being read."""

    reader: RecordReader
    inode: int
    last_bytes: int = 0
    """Number of bytes read by the last call."""
    is_complete: bool = False
    """Whether all complete records were read."""


def file_time(name: str) -> float | None:
    """Return the time in the name of an event file, or None if it has none."""
    match = EVENT_FILE.fullmatch(name)
    return float(match[1]) if match and match[1] else None


def _file_order(name: str) -> tuple[float, list[int], str]:
    """Return a sort key: the time in a file's name, then its other numbers, in which files of one process differ."""
    return file_time(name) or 0.0, [int(digits) for digits in re.findall(r"\d+", name)], name


def _decode(decoder: EventDecoder, records: Iterable[bytes]) -> Iterator[ScalarEvent]:
    """Yield the scalars of records. Leave out records that can't be decoded."""
    for record in records:
        with suppress(ValueError):
            event = decoder.decode(record)
            if event is not None:
                yield event


def _chunks(events: Iterable[ScalarEvent]) -> Iterator[RunEvent]:
    """Yield a chunk for each sequence of events of the same step, and an event for each restart."""
    step, now = -1, UNKNOWN_TIME
    row: dict[str, float] = {}
    try:
        for event in events:
            if row and (event.step != step or event.restarts):
                yield _chunk(now, step, row)
                row = {}
            if event.restarts:
                yield Resumed(time=event.time, step=event.step - 1, epoch=0, epochs=0, checkpoint=None, pid=0)
            step, now = event.step, event.time
            row |= event.values
    except OSError:  # the rest of the file can't be read
        if row:
            yield _chunk(now, step, row)
        raise
    if row:
        yield _chunk(now, step, row)


def _chunk(now: float, step: int, row: Mapping[str, float]) -> StepChunk:
    return StepChunk(time=now, steps=[step], metrics={name: [encode_float(value)] for name, value in row.items()})
