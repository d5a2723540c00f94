"""Actions on the list of runs, on the run under the cursor, and on new runs."""

from pathlib import Path

from textual import getters

from fashion_tui.report.charts.chart import MAX_RUNS
from fashion_tui.schema.run import RunSummary
from fashion_tui.tui.actions import key_of
from fashion_tui.tui.lab_app import EvaluateRun, NetworkChoice

from .annotations import Annotations
from .chart_actions import ChartActions
from .choose_fields import choose_columns, choose_order
from .comparison import compare
from .new_run import NewRuns
from .obstacles import ACTIONS_ON_RUNS, obstacle, obstacle_of_any
from .requests import RunRequests
from .run_list import RunList
from .run_table import RunTable
from .run_view import RunView

NEED_A_RUN = ("mark", "full_screen", "turn_charts(1)")
"""Actions that do nothing if no run is listed."""
NEED_A_LIST = ("filter", "sort", "columns", "widen")
"""Actions that do nothing if there are no runs. If a filter hides all runs, they are available."""


class RunActions(ChartActions):
    """A pane with a list of runs. Its actions change the list and the runs."""

    table = getters.query_one(RunTable)
    run_list = getters.query_one(RunList)
    view = getters.query_one(RunView)

    requests: RunRequests
    annotations: Annotations
    new_runs: NewRuns

    # The list

    def action_mark(self) -> None:
        """Mark the run under the cursor, or unmark it."""
        if not self.run_list.toggle_mark():
            self.notify(f"{MAX_RUNS} runs are marked; unmark one of them first.", severity="warning")

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
        marked = self.marked_runs
        if len(marked) < 2:
            self.notify(f"Mark two or more runs by {key_of('train', 'mark')} to compare them.")
            return
        await compare(self.app, marked)

    # Requests

    def _run_for(self, action: str) -> RunSummary | None:
        """Return the run under the cursor. If its state doesn't allow the action, say why and return None."""
        run = self.run_list.chosen_run
        if run is not None and (why := obstacle(action, run)):
            self._notify_once(why)
            return None
        return run

    def _runs_for(self, action: str) -> list[RunSummary]:
        """Return the marked runs, or the run under the cursor if there are none.

        If the state of any of these runs doesn't allow the action, show why and return no runs.
        """
        marked = self.marked_runs
        if not marked:
            run = self._run_for(action)
            return [] if run is None else [run]
        if why := obstacle_of_any(action, marked):
            self._notify_once(why)
            return []
        return marked

    @property
    def marked_runs(self) -> list[RunSummary]:
        """The marked runs, in the order in which they were marked. A filter may hide some of them."""
        runs = {run.run: run for run in self.lab_app.runs}
        return [runs[run] for run in self.run_list.marked if run in runs]

    def _notify_once(self, message: str) -> None:
        self.app.clear_notifications()  # so that the same key pressed again shows no second one
        self.notify(message, markup=False)

    def label_of(self, action: str) -> str | None:
        if not self.is_mounted or not self._is_available(action):
            return ""
        run = self.run_list.chosen_run
        if action == "back":
            return self._label_of_back()
        if action == "mark" and run is not None and run.run in self.run_list.marked:
            return "unmark"
        if action == "stop" and run is not None and run.state == "queued":
            return "leave queue"
        return "resume" if action == "pause" and run is not None and self.requests.is_paused(run) else None

    def _is_available(self, action: str) -> bool:
        """Return whether an action would do anything with the listed runs and the run under the cursor."""
        run, name = self.run_list.chosen_run, action.partition("(")[0]
        if action == "compare":
            return len(self.run_list.marked) > 1
        if name in ACTIONS_ON_RUNS:
            return run is not None and not obstacle(name, run)
        if action in NEED_A_LIST:
            return run is not None or bool(self.table.options.filter)
        return run is not None or action not in NEED_A_RUN

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

    def action_move_in_queue(self, places: int) -> None:
        if (run := self._run_for("move_in_queue")) is not None:
            self.requests.move_in_queue(run, places)

    def action_evaluate(self) -> None:
        if (run := self._run_for("evaluate")) is not None:
            self.post_message(EvaluateRun(Path(run.path)))

    def action_prune(self) -> None:
        self.requests.offer_prune()

    def action_rename(self) -> None:
        if runs := self._runs_for("rename"):
            self.annotations.rename(runs)

    def action_tag(self) -> None:
        if runs := self._runs_for("tag"):
            self.annotations.tag(runs)

    def action_write_note(self) -> None:
        if (run := self._run_for("write_note")) is not None:
            self.annotations.write_note(run)

    def action_delete(self) -> None:
        if runs := self._runs_for("delete"):
            self.annotations.delete(runs)

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
