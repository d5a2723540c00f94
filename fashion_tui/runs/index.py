"""A list of runs that can be updated quickly, even if there are many runs."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import LIVE_STATES, RunSummary

from .imported.discovery import LogFinder
from .imported.formats import log_files
from .layout import CHECKPOINTS_FOLDER, CONFIG_FILE, STATUS_FILE
from .store import newest_first, run_names, summarise_path

MIN_CHECKED = 50
"""Minimum number of ended runs to check in a refresh, regardless of the time limit."""

SCAN_INTERVAL = 1.0
"""Seconds between scans of the folder while many new runs are being read."""

SEARCH_PAUSE = 20
"""Minimum pause after a search for logs of other libraries, as a multiple of the duration of that search."""

Fingerprint = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    summary: RunSummary
    fingerprint: Fingerprint
    """Fingerprint of the run's files, taken before they were read."""


class RunIndex:
    """Lists the runs in a folder, newest first.

    The summary of an ended run is cached until the run's directory, configuration, status or checkpoints change. Use an
    index in only one thread.
    """

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir.absolute()
        self._entries: dict[str, _Entry] = {}
        """Summary and fingerprint of each run, keyed by the name of the run's directory."""
        self._runs: tuple[RunSummary, ...] | None = ()
        """The list of runs, or None if an entry has changed since the list was made."""
        self._next = 0
        """Index of the ended run that was checked last. The next refresh continues after it."""
        self._unread: list[str] = []
        """Names of runs that haven't been read yet. They are read from the end of the list: the newest runs first
        (names begin with the creation time), and the runs of other libraries last."""
        self._scanned = 0.0
        self._has_existed = False
        """Whether the folder existed in an earlier scan."""
        self._own: frozenset[str] = frozenset()
        """Names of the run directories in the folder. All other runs are logged by other libraries."""
        self._logs = LogFinder(self._runs_dir)
        self._is_searched = True
        """Whether the last search for logs of other libraries has ended."""
        self._search_started = 0.0
        self._next_search = 0.0

    @property
    def runs(self) -> tuple[RunSummary, ...]:
        """The runs that have been read so far."""
        if self._runs is None:
            self._runs = newest_first(entry.summary for entry in self._entries.values())
        return self._runs

    def refresh(self, seconds: float) -> None:
        """Read all live runs. Then read new and changed runs for about `seconds` seconds.

        The next call continues with the remaining runs. Raises UserError and empties the list if the folder can't be
        read or no longer exists. A folder that has never existed has no runs.
        """
        if self.is_complete or time.monotonic() - self._scanned >= SCAN_INTERVAL:
            self._scan()
        self._search(seconds)
        deadline = time.monotonic() + seconds
        for name, entry in list(self._entries.items()):
            if entry.summary.state in LIVE_STATES:
                self._read(name)
        while self._unread:
            self._read(self._unread.pop())
            if time.monotonic() >= deadline:
                return
        self._check_ended(deadline)

    @property
    def is_complete(self) -> bool:
        """Whether all runs in the folder have been read."""
        return self._is_searched and not self._unread

    @property
    def problems(self) -> tuple[str, ...]:
        """One line for each folder that can't be searched for logs of other libraries."""
        return self._logs.problems

    def _scan(self) -> None:
        """Find new and deleted runs."""
        self._scanned = time.monotonic()
        try:
            self._own = frozenset(run_names(self._runs_dir))
            self._check_exists()
        except UserError:
            self._entries, self._unread, self._runs = {}, [], ()
            raise
        self._update_names()

    def _check_exists(self) -> None:
        if self._runs_dir.is_dir():
            self._has_existed = True
        elif self._has_existed:
            raise UserError(
                f"the folder with the runs, {str(self._runs_dir)!r}, no longer exists; move it back, or choose another "
                "one with --runs"
            )

    def _search(self, seconds: float) -> None:
        """Search the folder for logs of other libraries for `seconds` seconds. Search large trees less often."""
        now = time.monotonic()
        if self._is_searched:
            if now < self._next_search:
                return
            self._search_started = now
        self._is_searched = self._logs.search(self._own, seconds)
        if self._is_searched:
            now = time.monotonic()
            self._next_search = now + SEARCH_PAUSE * (now - self._search_started)
        self._update_names()

    def _update_names(self) -> None:
        names = self._own | self._logs.names
        for name in self._entries.keys() - names:
            del self._entries[name]
            self._runs = None
        self._unread = sorted(names - self._entries.keys(), key=lambda name: (name in self._own, name))

    def _check_ended(self, deadline: float) -> None:
        """Reread runs that have ended if their files have changed. Continue where the last check stopped."""
        ended = [name for name, entry in self._entries.items() if entry.summary.state not in LIVE_STATES]
        for count in range(len(ended)):
            if count >= MIN_CHECKED and time.monotonic() >= deadline:
                break
            self._next = (self._next + 1) % len(ended)
            name = ended[self._next]
            if self._fingerprint(name) != self._entries[name].fingerprint:
                self._read(name)

    def _read(self, name: str) -> None:
        fingerprint = self._fingerprint(name)
        summary = summarise_path(self._runs_dir / name, self._runs_dir)
        before = self._entries.get(name)
        if before is None or before.summary != summary:
            self._runs = None
        self._entries[name] = _Entry(summary, fingerprint)

    def _fingerprint(self, name: str) -> Fingerprint:
        """Return the change times, sizes and inode numbers of a run's files, to detect changes."""
        folder = f"{self._runs_dir}/{name}"
        files = (CONFIG_FILE, STATUS_FILE, CHECKPOINTS_FOLDER) if name in self._own else log_files(folder)
        return tuple(map(_stat, (folder, *(f"{folder}/{file}" for file in files))))


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - several times as fast as Path.stat
    except OSError:
        return None
    return status.st_ctime_ns, status.st_size, status.st_ino
