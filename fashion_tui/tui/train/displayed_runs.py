"""The displayed runs: the selected run, the marked runs and the baseline."""

from collections.abc import Callable, Sequence
from pathlib import Path

from textual.message import Message

from fashion_tui.report.charts.chart import MAX_RUNS, Chart
from fashion_tui.report.charts.view import wanted_steps
from fashion_tui.runs.reader import RunSnapshot
from fashion_tui.schema.run import RunSummary

from .follow import RunFollower
from .run_charts import ShownRuns


class DisplayedRuns:
    """Chooses which runs the charts show, and keeps the latest snapshot of each.

    A `RunFollower` reads these runs in a thread, and posts the snapshots.
    """

    def __init__(self, post: Callable[[Message], object], runs_directory: Callable[[], Path]) -> None:
        self.follower = RunFollower(post, runs_directory)
        self.baseline: str | None = None
        """Id of the run that is pinned as the baseline."""
        self.compared: tuple[str, ...] = ()
        """Ids of the marked runs, the baseline and the selected run, at most `MAX_RUNS`."""
        self._titles: dict[str, str] = {}
        self._paths: dict[str, Path] = {}
        self._selected: str | None = None
        self._snapshots: dict[str, RunSnapshot] = {}
        self._metrics: tuple[str, ...] = ()

    def choose(self, selected: RunSummary | None, marked: Sequence[str], runs: Sequence[RunSummary]) -> None:
        """Display these runs from now on. Nothing is displayed if no run is selected.

        `runs` contains all runs, except for the selected run if that has been deleted.
        """
        if selected is None:
            self._selected, self.compared, self._snapshots = None, (), {}
            self.follower.follow((), ())
            return
        existing = {run.run: run for run in (*runs, selected)}
        self._selected = selected.run
        candidates = dict.fromkeys((*marked, self.baseline or selected.run, selected.run))
        self.compared = tuple(run for run in candidates if run in existing)[:MAX_RUNS]
        read = list(dict.fromkeys((selected.run, *self.compared)))
        self._paths = {run: Path(existing[run].path) for run in read}
        self._titles = {run: existing[run].title for run in read}
        self._snapshots = {run: self._snapshots[run] for run in read if run in self._snapshots}
        self._follow()

    def want(self, metrics: tuple[str, ...]) -> None:
        """Read the curves of these metrics from now on."""
        self._metrics = metrics
        self._follow()

    def _follow(self) -> None:
        if self._selected is not None:
            self.follower.follow(list(self._paths.values()), self._metrics)

    def zoom(self, chart: Chart | None, metric: str) -> None:
        """Read details of a metric if the chart shows only part of the x axis. If `chart` is None, stop doing so."""
        windows = {}
        if chart is not None:
            for run, shown in zip(self.compared, chart.runs, strict=False):
                if (steps := wanted_steps(chart, shown)) is not None:
                    windows[self._paths[run]] = {metric: steps}
        self.follower.zoom(windows)

    def take(self, snapshot: RunSnapshot) -> None:
        """Keep the snapshot if its run is displayed."""
        if snapshot.run in self._paths:
            self._snapshots[snapshot.run] = snapshot

    @property
    def snapshot(self) -> RunSnapshot | None:
        """The snapshot of the selected run, or None if it hasn't been read."""
        return None if self._selected is None else self._snapshots.get(self._selected)

    @property
    def shown(self) -> ShownRuns:
        """The compared runs with their snapshots."""
        index = {run: index for index, run in enumerate(self.compared)}
        runs = tuple((run, self._snapshots.get(run)) for run in self.compared)
        return ShownRuns(runs, index.get(self._selected or "", 0), index.get(self.baseline or ""), self._titles)
