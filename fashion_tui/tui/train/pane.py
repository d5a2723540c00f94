"""The Train pane: starting, watching and controlling runs."""

from pathlib import Path
from typing import ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.worker import get_current_worker

from fashion_tui.report.charts.chart import MAX_RUNS, Chart
from fashion_tui.report.charts.view import wanted_steps
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.runs.reader import RunSnapshot
from fashion_tui.schema.run import LIVE_STATES, RunSummary
from fashion_tui.tui.actions import IN_PANE, PaneName, bindings, key_of, with_keys
from fashion_tui.tui.lab_app import EvaluateRun, NetworkChoice
from fashion_tui.tui.pane import EmptyState

from .annotations import Annotations
from .chart_actions import ChartActions
from .chart_grid import ChartGrid
from .choose_fields import choose_columns, choose_order
from .comparison import compare
from .follow import RunFollower, RunNotOpened, SnapshotTaken
from .new_run import NewRuns
from .obstacles import ACTIONS_ON_RUNS, obstacle
from .requests import RunRequests
from .run_charts import ShownRuns
from .run_list import RunList
from .run_table import RunTable
from .run_view import RunView


class TrainPane(ChartActions):
    PANE: ClassVar[PaneName] = "train"
    HELP: ClassVar[str] = with_keys(
        "train",
        "Every run trains in its own process: it continues when you quit the app or lose the connection, and is listed "
        "here when you come back. The run under the cursor is shown in detail.\n\n"
        "`{new_run}` opens a form with a recipe's values, and `{repeat}` one with the run's values; `enter` starts the "
        "run. "
        "`{pause}` pauses it, `{stop}` writes a checkpoint and stops it, and "
        "`{resume}` resumes it from the checkpoint. `{prune}` deletes old checkpoints of ended runs.\n\n"
        "`{filter}` filters the list: `mnist` searches words, and `state:finished lr>1e-3 loss.best<0.3` compares "
        "settings and metrics; `fashion-tui runs --help` explains all filters. `{sort}` sorts the list, `{columns}` "
        "chooses its columns, and `{widen}` shows it alone. `{mark}` marks up to eight runs, and `{compare}` shows in "
        "which settings they differ. `{back}` removes the filter, then all marks.\n\n"
        "Each metric has a chart: a smoothed line, the spread of the values behind it, and dots for values per epoch, "
        "such as those on held-out data. Heat strips show metrics of all layers over time. "
        "`{next_charts}` and `{previous_charts}` turn the pages, `{smooth_more}` and "
        "`{smooth_less}` change the half-life of the moving average that smooths the lines, `{next_x}` changes the x "
        "axis, and `{find_charts}` finds charts by name. A title shows the last smoothed value. At the border, "
        f"`{terminal_glyphs().bad}` marks NaN or infinite values, and an arrow marks values far outside the others. "
        "Marked runs share the charts; `{baseline}` pins a run, which stays in the charts as the baseline.\n\n"
        "`{rename}` gives the run a title, `{tag}` tags, and `{write_note}` a note. `{delete}` deletes an ended run; "
        "`{restore}` restores it within a week.\n\n"
        "`fashion-tui doctor` reports whether this machine ends your processes at logout. If it does, use "
        "`loginctl enable-linger`, or start the app with `systemd-run --user --scope`, to keep runs alive.",
    )
    DEFAULT_CSS = Path(__file__).with_name("train.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["train"])

    empty = getters.query_one(EmptyState)
    columns = getters.query_one("#columns", Horizontal)
    table = getters.query_one(RunTable)
    run_list = getters.query_one(RunList)
    view = getters.query_one(RunView)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._run_to_show: Path | None = None
        """Directory of the run to which the cursor moves as soon as that run is listed."""
        self._chosen_before: RunSummary | None = None
        """The run under the cursor when the keys were last checked."""
        self._filter_before = ""
        """The filter when the keys were last checked."""
        self._in_front = True
        self._follower = RunFollower(self.post_message)
        self._snapshots: dict[str, RunSnapshot] = {}
        """The latest snapshot of each displayed run, by id."""
        self._metrics: tuple[str, ...] = ()
        """Metrics whose curves are displayed."""
        self._baseline: str | None = None
        """Id of the run that is pinned as the baseline."""
        self.requests = RunRequests(self, lambda pending: self.view.show_pending(pending))  # noqa: PLW0108 - no view yet
        self.annotations = Annotations(self, self.requests)
        self.new_runs = NewRuns(self, self.requests, self._prepare_trainer, self.open_run)

    def compose(self) -> ComposeResult:
        yield EmptyState(
            f"No runs yet.\n\nPress {key_of('train', 'new_run')} to train the guide's network for three epochs."
        )
        with Horizontal(id="columns"):
            yield RunTable(self.lab_app.settings.runs_directory)
            yield RunView(id="run")

    def on_mount(self) -> None:
        self._run_to_show = _lost_run(self.lab_app.runs)
        self._follow_runs()
        self.watch(self.app, "runs", self._runs_changed)
        self.watch(self.app, "dataset", self._prepare_trainer)

    def main_widget(self) -> Widget:
        return self.run_list

    @property
    def charts(self) -> ChartGrid:
        return self.view.charts

    def shown(self) -> None:
        self._in_front = True
        self._follower.set_active(active=True)
        self._prepare_trainer()

    def hidden(self) -> None:
        self._in_front = False
        self._follower.set_active(active=False)

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
            was_listed, self._chosen_before = self._chosen_before is not None, self.run_list.chosen_run
            self.refresh_bindings()
            if was_listed != (self._chosen_before is not None):
                self._displayed_runs_changed()
        if self._filter_before != self.table.options.filter:
            self._filter_before = self.table.options.filter
            self.refresh_bindings()
        path = self._run_to_show
        if path is not None and any(run.run == path.name for run in self.lab_app.runs) and self.table.reveal(path.name):
            self._run_to_show = None

    @on(RunList.Chosen)
    @on(RunList.MarksChanged)
    def _run_chosen_or_marked(self) -> None:
        self.refresh_bindings()
        self._displayed_runs_changed()

    def _displayed_runs_changed(self) -> None:
        """Read the displayed runs from now on: first the one under the cursor."""
        if (selected := self.selected_run) is None:
            self._follower.follow((), ())
            self.view.visible = False
            return
        read = list(dict.fromkeys((selected.run, *self._compared_runs())))
        self._snapshots = {run: self._snapshots[run] for run in read if run in self._snapshots}
        paths = self._paths()
        self._follower.follow([paths[run] for run in read], self._metrics)
        self._show_runs()

    @property
    def selected_run(self) -> RunSummary | None:
        chart = self.charts.full_screen
        return self.run_list.chosen_run if chart is None else chart.run

    def _paths(self) -> dict[str, Path]:
        """Return the directories of all runs, by id, and that of the selected run even if it was deleted."""
        selected = self.selected_run
        runs = self.lab_app.runs if selected is None else (*self.lab_app.runs, selected)
        return {run.run: Path(run.path) for run in runs}

    def _compared_runs(self) -> list[str]:
        """Return the ids of the marked runs, the baseline and the selected run, at most `MAX_RUNS`."""
        selected, paths = self.selected_run, self._paths()
        candidates = (*self.run_list.marked, self._baseline, None if selected is None else selected.run)
        return list(dict.fromkeys(run for run in candidates if run is not None and run in paths))[:MAX_RUNS]

    @on(ChartGrid.MetricsWanted)
    def _metrics_wanted(self, message: ChartGrid.MetricsWanted) -> None:
        self._metrics = message.metrics
        self._displayed_runs_changed()

    @work(thread=True, group="follow")
    def _follow_runs(self) -> None:
        worker = get_current_worker()
        self._follower.run(lambda: worker.is_cancelled)

    @on(SnapshotTaken)
    def _snapshot_taken(self, message: SnapshotTaken) -> None:
        snapshot, chosen = message.snapshot, self.run_list.chosen_run
        self._snapshots[snapshot.run] = snapshot
        self._show_runs()
        if chosen is not None and snapshot.run == chosen.run and snapshot.state != chosen.state:
            self.lab_app.refresh_runs()  # so that the list and the footer don't lag behind the view

    def _show_runs(self) -> None:
        """Show the snapshots, once the selected run has been read."""
        selected = self.selected_run
        snapshot = None if selected is None else self._snapshots.get(selected.run)
        if snapshot is None:
            return
        compared = self._compared_runs()
        index = compared.index(snapshot.run) if snapshot.run in compared else 0
        baseline = compared.index(self._baseline) if self._baseline in compared else None
        runs = tuple((run, self._snapshots.get(run)) for run in compared)
        self.view.visible = True
        self.view.show(snapshot, ShownRuns(runs, index, baseline))

    @on(RunNotOpened)
    def _run_not_opened(self, message: RunNotOpened) -> None:
        chosen = self.run_list.chosen_run
        if chosen is not None and message.run == chosen.run:
            self.view.visible = True
            self.view.show_problem(message.problem)

    def view_changed(self, chart: Chart | None) -> None:
        """Read details of the runs for the chart on the whole screen, if it shows only a part of the x axis."""
        windows = {}
        if chart is not None and self.charts.full_screen is not None:
            paths = self._paths()
            for run, shown in zip(self._compared_runs(), chart.runs, strict=False):
                if (steps := wanted_steps(chart, shown)) is not None:
                    windows[paths[run]] = {self.charts.full_screen.metric: steps}
        self._follower.zoom(windows)
        if chart is None:
            self._displayed_runs_changed()

    def action_baseline(self) -> None:
        """Pin the run under the cursor as the baseline, or unpin it."""
        self._baseline = None if self._baseline == self.run_list.chosen else self.run_list.chosen
        self._displayed_runs_changed()

    def action_mark(self) -> None:
        """Mark the run under the cursor, or unmark it."""
        if not self.run_list.toggle_mark():
            self.notify(f"{MAX_RUNS} runs are marked; unmark one of them first.", severity="warning")

    # The list

    def action_filter(self) -> None:
        self.table.edit_filter()

    def action_back(self) -> None:
        """Show all charts, or go to the list. In the list, remove the filter, or unmark all runs if there is none."""
        if self.charts.back():
            return
        if self.charts.has_focus_within:
            self.run_list.focus()
        elif self.table.options.filter:
            self.table.remove_filter()
        else:
            self.run_list.unmark_all()

    def action_widen(self) -> None:
        """Show the list alone, or beside the run."""
        self.table.widen(is_wide=not self.table.is_wide)
        self.set_class(self.table.is_wide, "-list-only")

    def action_sort(self) -> None:
        self.lab_app.hold_input(self.start_worker(self._choose_order, "list"))

    async def _choose_order(self) -> None:
        await choose_order(self.app, self.table, self._metrics_shown())

    def action_columns(self) -> None:
        self.lab_app.hold_input(self.start_worker(self._choose_columns, "list"))

    async def _choose_columns(self) -> None:
        await choose_columns(self.app, self.table, self._metrics_shown())

    def _metrics_shown(self) -> tuple[str, ...]:
        return () if self.view.snapshot is None else self.view.snapshot.metrics

    def action_compare(self) -> None:
        """Show what differs between the marked runs."""
        self.lab_app.hold_input(self.start_worker(self._compare, "list"))

    async def _compare(self) -> None:
        runs = {run.run: run for run in self.lab_app.runs}
        marked = [runs[run] for run in self.run_list.marked if run in runs]
        if len(marked) < 2:
            self.notify(f"Mark two or more runs by {key_of('train', 'mark')} to compare them.")
            return
        await compare(self.app, marked)

    # Requests

    def _run_for(self, action: str) -> RunSummary | None:
        """Return the run under the cursor. If its state doesn't allow the action, say why and return None."""
        run = self.run_list.chosen_run
        if run is not None and (why := obstacle(action, run)):
            self.app.clear_notifications()  # so that the same key pressed again shows no second one
            self.notify(why, markup=False)
            return None
        return run

    def label_of(self, action: str) -> str | None:
        run = self.run_list.chosen_run if self.is_mounted else None
        if action == "compare":
            return None if self.is_mounted and len(self.run_list.marked) > 1 else ""
        if action == "back":
            return self._label_of_back() if self.is_mounted else ""
        if action in ACTIONS_ON_RUNS and (run is None or obstacle(action, run)):
            return ""
        return "resume" if action == "pause" and run is not None and self.requests.is_paused(run) else None

    def _label_of_back(self) -> str:
        """Return what escape does in the list, or an empty string if it does nothing there."""
        if not self.run_list.has_focus:
            return ""
        if self.table.options.filter:
            return "remove filter"
        return "unmark all" if self.run_list.marked else ""

    def action_pause(self) -> None:
        """Pause the run, or resume it if it is paused."""
        if (run := self._run_for("pause")) is not None:
            self.requests.pause_or_continue(run)

    def action_stop(self) -> None:
        if (run := self._run_for("stop")) is not None:
            self.requests.stop(run)

    def action_checkpoint(self) -> None:
        if (run := self._run_for("checkpoint")) is not None:
            self.requests.checkpoint(run)

    def action_resume(self) -> None:
        if (run := self._run_for("resume")) is not None:
            self.requests.resume(run)

    def action_evaluate(self) -> None:
        if (run := self._run_for("evaluate")) is not None:
            self.post_message(EvaluateRun(Path(run.path)))

    def action_prune(self) -> None:
        self.requests.offer_prune()

    def action_rename(self) -> None:
        if (run := self._run_for("rename")) is not None:
            self.annotations.rename(run)

    def action_tag(self) -> None:
        if (run := self._run_for("tag")) is not None:
            self.annotations.tag(run)

    def action_write_note(self) -> None:
        if (run := self._run_for("write_note")) is not None:
            self.annotations.write_note(run)

    def action_delete(self) -> None:
        if (run := self._run_for("delete")) is not None:
            self.annotations.delete(run)

    def action_restore(self) -> None:
        self.annotations.restore(self.open_run)

    # New runs

    def new_run(self, network: NetworkChoice | None) -> None:
        """Open the form for a new run. If `network` isn't None, it is used instead of the recipe's own network."""
        self.lab_app.hold_input(self.new_runs.open_form(network))

    def action_new_run(self) -> None:
        self.new_run(None)

    def action_repeat(self) -> None:
        if (run := self._run_for("repeat")) is not None:
            self.lab_app.hold_input(self.new_runs.repeat(run))


def _lost_run(runs: tuple[RunSummary, ...]) -> Path | None:
    """Return the newest lost run, which the user probably wants to resume. Return None if any run is live."""
    if any(run.state in LIVE_STATES for run in runs):
        return None
    return next((Path(run.path) for run in runs if _can_be_resumed(run)), None)


def _can_be_resumed(run: RunSummary) -> bool:
    return run.state == "lost" and run.damage is None and run.kind == "trained"
