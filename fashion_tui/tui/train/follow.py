"""Read the displayed runs in a thread."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from textual.message import Message

from fashion_tui.runs.errors import DamagedRun
from fashion_tui.runs.reader import RunReader, RunSnapshot
from fashion_tui.runs.run import Run, run_id
from fashion_tui.schema.run import LIVE_STATES

POLL_INTERVAL = 0.5
"""Seconds between reads of the displayed runs."""

FAST_POLL_INTERVAL = 0.1
"""Seconds between reads of the displayed runs until the first metrics of a live run arrive."""

MAX_READ = 4 * 2**20
"""Number of bytes of a log that are read before checking whether the run is still wanted."""

MAIN_METRICS = ("loss", "accuracy", "learning_rate")
"""Metrics that the summary of a run and the crosshair of a chart show."""

Steps = tuple[int, int]
"""The first and the last step of a part of a run."""


@dataclass
class SnapshotTaken(Message):
    snapshot: RunSnapshot


@dataclass
class RunNotOpened(Message):
    """A run's directory can't be opened."""

    run: str
    problem: str


@dataclass
class _OpenRun:
    reader: RunReader
    posted: RunSnapshot | None = None
    """The snapshot that was posted last."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    paths: tuple[Path, ...] = ()
    metrics: tuple[str, ...] = ()
    windows: Mapping[Path, Mapping[str, Steps]] = field(default_factory=dict)


@dataclass
class RunFollower:
    """Reads runs in a thread, and posts a snapshot of each run that has changed.

    Call `run` in a thread, and all other methods in the event loop.
    """

    post: Callable[[Message], object]
    """Posts a message from any thread."""
    runs_directory: Callable[[], Path]
    """Function that returns the runs folder. It is called only after the app has started."""
    _wanted: _Wanted = field(default_factory=_Wanted)
    _awake: threading.Event = field(default_factory=threading.Event)
    _active: bool = True
    _open: dict[Path, _OpenRun | None] = field(default_factory=dict)
    """The open runs. None stands for a run that can't be opened."""

    def follow(self, paths: Sequence[Path], metrics: Sequence[str]) -> None:
        """Read these runs from now on, in this order. Their snapshots have the curves of these metrics."""
        self._want(replace(self._wanted, paths=tuple(paths), metrics=tuple(dict.fromkeys((*MAIN_METRICS, *metrics)))))

    def zoom(self, windows: Mapping[Path, Mapping[str, Steps]]) -> None:
        """Add details of these steps to the snapshots of these runs, by metric, and no other details."""
        self._want(replace(self._wanted, windows=windows))

    def _want(self, wanted: _Wanted) -> None:
        if wanted != self._wanted:
            self._wanted = wanted
            self._awake.set()

    def set_active(self, *, active: bool) -> None:
        """Stop reading while the runs aren't visible, or continue."""
        self._active = active
        self._awake.set()

    def run(self, is_cancelled: Callable[[], bool]) -> None:
        """Read until cancelled."""
        while not is_cancelled():
            self._awake.clear()
            interval = self._read() if self._active else POLL_INTERVAL
            self._awake.wait(interval)
        self._close(())

    def _read(self) -> float:
        """Read all runs once. Return the number of seconds after which to read them again."""
        wanted = self._wanted
        self._close(wanted.paths)
        starting = False
        for path in wanted.paths:
            if path not in self._open:
                self._open[path] = self._open_run(path)
            opened = self._open[path]
            if opened is None:
                continue
            opened.reader.watched = wanted.metrics
            opened.reader.windows = wanted.windows.get(path, {})
            snapshot = self._poll(opened.reader)
            if self._awake.is_set():  # other runs or metrics may be wanted
                return 0.0
            is_removed = opened.posted is not None and opened.reader.run.folder.is_removed
            if snapshot is not opened.posted and not is_removed:  # a deleted run keeps its last values
                opened.posted = snapshot
                self.post(SnapshotTaken(snapshot))
            starting |= snapshot.state in LIVE_STATES - {"queued"} and snapshot.status.loss is None
        return FAST_POLL_INTERVAL if starting else POLL_INTERVAL

    def _poll(self, reader: RunReader) -> RunSnapshot:
        """Read to the end of the log, unless other runs are wanted or the log can't be read."""
        previous, snapshot = None, reader.poll(MAX_READ)
        while not snapshot.complete and snapshot is not previous and not self._awake.is_set():
            previous, snapshot = snapshot, reader.poll(MAX_READ)
        return snapshot

    def _open_run(self, path: Path) -> _OpenRun | None:
        try:
            return _OpenRun(RunReader(Run(path, self.runs_directory()), compact=True))
        except DamagedRun as error:
            self.post(RunNotOpened(run_id(path, self.runs_directory()), error.detail))
            return None

    def _close(self, keep: Sequence[Path]) -> None:
        """Close all runs except those in `keep`."""
        with ExitStack() as stack:
            for path in [path for path in self._open if path not in keep]:
                opened = self._open.pop(path)
                if opened is not None:
                    stack.callback(opened.reader.run.close)
