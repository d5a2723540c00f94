"""The last and the best value of each metric of all runs in a folder, without reading the logs again.

The values are stored in the runs folder, in the file `.metrics`. An entry is valid as long as the log of its run has
the same size, inode and change time. If the file can't be read or written, the logs are read instead.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

import msgspec

from fashion_tui.files import read_limited, write_atomically
from fashion_tui.schema.run import LIVE_STATES, RunSummary
from fashion_tui.schema.text import printable

from .compare import best_value
from .errors import DamagedRun
from .imported.formats import log_files
from .layout import EVENTS_FILE
from .reader import RunReader
from .run import Run

CACHE_FILE = ".metrics"
GROWING_SECONDS = 600.0
"""An imported log that was changed less than this many seconds ago is kept open, so that only new data is read."""

MAX_CACHE_BYTES = 256 << 20

LastAndBest = tuple[float, float | None]
"""The last value of a metric, and its best one. The best value is None unless the metric is a loss or an accuracy."""

_Fingerprint = tuple[int, int, int]


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    log: _Fingerprint
    """Size, inode and change time of the log when it was read."""
    metrics: dict[str, LastAndBest]


class MetricCache:
    """The last and the best value of each metric of the runs in a folder.

    Use a cache in only one thread at a time. As a context manager, it stores its entries at the end.
    """

    def __init__(self, runs_dir: Path) -> None:
        self._path = runs_dir.absolute() / CACHE_FILE
        self._entries: dict[str, _Entry] | None = None
        """Entries by the name of the run's directory, or None if the file hasn't been read yet."""
        self._changed = False
        self._readers: dict[str, RunReader] = {}
        """Readers of live runs, which read only what is new in the log."""

    def get(self, summary: RunSummary) -> dict[str, LastAndBest]:
        """Return the last and the best value of each metric of a run. A run that can't be read has no metrics."""
        entries = self._load()
        is_imported = summary.kind == "imported"
        files = log_files(summary.path) if is_imported else [EVENTS_FILE]
        name, log = summary.run, _fingerprint([f"{summary.path}/{file}" for file in files])
        entry = entries.get(name)
        if log is None:
            return {}
        is_growing = summary.state in LIVE_STATES or (is_imported and time.time() - log[2] / 1e9 < GROWING_SECONDS)
        if entry is None or entry.log != log:
            entry = entries[name] = _Entry(log, self._read(summary, keep=is_growing))
            # The folder may belong to another library, so nothing is written into it for imported runs.
            self._changed = self._changed or not (is_growing or is_imported)
        if not is_growing and name in self._readers:
            self._readers.pop(name).run.close()
        return entry.metrics

    def names(self) -> set[str]:
        """Return the names of all metrics in the cache."""
        entries = list(self._load().values())  # a copy, because another thread may add entries
        return {metric for entry in entries for metric in entry.metrics}

    def save(self) -> None:
        """Store the entries if any entry of an ended run has changed. Entries of removed runs are left out."""
        if not self._changed or self._entries is None:
            return
        self._changed = False
        folder = self._path.parent
        entries = {
            name: entry for name, entry in self._entries.items() if name == printable(name) and (folder / name).exists()
        }
        with suppress(OSError):
            write_atomically(self._path, msgspec.msgpack.encode(entries), durable=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Store the entries and close all runs."""
        self.save()
        while self._readers:
            self._readers.popitem()[1].run.close()

    def _load(self) -> dict[str, _Entry]:
        if self._entries is None:
            try:
                content = read_limited(self._path, MAX_CACHE_BYTES)
                self._entries = msgspec.msgpack.decode(content, type=dict[str, _Entry])
            except (OSError, ValueError, RecursionError):
                self._entries = {}
        return self._entries

    def _read(self, summary: RunSummary, *, keep: bool) -> dict[str, LastAndBest]:
        reader = self._readers.get(summary.run)
        try:
            if reader is not None:
                reader.poll()
                return _last_and_best(reader)
            run = Run(Path(summary.path))
        except DamagedRun:
            return {}
        reader = RunReader(run)
        reader.watched = ()  # curves aren't needed
        reader.poll()
        if keep:
            self._readers[summary.run] = reader
        else:
            run.close()
        return _last_and_best(reader)


def _last_and_best(reader: RunReader) -> dict[str, LastAndBest]:
    values = {}
    for name, series in reader.metrics.items():
        values[name] = series.values(last=1)[0], best_value(name, series.values())
    return values


def _fingerprint(paths: Iterable[str]) -> _Fingerprint | None:
    """Return the size, inode and change time (ctime) of a file, or the sums and the latest time of several files."""
    found: list[os.stat_result] = []
    for path in paths:
        with suppress(OSError):
            found.append(os.stat(path))  # noqa: PTH116 - several times as fast as Path.stat
    if not found:
        return None
    size, inodes = sum(status.st_size for status in found), sum(status.st_ino for status in found)
    return size, inodes, max(status.st_ctime_ns for status in found)
