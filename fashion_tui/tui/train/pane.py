"""Is it learning? Runs that start with a key, stream their loss, and outlive the terminal."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.notifications import SeverityLevel
from textual.widget import Widget
from textual.worker import get_current_worker

from fashion_tui.data import files
from fashion_tui.machine.threads import available_cpus
from fashion_tui.report.formatting import format_bytes
from fashion_tui.runs import launch, store
from fashion_tui.runs.create import create_run
from fashion_tui.runs.errors import DamagedRun
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import GetDevices
from fashion_tui.schema.run import LIVE_STATES, RunSummary, short_name
from fashion_tui.tui.actions import IN_PANE, PaneName, bindings
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.dialogs.trust import NOT_TRUSTED, confirm_trust
from fashion_tui.tui.lab_app import EvaluateRun, NetworkChoice
from fashion_tui.tui.pane import EmptyState, RunPane

from .form import DevicesWanted, RunChoices, RunForm
from .messages import RequestDone, SnapshotTaken, TrustWanted
from .run_list import RunList
from .run_view import RunView

POLL_INTERVAL = 0.5
"""Seconds between two looks at the run that is shown."""

EAGER_INTERVAL = 0.1
"""The same, as long as its first figures are awaited."""

OUTCOME_SECONDS = 4.0
"""How long it stands over the pane what came of a request."""

CHECKPOINT_EVERY = 30.0
"""Seconds between checkpoints of runs started here; the command line's default."""


