"""The Textual app, which contains the five panes and the state that they watch."""

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from rich.console import RenderableType
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.notifications import Notify
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from fashion_tui.schema.dataset import DatasetInfo, DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import RunSummary
from fashion_tui.schema.text import printable
from fashion_tui.settings import user_settings

from .actions import EVERYWHERE, KEY_PROBLEMS, bindings, key_of
from .bars import Header, KeyBar, RunIndicator, StatusBar
from .dialogs.dialog import TooSmall
from .lab_app import (
    DatasetFound,
    DatasetState,
    EvaluateRun,
    OpenRun,
    Preparation,
    RunsFolderChecked,
    RunsListed,
    RunsUnreadable,
    Settings,
    TrainNetwork,
    UnpreparedFound,
)
from .pane import Pane, RunPane
from .pane_actions import PaneName
from .run_notices import end_notices, lost_runs, still_running
from .terminal_app import TerminalApp
from .terminal_status import REFRESH_SECONDS, progress_of
from .theme import THEME

if TYPE_CHECKING:
    from textual.command import Provider

    from fashion_tui.engine.client import Engine
    from fashion_tui.runs.spare import SpareTrainer

    from .sandbox_engine import SandboxEngine
    from .tour.panel import TourPanel

BarType = TypeVar("BarType", bound=Widget)

ENGINE_MAX_SILENCE = 300.0
"""Seconds without progress after which the engine is restarted and the request is sent again."""

PROBLEM_SECONDS = 12.0
"""Seconds for which warnings and notices about ended runs are shown."""


def make_pane(name: PaneName) -> Pane:
    """Create a pane. Import its module here, because importing the modules of all panes would delay the first paint."""
    match name:
        case "playground":
            from .playground.pane import PlaygroundPane

            return PlaygroundPane(id=name)
        case "data":
            from .data.pane import DataPane

            return DataPane(id=name)
        case "model":
            from .model.pane import ModelPane

            return ModelPane(id=name)
        case "train":
            from .train.pane import TrainPane

            return TrainPane(id=name)
        case "evaluate":
            from .evaluate.pane import EvaluatePane

            return EvaluatePane(id=name)


def action_commands() -> "type[Provider]":
    from .palette import ActionCommands

    return ActionCommands


