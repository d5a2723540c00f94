"""Read `metrics.csv` as written by Lightning's CSVLogger: one row per step or epoch, in which cells may be empty."""

import csv
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from itertools import islice
from typing import BinaryIO

from fashion_tui.runs.folder import Folder
from fashion_tui.runs.follow import LogReplaced
from fashion_tui.runs.layout import MAX_LOG_BYTES
from fashion_tui.schema.events import RunEvent, StepChunk, Warned
from fashion_tui.schema.floats import JsonFloat, encode_float
from fashion_tui.schema.text import one_line

from .hyperparameters import HPARAMS_FILE, read_hyperparameters
from .log import MAX_STEP, UNKNOWN_TIME, LastValues, file_status, is_written, metric_name, oldest_change

METRICS_FILE = "metrics.csv"

STEP_COLUMNS = ("step", "global_step", "iteration", "epoch")
"""Names of the column with the step, ignoring case. The first one that the file has is used."""

MAX_HEADER_BYTES = 1 << 20
MAX_ROW_BYTES = 1 << 20
TAIL_BYTES = 64 << 10
CHUNK_BYTES = 1 << 20
CHUNK_ROWS = 1000


class MetricsCsv:
    """The log in a folder that contains `metrics.csv`."""

    def __init__(self, folder: Folder, note: str | None = None) -> None:
        """`note` is reported as a warning."""
        self._folder = folder
        self._note = note
        self.library = "Lightning" if file_status(folder, HPARAMS_FILE) else "CSV"

    def settings(self) -> tuple[dict[str, object], str | None]:
        return read_hyperparameters(self._folder)

    def files(self) -> Mapping[str, os.stat_result]:
        found = {name: file_status(self._folder, name) for name in (METRICS_FILE, HPARAMS_FILE)}
        return {name: status for name, status in found.items() if status is not None}

    def created(self) -> float:
        return oldest_change(self.files())

    def follow(self) -> "CsvFollower":
        return CsvFollower(self._folder, self._note)

    def last(self) -> LastValues:
        with BufferedReader(self._folder.open_to_read(METRICS_FILE, MAX_LOG_BYTES)) as file:
            columns = _columns(_read_header(file))
            start = max(file.tell(), file.seek(0, os.SEEK_END) - TAIL_BYTES)
            is_partial = start > len(columns.header)
            file.seek(start)
            lines = file.read(TAIL_BYTES).split(b"\n")[is_partial:-1]
            last = LastValues(step=_count_rows(file, columns) - 1 if columns.step is None and lines else 0)
        for line in lines:
            row = columns.row(line)
            if row is None:
                continue
            last.step = max(last.step, row.step)
            last.values |= row.values
        is_by_epoch = columns.step is not None and columns.names[columns.step].lower() == "epoch"
        last.set_epoch(last.step if is_by_epoch else last.values.get("epoch"))
        return last


@dataclass(frozen=True, slots=True)
class _Row:
    step: int
    values: dict[str, float]
    unreadable: str | None = None
    """Description of the first cell that isn't a number, for a message."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of a file."""

    header: bytes
    names: tuple[str, ...]
    """Name of the metric in each column."""
    step: int | None
    """Index of the column with the step, or None if the file has no such column."""

    def row(self, line: bytes) -> _Row | None:
        """Return the values of a row, or None if it can't be read. The step is -1 if the file has no column for it."""
        cells = _cells(line)
        if not cells or len(cells) > len(self.names):
            return None
        number = -1
        if self.step is not None:
            step = _number(cells[self.step]) if self.step < len(cells) else None
            if step is None or not (0 <= step <= MAX_STEP and step.is_integer()):
                return None
            number = int(step)
        values: dict[str, float] = {}
        unreadable = None
        for column, (name, cell) in enumerate(zip(self.names, cells, strict=False)):
            if column == self.step or not cell.strip():
                continue
            value = _number(cell)
            if value is not None:
                values[name] = value
            elif unreadable is None:
                unreadable = f"{one_line(cell, 40)!r} in the column {name!r}"
        return _Row(number, values, unreadable)


