"""The app: the frame, the five panes, and the state that they watch."""

import asyncio
import gc
import os
import shutil
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.geometry import Size
from textual.reactive import reactive
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from fashion_tui.schema.run import LIVE_STATES, RunSummary

from . import clipboard, signals
from .actions import EVERYWHERE, PaneName, bindings
from .dialogs import MINIMUM_SIZE, TooSmall
from .frame import DataBar, Header, KeyBar, Pulse, short_name
from .messages import DatasetFound, EvaluateRun, OpenRun, RunsListed, RunsUnreadable, TrainNetwork
from .pane import Pane, RunPane
from .panes import make_pane
from .settings import Settings
from .state import DatasetState
from .theme import FASHION_DARK

if TYPE_CHECKING:
    from textual.command import Provider

    from fashion_tui.engine.client import Engine
    from fashion_tui.runs.stand_by import StandBy

    from .workshop import Workshop


def action_commands() -> "type[Provider]":
    from .palette import ActionCommands

    return ActionCommands


FrameWidget = TypeVar("FrameWidget", bound=Widget)

SIZE_PAUSE = 0.1
"""Seconds after a change of the terminal's size until it is looked at once more."""

PROBLEM_SECONDS = 12.0
"""How long it stands there why the panes don't show the data set that was asked for."""


