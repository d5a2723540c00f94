"""Search a folder tree for the logs of other libraries."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fashion_tui.runs.errors import reason
from fashion_tui.schema.text import one_line

from .formats import has_state, is_log_file
from .trainer_state import CHECKPOINT_FOLDER

MAX_DEPTH = 8
"""Maximum number of folders between the root and a log."""

MAX_FOLDERS = 20_000
"""Maximum number of folders to search."""

MAX_ENTRIES = 100_000
"""Maximum number of entries of a folder to inspect. Folders of data sets can have millions."""

FRESH_NS = 2 * 10**9
"""A folder that was changed less than this many nanoseconds before it was read is read again, because its modification
time may not show another change shortly afterwards."""

ROOT = "."
"""Name of a log in the root folder itself."""


@dataclass(frozen=True, slots=True)
class _Contents:
    """What a folder contains."""

    folders: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    """Symbolic links to folders."""
    has_log: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """The content of a folder, the modification time that it had, and the time at which it was read."""

    changed: int
    read: int
    contents: _Contents


class LogFinder:
    """Finds the folders with logs below a root folder.

    Hidden folders are left out. Links to folders are followed, but each folder is searched only once. Folders that
    haven't changed since the last search aren't read again.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root.absolute())
        self._known: dict[str, _Known] = {}
        """The folders that were read, by their paths relative to the root."""
        self._names: set[str] = set()
        self._problems: list[str] = []
        self._search: Iterator[None] | None = None
        self.names: frozenset[str] = frozenset()
        """Paths of the folders with logs, relative to the root. During a search, those that are known so far."""
        self.problems: tuple[str, ...] = ()
        """One line for each folder that can't be read, and one if the tree is too large to be searched completely."""

    def search(self, own: frozenset[str] = frozenset(), seconds: float | None = None) -> bool:
        """Search for `seconds` seconds, or to the end. Return whether it has ended. If not, the next call continues it.

        `own` contains the names of folders in the root to skip.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        if self._search is None:
            self._names, self._problems = set(), []
            self._search = self._run(own)
        for _ in self._search:
            if deadline is not None and time.monotonic() >= deadline:
                if self._names > self.names:
                    self.names = frozenset(self._names)
                return False
        self._search = None
        self.names, self.problems = frozenset(self._names), tuple(self._problems)
        return True

    def _run(self, own: frozenset[str]) -> Iterator[None]:
        """Search the whole tree, level by level, and yield after each folder. Links are followed after all folders."""
        folders, links = deque([(ROOT, 0)]), deque[tuple[str, int]]()
        visited: set[tuple[int, int]] = set()
        known, self._known = self._known, {}
        while folders or links:
            name, depth = (folders or links).popleft()
            contents = self._contents(name, known, visited)
            if contents is None:
                continue
            if contents.problem is not None:
                self._problems.append(contents.problem)
            if contents.has_log:
                self._names.add(name)
            if len(self._known) >= MAX_FOLDERS:
                self._problems.append(
                    f"only the first {MAX_FOLDERS:,} folders in {one_line(self._root)!r} are searched for logs; choose "
                    "one of its folders with --runs"
                )
                return
            if depth < MAX_DEPTH:
                for found, queue in ((contents.folders, folders), (contents.links, links)):
                    queue.extend((_join(name, one), depth + 1) for one in found if depth or one not in own)
            yield

    def _contents(self, name: str, known: dict[str, _Known], visited: set[tuple[int, int]]) -> _Contents | None:
        """Return what a folder contains, or None if it has been visited before or no longer exists."""
        path = f"{self._root}/{name}"
        try:
            status = os.stat(path)  # noqa: PTH116 - several times as fast as Path.stat
        except OSError as error:
            return None if isinstance(error, FileNotFoundError) else _Contents(problem=self._problem(name, error))
        if (status.st_dev, status.st_ino) in visited:
            return None
        visited.add((status.st_dev, status.st_ino))
        before = known.get(name)
        if before is None or before.changed != status.st_mtime_ns or before.read - before.changed < FRESH_NS:
            before = _Known(status.st_mtime_ns, time.time_ns(), self._read(name, path))
        self._known[name] = before
        return before.contents

    def _read(self, name: str, path: str) -> _Contents:
        folders, links, checkpoints = list[str](), list[str](), list[str]()
        has_log, problem = False, None
        try:
            with os.scandir(path) as entries:
                for count, entry in enumerate(entries):
                    if count >= MAX_ENTRIES:
                        problem = f"only the first {MAX_ENTRIES:,} entries of {one_line(name)!r} are searched for logs"
                        break
                    if CHECKPOINT_FOLDER.fullmatch(entry.name):
                        checkpoints.append(entry.name)
                    elif is_log_file(entry.name):
                        has_log = has_log or _is(entry.is_file)
                    elif not entry.name.startswith(".") and _is(entry.is_dir):
                        (links if entry.is_symlink() else folders).append(entry.name)
        except OSError as error:
            problem = self._problem(name, error)
        has_log = has_log or has_state(path, checkpoints)
        return _Contents(tuple(sorted(folders)), tuple(sorted(links)), has_log, problem)

    def _problem(self, name: str, error: OSError) -> str:
        shown = self._root if name == ROOT else name
        return f"the folder {one_line(shown)!r} can't be searched for logs: {reason(error)}"


def find_logs(root: Path, own: frozenset[str] = frozenset()) -> LogFinder:
    """Search a tree to its end, and return the finder with the result."""
    finder = LogFinder(root)
    finder.search(own)
    return finder


def _is(test: Callable[[], bool]) -> bool:
    """Return the result of a test such as `entry.is_dir`, or False for a link that can't be followed."""
    try:
        return test()
    except OSError:
        return False


def _join(folder: str, name: str) -> str:
    return name if folder == ROOT else f"{folder}/{name}"