class CsvFollower:
    """Yields the rows of a `metrics.csv` as chunks.

    Rows of the same step are merged; of two values of a metric, the later one is used. If steps decrease, the later
    rows replace the values of the same metrics at the same and higher steps. Without a column for the step, the step is
    the row's number, counted from 0.
    """

    def __init__(self, folder: Folder, note: str | None = None) -> None:
        self.file, self.unit = METRICS_FILE, "row"
        self.bad_lines = 0
        self.missing_events = 0
        self.complete = False
        self.ends_unfinished = False
        self._folder = folder
        self._note = note
        self._columns: _Columns | None = None
        self._offset = 0
        self._last_line = b""
        """The line before the offset, to detect that the file was rewritten."""
        self._count = 0
        """Number of rows read so far."""
        self._last_step = -1
        self._warned: set[str] = set()

    def events(self, max_bytes: int | None = None) -> Iterator[RunEvent]:
        with BufferedReader(self._folder.open_to_read(METRICS_FILE, MAX_LOG_BYTES)) as file:
            status = os.fstat(file.fileno())
            lines = iter(self._new_lines(file, status, max_bytes))
            while batch := list(islice(lines, CHUNK_ROWS)):
                if "rows" in self._warned:  # start over without the warning
                    raise LogReplaced
                yield from self._chunks(batch)
        if self.complete and not self._count and not is_written(status):
            yield from self._warn("rows", f"{METRICS_FILE} {'has no rows' if status.st_size else 'is empty'}")

    def _new_lines(self, file: BinaryIO, status: os.stat_result, max_bytes: int | None) -> Iterator[bytes]:
        """Yield the complete lines after the offset. Read the header first."""
        if self._columns is None:
            header = _read_header(file)
            if not header.endswith(b"\n"):
                self._stop(status)
                return
            self._columns, self._offset = _columns(header), len(header)
        else:
            self._check_unchanged(file, status.st_size)
        end = status.st_size if max_bytes is None else min(status.st_size, self._offset + max(max_bytes, MAX_ROW_BYTES))
        file.seek(self._offset)
        unfinished = b""
        while chunk := file.read(min(CHUNK_BYTES, end - self._offset - len(unfinished))):
            *lines, unfinished = (unfinished + chunk).split(b"\n")
            for line in lines:
                self._offset += len(line) + 1
                self._last_line = line
                if line.strip():
                    yield line
            if len(unfinished) > MAX_ROW_BYTES:
                raise OSError(errno.EILSEQ, f"a row is longer than {MAX_ROW_BYTES:,} bytes")
        self._stop(status, is_complete=end == status.st_size)

    def _stop(self, status: os.stat_result, *, is_complete: bool = True) -> None:
        self.complete = is_complete
        self.ends_unfinished = is_complete and self._offset < status.st_size and not is_written(status)

    def _check_unchanged(self, file: BinaryIO, size: int) -> None:
        """Raise LogReplaced if the header or the last line that was read has changed.

        CSVLogger rewrites the whole file when a metric is logged for the first time.
        """
        assert self._columns is not None  # noqa: S101 - for the type checker
        header, before = self._columns.header, self._last_line + b"\n"
        file.seek(0)
        is_same = size >= self._offset and file.read(len(header)) == header
        if is_same and self._offset > len(header):
            file.seek(self._offset - len(before))
            is_same = file.read(len(before)) == before
        if not is_same:
            raise LogReplaced

    def _chunks(self, lines: Sequence[bytes]) -> Iterator[RunEvent]:
        """Yield the rows as chunks in which the steps increase."""
        columns = self._columns
        assert columns is not None  # noqa: S101 - for the type checker
        if self._note is not None:
            yield from self._warn("note", self._note)
        if columns.step is None:
            yield from self._warn("column", f"{METRICS_FILE} has no column 'step' or 'epoch'; steps are row numbers")
        steps: dict[int, dict[str, float]] = {}
        for line in lines:
            self._count += 1
            row = columns.row(line)
            if row is None:
                self.bad_lines += 1
                continue
            step = self._count - 1 if columns.step is None else row.step
            if row.unreadable is not None:
                yield from self._warn("cell", f"{METRICS_FILE}: {row.unreadable} isn't a number; it is left out")
            if step < self._last_step:
                yield from self._warn(
                    "order",
                    f"{METRICS_FILE}: step {self._last_step:,} is followed by step {step:,}; later rows replace "
                    "values at the same and higher steps",
                )
                yield from _chunk(steps)
                steps = {}
            steps.setdefault(step, {}).update(row.values)
            self._last_step = step
        yield from _chunk(steps)

    def _warn(self, kind: str, message: str) -> Iterator[Warned]:
        """Yield a warning, unless one of the same kind was yielded before."""
        if kind not in self._warned:
            self._warned.add(kind)
            yield Warned(time=UNKNOWN_TIME, message=message)


def _chunk(steps: Mapping[int, Mapping[str, float]]) -> Iterator[StepChunk]:
    names = dict.fromkeys(name for row in steps.values() for name in row)
    metrics: dict[str, list[JsonFloat | None]] = {
        name: [encode_float(row[name]) if name in row else None for row in steps.values()] for name in names
    }
    if metrics:
        yield StepChunk(time=UNKNOWN_TIME, steps=list(steps), metrics=metrics)


def _read_header(file: BinaryIO) -> bytes:
    """Read the first line. Raises OSError if the file's lines end with CR only."""
    header = file.readline(MAX_HEADER_BYTES)
    if not header.endswith(b"\n") and b"\r" in header.rstrip(b"\r"):
        raise OSError(errno.EILSEQ, "its lines end with CR; save it with LF at the end of each line")
    return header


def _count_rows(file: BinaryIO, columns: _Columns) -> int:
    """Return the number of complete rows that aren't blank."""
    file.seek(len(columns.header))
    return sum(line.endswith(b"\n") and not line.isspace() for line in iter(lambda: file.readline(MAX_ROW_BYTES), b""))


def _columns(header: bytes) -> _Columns:
    names = [metric_name(name) for name in _cells(header.removeprefix(b"\xef\xbb\xbf"))]
    lower = [name.lower() for name in names]
    step = next((lower.index(name) for name in STEP_COLUMNS if name in lower), None)
    return _Columns(header, tuple(names), step)


def _cells(line: bytes) -> list[str]:
    """Return the cells of a line, or an empty list if it isn't CSV."""
    try:
        return next(csv.reader([line.decode(errors="replace").rstrip("\r\n").replace("\0", "�")]), [])
    except csv.Error:
        return []


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