class FashionApp(App[None]):
    """Opens on the Playground; every other pane is made when it is first chosen."""

    TITLE = "fashion-tui"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(EVERYWHERE)
    ENABLE_COMMAND_PALETTE = False  # ours takes its place, with a binding from the registry
    COMMANDS: ClassVar[set["type[Provider] | Callable[[], type[Provider]]"]] = {action_commands}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]  # noqa: RUF012 - as App declares it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012

    dataset: reactive[DatasetState | None] = reactive[DatasetState | None](None, init=False, repaint=False)
    """Which data the panes show; None until it has been looked for."""
    runs: reactive[tuple[RunSummary, ...]] = reactive[tuple[RunSummary, ...]]((), init=False, repaint=False)
    """All runs, newest first; looked at once a second."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.look_at_runs = threading.Event()
        """Set where the runs are to be looked at now."""
        self._choosing = asyncio.Lock()
        self._listed = False
        """Whether the runs were looked at yet."""
        self._size_before: Size | None = None
        """Of the terminal."""
        self.register_theme(FASHION_DARK)
        self.theme = FASHION_DARK.name

    def copy_to_clipboard(self, text: str) -> None:
        """By OSC 52; GNU screen passes that on in a wrapping of its own only."""
        super().copy_to_clipboard(text)
        if "STY" in os.environ and self._driver is not None:
            self._driver.write(clipboard.through_screen(text))

    def _handle_exception(self, error: Exception) -> None:
        """Ends the app, but for one that is ending: what then misses a widget is no failure to tell of."""
        if not self._exit:
            super()._handle_exception(error)

    # What stands on the screen

    def compose(self) -> ComposeResult:
        yield Header()
        with ContentSwitcher(initial="playground"):
            yield make_pane("playground")
        yield KeyBar()
        yield DataBar()

    def on_mount(self) -> None:
        signals.end_cleanly(self)
        self.query_one(DataBar).runs_directory = str(self.settings.runs_directory).replace(str(Path.home()), "~", 1)
        # Before the first paint: what is typed from then on is meant for it.
        self.screen_stack[0].set_focus(self.current_pane.main_widget())
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """After the first paint: what takes time goes to the background."""
        from . import background

        if not gc.isenabled():
            # What there is by now stays for good: looking through it for garbage would hold up a key now and then.
            gc.freeze()
            gc.enable()
        background.find_dataset(self)
        background.watch_runs(self)
        if self.settings.attach is not None:
            self.post_message(OpenRun(self.settings.runs_directory / self.settings.attach))

    @cached_property
    def engine(self) -> "Engine":
        """Answers what needs torch. Imported when it is first asked, for the first paint doesn't need it."""
        from fashion_tui.engine.client import Engine

        return Engine()

    @cached_property
    def workshop(self) -> "Workshop":
        """Where a person's own code runs."""
        from .workshop import Workshop

        return Workshop()

    @cached_property
    def stand_by(self) -> "StandBy":
        """The trainer that waits for the next run."""
        from fashion_tui.runs.stand_by import StandBy

        return StandBy()

    async def on_unmount(self) -> None:
        self.stand_by.close()
        await asyncio.gather(self.engine.close(), self.workshop.close())

    def on_resize(self, event: events.Resize) -> None:
        if event.size == self._size_before:  # dragged smaller and back, it may have lost what was on it
            self.screen.refresh()
        self._size_before = event.size
        self._look_at_size_later()
        too_small = event.size.width < MINIMUM_SIZE[0] or event.size.height < MINIMUM_SIZE[1]
        if too_small and not isinstance(self.screen, TooSmall):
            self.push_screen(TooSmall())
        elif not too_small and isinstance(self.screen, TooSmall):
            self.pop_screen()

    def _look_at_size_later(self) -> None:
        """Of two sizes within a moment the older one may be told last: its signal was interrupted by the other's."""
        if not self.is_headless:
            self.set_timer(SIZE_PAUSE, self._look_at_size)

    def _look_at_size(self) -> None:
        size = Size(*shutil.get_terminal_size())
        if size != self.size:
            self.post_message(events.Resize(size, size))

    @property
    def current_pane(self) -> Pane:
        switcher = self.screen_stack[0].query_one(ContentSwitcher)
        return switcher.get_child_by_id(switcher.current or "playground", Pane)

    async def show_pane(self, name: PaneName) -> Pane:
        """Bring a pane to the front, making it first where it is new, and give its main widget the focus.

        What stands over the panes (help, a form) goes, as if it were cancelled.
        """
        async with self._choosing:
            while isinstance(self.screen, ModalScreen):
                await self.screen.dismiss(None)
            switcher = self.screen_stack[0].query_one(ContentSwitcher)
            before = self.current_pane
            if not switcher.query_children(f"#{name}"):
                pane = make_pane(name)
                pane.display = False
                await switcher.mount(pane)
            switcher.current = name
            self.screen_stack[0].query_one(Header).show_pane(name)
            pane = self.current_pane
            if pane is not before:
                before.hidden()
            pane.shown()
            pane.main_widget().focus()
            return pane

    # What the background tells

    @on(DatasetFound)
    def _dataset_found(self, message: DatasetFound) -> None:
        self.dataset = message.state
        if message.state.problem is not None:  # of which the line below has room for the beginning only
            self.notify(message.state.problem, severity="warning", timeout=PROBLEM_SECONDS, markup=False)

    @on(RunsListed)
    def _runs_listed(self, message: RunsListed) -> None:
        first, self._listed = not self._listed, True
        self.runs = message.runs
        if first:
            self._offer_lost()

    def _offer_lost(self) -> None:
        """Tell of runs whose trainer went down while nobody looked; nothing of what is being typed is disturbed."""
        lost = [short_name(run.run) for run in self.runs if run.state == "lost" and run.damage is None]
        if lost:
            who = (
                f"{lost[0]} and {len(lost) - 1} more have lost their trainers"
                if len(lost) > 1
                else f"{lost[0]} has lost its trainer"
            )
            self.notify(f"{who}: f5, then r, goes on from the last checkpoint.", timeout=PROBLEM_SECONDS, markup=False)

    @on(RunsUnreadable)
    def _runs_unreadable(self, message: RunsUnreadable) -> None:
        self.notify(message.problem, severity="error", markup=False)

    def watch_dataset(self, state: DatasetState | None) -> None:
        for bar in self._in_frame(DataBar):
            bar.dataset = state

    def watch_runs(self, runs: tuple[RunSummary, ...]) -> None:
        for pulse in self._in_frame(Pulse):
            pulse.show_runs(runs)

    def _in_frame(self, kind: type[FrameWidget]) -> list[FrameWidget]:
        """The frame's widget of that kind, or none any more: the background tells news until the very end."""
        return [widget for screen in self.screen_stack[:1] for widget in screen.query(kind)]

    # What panes ask

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

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Once the app is being left nothing begins any more; in a terminal that is too small one can only leave."""
        return not self._exit and (action == "leave" or not isinstance(self.screen, TooSmall))

    async def run_on_pane(self, name: PaneName, action: str) -> None:
        """Carry out a pane's action from wherever one is."""
        pane = await self.show_pane(name)
        await self.run_action(action, pane)

    async def action_choose_pane(self, name: PaneName) -> None:
        await self.show_pane(name)

    def action_help(self) -> None:
        from .help import HelpScreen

        if isinstance(self.screen, HelpScreen):
            self.screen.dismiss()
            return
        pane = self.current_pane
        self.push_screen(HelpScreen(pane.PANE, pane.HELP))

    def action_command_palette(self) -> None:
        from textual.command import CommandPalette

        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="What would you like to do?"))

    def action_leave(self) -> None:
        live = [run for run in self.runs if run.state in LIVE_STATES]
        names = ", ".join(short_name(run.run) for run in live)
        self.exit(message=f"Still going: {names}. `fashion-tui` shows it again." if live else None)