class TrainPane(RunPane):
    PANE: ClassVar[PaneName] = "train"
    HELP: ClassVar[str] = (
        "A run trains in a process of its own: leave the app, lose the connection, it goes on, and stands here when "
        "you come back. The list shows every run; the one under the cursor is drawn beside it.\n\n"
        "`n` starts one: the form holds the recipe's values, `enter` takes them as they are. `p` lets it rest, `s` "
        "ends it with a checkpoint, and `r` goes on from there. `x` removes the older checkpoints of ended runs.\n\n"
        "Where a site ends a person's processes at logout, `fashion-tui doctor` says so: `loginctl enable-linger`, and "
        "the app started with `systemd-run --user --scope`, keep runs alive."
    )
    DEFAULT_CSS = Path(__file__).with_name("train.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["train"])

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._wanted: Path | None = None
        self._in_front = True
        self._pausing: set[str] = set()
        """Runs that were asked to pause and not to go on since; their status may not say so yet."""

    def compose(self) -> ComposeResult:
        yield EmptyState("No runs yet.\n\nn starts one: the guide's network on the garments below, in three epochs.")
        with Horizontal(id="columns"):
            yield RunList(id="runs")
            yield RunView(id="run")

    def on_mount(self) -> None:
        self._wanted = _to_be_resumed(self.lab_app.runs)
        self.watch(self.app, "runs", self._runs_changed)
        self.watch(self.app, "dataset", self._prepare)

    def main_widget(self) -> Widget:
        return self.query_one(RunList)

    def shown(self) -> None:
        self._in_front = True
        self._prepare()

    def _prepare(self) -> None:
        """Let a trainer wait for the run that may be started now."""
        if self._in_front and self.lab_app.dataset is not None:
            dataset = self.lab_app.dataset.ref
            self.run_worker(lambda: self.lab_app.stand_by.prepare(dataset), thread=True, group="stand-by")

    def hidden(self) -> None:
        self._in_front = False

    def open_run(self, path: Path) -> None:
        self._wanted = path
        self.lab_app.refresh_runs()
        self._runs_changed(self.lab_app.runs)

    # What comes in

    def _runs_changed(self, runs: tuple[RunSummary, ...]) -> None:
        self.query_one(EmptyState).display = not runs
        self.query_one("#columns").display = bool(runs)
        self._pausing &= {run.run for run in runs if run.state in LIVE_STATES}
        run_list = self.query_one(RunList)
        before = run_list.chosen_run
        run_list.show(runs)
        if before != run_list.chosen_run:
            self.refresh_bindings()
        wanted = self._wanted
        if wanted is not None and any(run.run == wanted.name for run in runs):
            self._wanted = None
            run_list.choose(wanted.name)

    @on(RunList.Chosen)
    def _run_chosen(self) -> None:
        self.refresh_bindings()
        chosen, shown = self.query_one(RunList).chosen_run, self.query_one(RunView).snapshot
        if chosen is not None and (shown is None or shown.run != chosen.run):
            self._follow(Path(chosen.path))

    def _follow(self, path: Path) -> None:
        def follow() -> None:
            worker = get_current_worker()
            with suppress(DamagedRun), Run(path) as run:  # the list says what is wrong
                reader = RunReader(run)
                shown = None
                while not worker.is_cancelled:
                    if self._in_front:
                        snapshot = reader.poll()
                        if snapshot is not shown:
                            shown = snapshot
                            self.post_message(SnapshotTaken(snapshot))
                    is_awaited = shown is None or (shown.state in LIVE_STATES and shown.status.loss is None)
                    time.sleep(EAGER_INTERVAL if is_awaited else POLL_INTERVAL)

        self.run_worker(follow, thread=True, group="follow", exclusive=True)

    @on(SnapshotTaken)
    def _snapshot_taken(self, message: SnapshotTaken) -> None:
        chosen = self.query_one(RunList).chosen_run
        view = self.query_one(RunView)
        if chosen is None or message.snapshot.run != chosen.run:
            return  # of the run that was shown before
        view.show(message.snapshot)

    @on(RequestDone)
    def _request_done(self, message: RequestDone) -> None:
        self.query_one(RunView).show_asked(None)
        self.app.clear_notifications()  # what was done before says nothing any more
        severity: SeverityLevel = "error" if message.failed else "information"
        self.notify(message.outcome, severity=severity, timeout=OUTCOME_SECONDS, markup=False)

    @on(TrustWanted)
    @work
    async def _ask_to_trust(self, message: TrustWanted) -> None:
        try:
            if await confirm_trust(self.app, message.path):
                message.again()
            else:
                self.post_message(RequestDone(message.path, NOT_TRUSTED))
        except UserError as error:
            self.post_message(RequestDone(message.path, str(error), failed=True))

    @on(DevicesWanted)
    @work
    async def _offer_devices(self, message: DevicesWanted) -> None:
        try:
            devices = await self.lab_app.engine.ask(GetDevices(), tuple[Device, ...])
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            if message.form.is_attached:  # or the run was started, or given up, meanwhile
                message.form.offer_devices(devices)

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only what can be asked of the run in its state stands in the footer and does something."""
        if action not in {"pause", "stop", "checkpoint", "resume", "evaluate"}:
            return True
        run = self.query_one(RunList).chosen_run if self.is_mounted else None
        if run is None:
            return False
        match action:
            case "pause" | "stop" | "checkpoint":
                return run.state in LIVE_STATES
            case "resume":
                return run.state in {"stopped", "failed", "lost"} and run.damage is None
            case _:
                return run.step > 0

    def action_new_run(self) -> None:
        self.new_run(None)

    @work
    async def new_run(self, network: NetworkChoice | None) -> None:
        """Open the form: with that network, or with the recipe's."""
        state = self.lab_app.dataset
        if state is None:
            self.notify("Still looking for the data set; try again in a moment.")
            return
        self._prepare()
        train_images = await asyncio.to_thread(files.train_size, state.ref)
        form = RunForm(train_images, "synthetic garments" if state.is_synthetic else "Fashion-MNIST", self, network)
        self.app.clear_notifications()  # they would cover the form
        choices = await self.app.push_screen_wait(form)
        if choices is not None:
            self._start(choices, state.ref)

    def _start(self, choices: RunChoices, dataset: DatasetRef) -> None:
        runs_directory = self.lab_app.settings.runs_directory

        def start() -> str:
            run = create_run(
                runs_directory,
                recipe=choices.recipe,
                dataset=dataset,
                seed=choices.seed,
                device=choices.device,
                threads=available_cpus(),
                deterministic=False,
                validation=choices.validation,
                checkpoint_every=CHECKPOINT_EVERY,
                network=choices.network,
            )
            with run:
                launch.launch(run, stand_by=self.lab_app.stand_by)
            self.app.call_from_thread(self.open_run, run.path)
            return f"{short_name(run.id)} starts; it goes on when you leave."

        self._ask(runs_directory, "start asked", start)

    def action_pause(self) -> None:
        if (run := self.query_one(RunList).chosen_run) is None:
            return
        path = Path(run.path)
        if run.state == "paused" or run.run in self._pausing:
            self._pausing.discard(run.run)
            self._ask(path, "resume asked", lambda: f"{short_name(run.run)} is {_with_run(path, launch.resume).state}")
        else:
            self._pausing.add(run.run)
            self._ask(path, "pause asked", lambda: f"{short_name(run.run)} is {_with_run(path, launch.pause).state}")

    def action_stop(self) -> None:
        if (run := self.query_one(RunList).chosen_run) is not None:
            path = Path(run.path)
            self._ask(
                path,
                "stop asked",
                lambda: f"{short_name(run.run)} is {_with_run(path, launch.stop).state}; r resumes it",
            )

    def action_checkpoint(self) -> None:
        if (run := self.query_one(RunList).chosen_run) is not None:
            path = Path(run.path)
            self._ask(
                path, "checkpoint asked", lambda: f"checkpoint at step {_with_run(path, launch.checkpoint).from_step:,}"
            )

    def action_resume(self) -> None:
        if (run := self.query_one(RunList).chosen_run) is not None:
            path = Path(run.path)
            self._ask(
                path,
                "resume asked",
                lambda: f"{short_name(run.run)} goes on from step {_with_run(path, launch.resume).from_step:,}",
            )

    @work
    async def action_prune(self) -> None:
        found = await asyncio.to_thread(store.prunable, self.lab_app.runs)
        if not found:
            self.notify("No ended run has older checkpoints to remove.")
            return
        size, runs = format_bytes(sum(run.bytes for run in found)), f"{len(found)} run{'s' if len(found) > 1 else ''}"
        question = f"Remove {size} of older checkpoints, of {runs}? Each can still be resumed and evaluated."
        if not await self.app.push_screen_wait(ConfirmDialog(question)):
            return

        def prune() -> str:
            freed = sum(_with_run(Path(run.path), store.prune).bytes for run in found)
            return f"{format_bytes(freed)} freed"

        self._ask(self.lab_app.settings.runs_directory, "removal asked", prune)

    def action_evaluate(self) -> None:
        if (run := self.query_one(RunList).chosen_run) is not None:
            self.post_message(EvaluateRun(Path(run.path)))

    def _ask(self, path: Path, asked: str, request: Callable[[], str]) -> None:
        """Do what takes a moment in a thread; show that it was asked, then what came of it."""

        def carry_out() -> None:
            try:
                done: Message = RequestDone(path, request())
            except UntrustedSource:
                done = TrustWanted(path, lambda: self._ask(path, asked, request))
            except UserError as error:
                done = RequestDone(path, str(error), failed=True)
            self.post_message(done)

        self.query_one(RunView).show_asked(asked)
        self.run_worker(carry_out, thread=True, group="requests")


T = TypeVar("T")


def _with_run(path: Path, action: Callable[[Run], T]) -> T:
    with Run(path) as run:
        return action(run)


def _to_be_resumed(runs: tuple[RunSummary, ...]) -> Path | None:
    """The newest run that was lost, where none lives: the one that a person has come for."""
    if any(run.state in LIVE_STATES for run in runs):
        return None
    return next((Path(run.path) for run in runs if run.state == "lost" and run.damage is None), None)
