"""The Train pane: starting, watching and controlling runs."""

from pathlib import Path
from typing import ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.worker import get_current_worker

from fashion_tui.report.charts.chart import Chart
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.runs.run import run_id
from fashion_tui.schema.run import LIVE_STATES, RunSummary
from fashion_tui.tui.actions import IN_PANE, bindings, key_of, with_keys
from fashion_tui.tui.pane import EmptyState
from fashion_tui.tui.pane_actions import PaneName

from .annotations import Annotations
from .chart_grid import ChartGrid
from .displayed_runs import DisplayedRuns
from .follow import RunNotOpened, SnapshotTaken
from .new_run import NewRuns
from .requests import RunRequests
from .run_actions import RunActions
from .run_list import RunList
from .run_table import RunTable
from .run_view import RunView


class TrainPane(RunActions):
    PANE: ClassVar[PaneName] = "train"
    HELP: ClassVar[str] = with_keys(
        "train",
        "Every run trains in its own process: it continues when you quit the app or lose the connection, and is listed "
        "here when you come back. The run under the cursor is shown in detail.\n\n"
        "`{new_run}` opens a form with a recipe's values, and `{repeat}` one with the run's values; `enter` starts the "
        "run. "
        "`{pause}` pauses it, `{stop}` writes a checkpoint and stops it, and "
        "`{resume}` resumes it from the checkpoint. `{prune}` deletes old checkpoints of ended runs.\n\n"
        "A queued run waits until no other run in this folder uses its device. Paused runs keep their device. "
        "`{move_up_in_queue}` and `{move_down_in_queue}` change the order in which queued runs start, and `{stop}` "
        "removes a run from the queue. The queue works without the app.\n\n"
        "When a run ends, the terminal's bell rings. `fashion-tui train --help` explains how to run a command of your "
        "own, such as one that notifies your phone.\n\n"
        "`{filter}` filters the list: `mnist` searches for a word, and `state:finished lr>1e-3 loss.best<0.3` compares "
        "settings and metrics; `fashion-tui runs --help` explains all filters. `{sort}` sorts the list, `{columns}` "
        "chooses its columns, and `{widen}` shows it alone. `{mark}` marks up to eight runs, and `{compare}` shows in "
        "which settings they differ. `{back}` removes the filter, then all marks. The next start of the app shows the "
        "same filter, order and columns.\n\n"
        "Each metric has a chart: a smoothed line, the spread of the values behind it, and dots for values per epoch, "
        "such as those on held-out data. Heat strips show metrics of all layers over time. "
        "`{next_charts}` and `{previous_charts}` show more charts. `{smooth_more}` and "
        "`{smooth_less}` smooth the lines more or less: the title shows over how many steps (the half-life of the "
        "moving average). `{next_x}` changes the x axis, and `{find_charts}` finds charts by name. A title shows the "
        "last smoothed value. At the border, "
        f"`{terminal_glyphs().bad}` marks NaN or infinite values, and an arrow marks values far outside the others. "
        "Marked runs share the charts; `{baseline}` pins a run, which stays in the charts as the baseline.\n\n"
        "`{rename}` gives the run a title, `{tag}` tags, and `{write_note}` a note. `{delete}` deletes an ended run; "
        "`{restore}` restores it within a week. If runs are marked, `{rename}`, `{tag}` and `{delete}` change all of "
        "them.\n\n"
        "`fashion-tui doctor` reports whether this machine ends your processes at logout. If it does, use "
        "`loginctl enable-linger`, or start the app with `systemd-run --user --scope`, to keep runs alive.",
    )
    DEFAULT_CSS = Path(__file__).with_name("train.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["train"])

    empty = getters.query_one(EmptyState)
    columns = getters.query_one("#columns", Horizontal)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._run_to_show: Path | None = None
        """Directory of the run to which the cursor moves as soon as that run is listed."""
        self._chosen_before: RunSummary | None = None
        """The run under the cursor when the keys were last checked."""
        self._filter_before = ""
        """The filter when the keys were last checked."""
        self._in_front = True
        self.displayed = DisplayedRuns(self.post_message, lambda: self.lab_app.settings.runs_directory)
        self.requests = RunRequests(self, lambda pending: self.view.show_pending(pending))  # noqa: PLW0108 - no view yet
        self.annotations = Annotations(self, self.requests)
        self.new_runs = NewRuns(self, self.requests, self._prepare_trainer, self.open_run)

    def compose(self) -> ComposeResult:
        yield EmptyState(_no_runs())
        with Horizontal(id="columns"):
            yield RunTable(self.lab_app.settings.runs_directory)
            yield RunView(id="run")

    def on_mount(self) -> None:
        if not self.table.options.filter:  # to show a run that the filter hides, remove the filter
            self._run_to_show = _lost_run(self.lab_app.runs)
        self._follow_runs()
        self.watch(self.app, "runs", self._runs_changed)
        self.watch(self.app, "runs_problem", self._show_folder_problem)
        self.watch(self.app, "dataset", self._prepare_trainer)

    def main_widget(self) -> Widget:
        return self.run_list

    @property
    def charts(self) -> ChartGrid:
        return self.view.charts

    def shown(self) -> None:
        self._in_front = True
        self.displayed.follower.set_active(active=True)
        self._prepare_trainer()

    def hidden(self) -> None:
        self._in_front = False
        self.displayed.follower.set_active(active=False)

    def _prepare_trainer(self) -> None:
        """Start a trainer that imports torch, loads the data, and then waits for the next run."""
        if self._in_front and self.lab_app.dataset is not None:
            dataset = self.lab_app.dataset.ref
            self.run_worker(lambda: self.lab_app.spare_trainer.prepare(dataset), thread=True, group="spare trainer")

    # Runs

    def open_run(self, path: Path) -> None:
        self._run_to_show = path
        self.lab_app.refresh_runs()
        self.call_later(lambda: self._runs_changed(self.lab_app.runs))  # ignored if the pane is being closed

    def _show_folder_problem(self, problem: str | None) -> None:
        """Show why there are no runs."""
        self.empty.show(_no_runs() if problem is None else f"{problem[0].upper()}{problem[1:]}.")

    def _runs_changed(self, runs: tuple[RunSummary, ...]) -> None:
        self.empty.display = not runs
        self.columns.display = bool(runs)
        self.requests.runs_changed(runs)
        self.table.show(runs)
        if self.charts.full_screen is not None:
            self.charts.full_screen.runs_changed(runs)

    @on(RunTable.Arranged)
    def _runs_arranged(self) -> None:
        if self._chosen_before != self.run_list.chosen_run:
            self._chosen_before = self.run_list.chosen_run
            self.refresh_bindings()
        if self._filter_before != self.table.options.filter:
            self._filter_before = self.table.options.filter
            self.refresh_bindings()
        self._displayed_runs_changed()  # some of them may have been deleted or renamed
        path = self._run_to_show
        if path is None:
            return
        run = run_id(path, self.lab_app.settings.runs_directory)
        if any(listed.run == run for listed in self.lab_app.runs) and self.table.reveal(run):
            self._run_to_show = None

    @on(RunList.Chosen)
    @on(RunList.MarksChanged)
    def _run_chosen_or_marked(self) -> None:
        self.refresh_bindings()
        self._displayed_runs_changed()

    def _displayed_runs_changed(self) -> None:
        """Start reading and showing the selected run, the marked runs and the baseline."""
        marked = self.run_list.marked
        self.displayed.choose(self.selected_run, marked, self.lab_app.runs)
        compared = self.displayed.compared
        self.run_list.show_letters(compared if marked or len(compared) > 1 else ())
        if self.selected_run is None:
            self.view.visible = False
        self._show_runs()

    @property
    def selected_run(self) -> RunSummary | None:
        chart = self.charts.full_screen
        return self.run_list.chosen_run if chart is None else chart.run

    @on(ChartGrid.MetricsWanted)
    def _metrics_wanted(self, message: ChartGrid.MetricsWanted) -> None:
        self.displayed.want(message.metrics)
        self._show_runs()

    @work(thread=True, group="follow")
    def _follow_runs(self) -> None:
        worker = get_current_worker()
        self.displayed.follower.run(lambda: worker.is_cancelled)

    @on(SnapshotTaken)
    def _snapshot_taken(self, message: SnapshotTaken) -> None:
        snapshot, chosen = message.snapshot, self.run_list.chosen_run
        self.displayed.take(snapshot)
        self._show_runs()
        if chosen is not None and snapshot.run == chosen.run and snapshot.state != chosen.state:
            self.lab_app.refresh_runs()  # so that the list and the footer don't lag behind the view

    def _show_runs(self) -> None:
        """Show the snapshots, once the selected run has been read."""
        snapshot = self.displayed.snapshot
        if snapshot is not None:
            self.view.visible = True
            self.view.show(snapshot, self.displayed.shown)

    @on(RunNotOpened)
    def _run_not_opened(self, message: RunNotOpened) -> None:
        chosen = self.run_list.chosen_run
        if chosen is not None and message.run == chosen.run:
            self.view.visible = True
            self.view.show_problem(message.problem)

    def view_changed(self, chart: Chart | None) -> None:
        full_screen = self.charts.full_screen
        self.displayed.zoom(chart, "" if full_screen is None else full_screen.metric)
        if chart is None:
            self._displayed_runs_changed()

    def action_baseline(self) -> None:
        """Pin the run under the cursor as the baseline, or unpin it."""
        chosen = self.run_list.chosen
        self.displayed.baseline = None if self.displayed.baseline == chosen else chosen
        self._displayed_runs_changed()


def _no_runs() -> str:
    return f"No runs yet.\n\nPress {key_of('train', 'new_run')} to train the guide's network for three epochs."


def _lost_run(runs: tuple[RunSummary, ...]) -> Path | None:
    """Return the newest lost run, which the user probably wants to resume. Return None if any run is live."""
    if any(run.state in LIVE_STATES for run in runs):
        return None
    return next((Path(run.path) for run in runs if _can_be_resumed(run)), None)


def _can_be_resumed(run: RunSummary) -> bool:
    return run.state == "lost" and run.damage is None and run.kind == "trained"