class FashionApp(TerminalApp):
    """The Textual app.

    The Playground is created at startup. Each of the other panes is created when the user first opens it.
    """

    TITLE = "fashion-tui"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(EVERYWHERE)
    ENABLE_COMMAND_PALETTE = False  # the palette's key is defined in EVERYWHERE
    COMMANDS: ClassVar[set["type[Provider] | Callable[[], type[Provider]]"]] = {action_commands}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]  # noqa: RUF012 - as App declares it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012

    dataset: reactive[DatasetState | None] = reactive[DatasetState | None](None, init=False, repaint=False)
    """The data set that the panes show, or None until a data set has been found."""
    preparing: reactive[Preparation | None] = reactive[Preparation | None](None, init=False, repaint=False)
    """The data set that is being read for the first time, or None."""
    runs: reactive[tuple[RunSummary, ...]] = reactive[tuple[RunSummary, ...]]((), init=False, repaint=False)
    """All runs, newest first; updated once a second."""
    runs_problem: reactive[str | None] = reactive[str | None](None, init=False, repaint=False)
    """Why the runs folder can't be read, or None if it can be read."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self._refresh_runs = threading.Event()
        self._choosing = asyncio.Lock()
        self._told_before_exit = -PROBLEM_SECONDS
        """Time of the last warning about what would be lost on exit."""
        self._runs_listed_before = False
        self.register_theme(THEME)
        self.theme = THEME.name

    def on_notify(self, event: Notify) -> None:
        """Remove an identical notification that is still shown, so that Textual shows only the new one."""
        for shown in list(self._notifications):
            if shown.message == event.notification.message:
                del self._notifications[shown]

    # Layout

    def compose(self) -> ComposeResult:
        yield Header()
        with ContentSwitcher(initial="playground"):
            yield make_pane("playground")
        yield KeyBar()
        yield StatusBar()

    def on_mount(self) -> None:
        if problems := (*user_settings().problems, *KEY_PROBLEMS):
            more = f" ({len(problems) - 1} more: fashion-tui settings)" if len(problems) > 1 else ""
            self.notify(f"Settings: {problems[0]}{more}", severity="warning", timeout=PROBLEM_SECONDS, markup=False)
        home = os.path.expanduser("~")  # noqa: PTH111 -- `Path.home` raises an error if there is none
        self.query_one(StatusBar).runs_directory = str(self.settings.runs_directory).replace(home, "~", 1)
        # Set the focus before the first paint, so that no typed key is lost.
        self.screen_stack[0].set_focus(self.current_pane.main_widget())
        self.call_after_refresh(self._start_background)
        self.set_interval(REFRESH_SECONDS, self._show_progress)

    def _start_background(self) -> None:
        """Start everything that can wait until after the first paint."""
        from fashion_tui.runs import trash

        from . import background

        if not gc.isenabled():
            # Exclude existing objects from garbage collection, because scanning them delays the response to keys.
            gc.freeze()
            gc.enable()
        find_dataset = partial(background.find_dataset, self.settings, self.post_message)
        watch_runs = partial(background.watch_runs, self.settings.runs_directory, self._refresh_runs, self.post_message)
        self.run_worker(find_dataset, thread=True, group="dataset", exclusive=True)
        self.run_worker(watch_runs, thread=True, group="runs", exclusive=True)
        self.run_worker(partial(trash.remove_old, self.settings.runs_directory), thread=True, group="trash")
        self._announce_draft()
        if self.settings.attach is not None:
            self.post_message(OpenRun(self.settings.runs_directory / self.settings.attach))
        else:
            self.call_later(self._offer_tour)

    @work(group="draft")
    async def _announce_draft(self) -> None:
        """Tell the user about unsaved edits from an earlier instance of the app."""
        from .model.drafts import default_folder, newest_left_draft

        left = await asyncio.to_thread(lambda: newest_left_draft(default_folder()))
        if left is not None and all(pane.PANE != "model" for pane in self._panes()):  # that pane asks the user itself
            key = key_of("everywhere", "model", inside_editors=True)
            note = f"There are {left.description}. Press {key} to restore them."
            self.notify(note, timeout=PROBLEM_SECONDS, markup=False)

    @cached_property
    def engine(self) -> "Engine":
        """The client of the engine process, which does all work that needs torch. It is created on first use."""
        return self.new_engine()

    def new_engine(self) -> "Engine":
        """Return the client of a new engine process, for computations that take minutes. The caller must close it."""
        from fashion_tui.engine.client import Engine

        return Engine(ENGINE_MAX_SILENCE)

    @cached_property
    def sandbox(self) -> "SandboxEngine":
        """The client of a second engine process, which runs the user's own code."""
        from .sandbox_engine import SandboxEngine

        return SandboxEngine()

    @cached_property
    def spare_trainer(self) -> "SpareTrainer":
        """A trainer process that is started in advance for the next run."""
        from fashion_tui.runs.spare import SpareTrainer

        return SpareTrainer()

    def refresh_runs(self) -> None:
        """Read the runs directory now instead of waiting for the next interval."""
        self._refresh_runs.set()

    async def on_unmount(self) -> None:
        # Textual cancels all workers when the message loop ends, but widgets may have started others since then. The
        # process can't exit until the threads of these workers end.
        self.workers.cancel_all()
        self._refresh_runs.set()  # wakes the thread that watches the runs
        self.spare_trainer.close()
        await asyncio.gather(self.engine.close(), self.sandbox.close())

    # Panes

    @property
    def current_pane(self) -> Pane:
        switcher = self.screen_stack[0].query_one(ContentSwitcher)
        return switcher.get_child_by_id(switcher.current or "playground", Pane)

    def _panes(self) -> list[Pane]:
        return [pane for screen in self.screen_stack[:1] for pane in screen.query(Pane)]

    def exit(self, result: None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        for pane in self._panes():
            pane.leaving()
        super().exit(result, return_code, message)

    async def show_pane(self, name: PaneName) -> Pane:
        """Close everything in front of the panes, show a pane and focus its main widget. Create it if necessary."""
        async with self._choosing:
            while len(self.screen_stack) > 1 and not isinstance(self.screen, TooSmall):
                await self.screen.dismiss(None)
            switcher = self.screen_stack[0].query_one(ContentSwitcher)
            previous = self.current_pane
            if not switcher.query_children(f"#{name}"):
                pane = make_pane(name)
                pane.display = False
                await switcher.mount(pane)
            switcher.current = name
            self.screen_stack[0].query_one(Header).show_pane(name)
            pane = self.current_pane
            if pane is not previous:
                previous.hidden()
            pane.shown()
            pane.main_widget().focus()
            return pane

    async def run_on_pane(self, name: PaneName, action: str) -> None:
        """Show a pane and run one of its actions."""
        pane = await self.show_pane(name)
        await self.run_action(action, pane)

    # Messages from the background threads

    @on(DatasetFound)
    def _dataset_found(self, message: DatasetFound) -> None:
        self.dataset = message.state
        self.run_worker(
            partial(import_module, "fashion_tui.tui.data.pane"), thread=True, group="imports"
        )  # opens faster
        if message.state.problem is not None:  # the problem is often too long for the status bar
            self.notify(message.state.problem, severity="warning", timeout=PROBLEM_SECONDS, markup=False)

    @on(UnpreparedFound)
    def _unprepared_found(self, message: UnpreparedFound) -> None:
        self.preparing = Preparation(message.ref)
        self._prepare_dataset(message.ref)

    @work(group="preparing", exclusive=True)
    async def _prepare_dataset(self, ref: DatasetRef) -> None:
        """Let the engine read a data set. If this fails or is cancelled, use the synthetic data set."""
        from fashion_tui.data.sources import SYNTHETIC_INFO, requested_title
        from fashion_tui.schema.requests import PrepareDataset

        def show_progress(done: int, total: int) -> None:
            self.preparing = Preparation(ref, done, total)

        requested = requested_title(ref.short_name)
        state = DatasetState(SYNTHETIC_INFO, f"reading {printable(ref.short_name)} was cancelled", requested)
        try:
            info = await self.engine.ask(PrepareDataset(ref=ref), DatasetInfo, show_progress)
            state = DatasetState(info, requested=requested)
        except UserError as error:
            state = DatasetState(SYNTHETIC_INFO, str(error), requested)
        finally:
            self.preparing = None
            self.post_message(DatasetFound(state))

    def cancel_preparing(self) -> None:
        """Stop reading a data set for the first time."""
        self.workers.cancel_group(self, "preparing")

    @on(RunsListed)
    def _runs_listed(self, message: RunsListed) -> None:
        first, self._runs_listed_before = not self._runs_listed_before, True
        self.runs = message.runs
        if first and (lost := lost_runs(message.runs)):
            self.notify(lost, timeout=PROBLEM_SECONDS, markup=False)

    @on(RunsFolderChecked)
    def _runs_folder_checked(self, message: RunsFolderChecked) -> None:
        self.runs_problem = message.problem
        if message.problem is not None:
            self.notify(message.problem, severity="error", markup=False)

    @on(RunsUnreadable)
    def _runs_unreadable(self, message: RunsUnreadable) -> None:
        self.notify(message.problem, severity="error", markup=False)

    def watch_dataset(self, state: DatasetState | None) -> None:
        for bar in self._bars(StatusBar):
            bar.dataset = state

    def watch_preparing(self, preparation: Preparation | None) -> None:
        for bar in self._bars(StatusBar):
            bar.preparing = preparation

    def watch_runs(self, before: tuple[RunSummary, ...], runs: tuple[RunSummary, ...]) -> None:
        self._show_progress()
        if notices := end_notices(before, runs):
            self.bell()
        for notice in notices:
            self.notify(notice.text, severity=notice.severity, timeout=PROBLEM_SECONDS, markup=False)
        for indicator in self._bars(RunIndicator):
            indicator.show_runs(runs)

    def _show_progress(self) -> None:
        if not self._exit:
            self.show_progress(progress_of(self.runs))

    def _bars(self, bar_type: type[BarType]) -> list[BarType]:
        """Return the bars of the given type, or an empty list if the app is exiting and has removed them."""
        return [bar for screen in self.screen_stack[:1] for bar in screen.query(bar_type)]

    # Messages from panes

    @on(OpenRun)
    async def _open_run(self, message: OpenRun) -> None:
        await self._show_run("train", message.path)

    @on(EvaluateRun)
    async def _evaluate_run(self, message: EvaluateRun) -> None:
        await self._show_run("evaluate", message.path)

    @on(TrainNetwork)
    async def _train_network(self, message: TrainNetwork) -> None:
        from .train.pane import TrainPane

        pane = await self.show_pane("train")
        if isinstance(pane, TrainPane):
            pane.new_run(message.network)

    async def _show_run(self, name: PaneName, path: Path) -> None:
        pane = await self.show_pane(name)
        if isinstance(pane, RunPane):
            pane.open_run(path)

    # The tour

    async def _offer_tour(self) -> None:
        """Offer the tour on the first start."""
        from .tour import progress

        if not progress.default_path().exists():
            (await self._tour_panel()).offer()

    async def _tour_panel(self) -> "TourPanel":
        """Return the tour panel. Create it if it doesn't exist yet."""
        from .tour.panel import TourPanel

        screen = self.screen_stack[0]
        if not screen.query_children(TourPanel):
            await screen.mount(TourPanel(), before=screen.query_one(ContentSwitcher))
        return screen.query_one(TourPanel)

    # Actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Disable all actions while the app exits, and all except `quit` while the terminal is too small."""
        return not self._exit and (action == "quit" or not isinstance(self.screen, TooSmall))

    async def action_choose_pane(self, name: PaneName) -> None:
        await self.show_pane(name)

    def action_help(self) -> None:
        from .dialogs.help import HelpDialog

        if isinstance(self.screen, HelpDialog):
            self.screen.dismiss()
            return
        self.clear_notifications()  # notifications would cover the dialog
        pane = self.current_pane
        self.push_screen(HelpDialog(pane.PANE, self.screen.HELP or pane.HELP, self.screen.TITLE))

    def action_command_palette(self) -> None:
        from textual.command import CommandPalette

        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="Search commands"))

    async def action_tour(self) -> None:
        (await self._tour_panel()).toggle()

    async def action_start_tour_again(self) -> None:
        (await self._tour_panel()).start_again()

    def action_help_quit(self) -> None:
        """Say how to quit. Textual binds ctrl+c to this action, but here ctrl+c doesn't quit."""
        self.notify(f"Press {key_of('everywhere', 'quit', inside_editors=True)} to quit.")

    async def action_quit(self) -> None:
        self.hold_input(self._quit())

    @work(group="quit", exclusive=True)
    async def _quit(self) -> None:
        """Exit, unless a pane has a warning to show. After a warning, quitting again within PROBLEM_SECONDS exits."""
        was_told = time.monotonic() - self._told_before_exit < PROBLEM_SECONDS
        notes = [] if was_told else [note for pane in self._panes() if (note := await pane.note_before_exit())]
        if notes:
            self._told_before_exit = time.monotonic()
            self.notify("\n".join(notes), severity="warning", timeout=PROBLEM_SECONDS, markup=False)
            return
        self.exit(message=still_running(self.runs))
