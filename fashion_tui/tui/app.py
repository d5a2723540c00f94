"""The Textual app, which contains the five panes and the state that they watch."""

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from rich.console import RenderableType
from textual import events, on, work
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter
from textual.geometry import Size
from textual.reactive import reactive
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.widget import Widget
from textual.widgets import ContentSwitcher
from textual.worker import Worker

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.schema.run import LIVE_STATES, RunSummary, short_name
from fashion_tui.settings import user_settings

from . import clipboard
from .actions import EVERYWHERE, KEY_PROBLEMS, PaneName, bindings, key_of
from .bars import Header, KeyBar, RunIndicator, StatusBar
from .cropped_update import CroppedUpdate
from .dialogs.dialog import MINIMUM_SIZE, TooSmall
from .driver import TerminalDriver
from .input_queue import InputQueue
from .lab_app import (
    DatasetFound,
    DatasetState,
    EvaluateRun,
    OpenRun,
    RunsListed,
    RunsUnreadable,
    Settings,
    TrainNetwork,
)
from .output_flow import PostponedFrames
from .pane import Pane, RunPane
from .printable_filter import PrintableFilter
from .theme import THEME

if TYPE_CHECKING:
    from textual.command import Provider

    from fashion_tui.engine.client import Engine
    from fashion_tui.runs.spare import SpareTrainer

    from .sandbox_engine import SandboxEngine
    from .tour.panel import TourPanel

BarType = TypeVar("BarType", bound=Widget)

QUIT_KEYS = {key for action in EVERYWHERE if action.id == "quit" and action.priority for key in action.keys.split(",")}
"""Keys that quit the app even while an editor has the focus."""

SIZE_CHECK_DELAY = 0.1
"""Seconds from a resize event until the terminal's size is checked again."""

ENGINE_MAX_SILENCE = 300.0
"""Seconds without progress after which the engine is restarted and the request is sent again."""

PROBLEM_SECONDS = 12.0
"""Seconds for which warnings about the data set and lost runs are shown."""


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


class AsciiScrollBarRender(ScrollBarRender):
    """Draws scroll bars with background colours only, because ASCII has no block characters."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


class MainScreen(Screen[None]):
    """The screen with the panes."""

    def _compositor_refresh(self) -> None:
        super()._compositor_refresh()
        if self.app.screen is not self:
            # Textual would paint this screen and the dialog in front of it repeatedly, although nothing changed
            self._repaint_required = False


class FashionApp(App[None]):
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
    runs: reactive[tuple[RunSummary, ...]] = reactive[tuple[RunSummary, ...]]((), init=False, repaint=False)
    """All runs, newest first; updated once a second."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self._refresh_runs = threading.Event()
        self._choosing = asyncio.Lock()
        self._input_queue = InputQueue(self)
        self._printable_filter = PrintableFilter()
        self._postponed = PostponedFrames()
        self._told_before_exit = -PROBLEM_SECONDS
        """Time of the last warning about what would be lost on exit."""
        self._runs_listed_before = False
        self._last_size: Size | None = None
        """Terminal size reported by the last resize event."""
        if not terminal_glyphs().unicode:
            ScrollBar.renderer = AsciiScrollBarRender
        self.register_theme(THEME)
        self.theme = THEME.name

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._printable_filter]

    def copy_to_clipboard(self, text: str) -> None:
        """Copy text with an OSC 52 sequence.

        In GNU screen, also send a wrapped copy of the sequence, which screen passes on to the terminal.
        """
        super().copy_to_clipboard(text)
        if "STY" in os.environ and self._driver is not None:
            self._driver.write(clipboard.wrap_for_screen(text))

    def _handle_exception(self, error: Exception) -> None:
        """Ignore errors while the app exits, because message handlers may look for widgets that no longer exist."""
        if not self._exit:
            super()._handle_exception(error)

    # Input

    def get_default_screen(self) -> MainScreen:
        return MainScreen(id="_default")

    def get_driver_class(self) -> type[Driver]:
        driver_class = super().get_driver_class()
        return TerminalDriver if driver_class is LinuxDriver else driver_class

    async def on_event(self, event: events.Event) -> None:
        if InputQueue.accepts(event):
            if isinstance(event, events.Key) and event.key in QUIT_KEYS and self._input_queue.is_behind:
                self._input_queue.discard()  # quit now instead of handling the earlier input first
            await self._input_queue.put(event, super().on_event)
        else:
            await super().on_event(event)

    def hold_input(self, worker: Worker[Any]) -> None:
        """Hold back keys until the worker finishes or opens a dialog, which then receives the keys."""
        self._input_queue.hold(worker)

    # Output

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Write a frame, or postpone it while the connection is busy with earlier output."""
        driver = self._driver
        if not isinstance(driver, TerminalDriver) or not isinstance(renderable, (ChopsUpdate, LayoutUpdate)):
            super()._display(screen, renderable)
        elif driver.flow.is_ready or self._exit:
            frame = CroppedUpdate.of(renderable) if isinstance(renderable, ChopsUpdate) else renderable
            super()._display(screen, frame)
            driver.flow.query_if_due()
        else:
            self._postponed.add(screen, renderable)
            driver.call_when_ready(self._show_postponed)

    def _show_postponed(self) -> None:
        if self.screen_stack and not self._exit:
            self.screen.call_later(self._postponed.show, self.screen)

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        """The screens that are visible behind the current one. There are none behind an opaque screen.

        Textual paints the whole terminal whenever one of them changes.
        """
        return [] if self.screen.styles.background.a == 1 else super()._background_screens

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
        if left is not None:
            key = key_of("everywhere", "model", inside_editors=True)
            note = f"There are {left.description}. Press {key} to restore them."
            self.notify(note, timeout=PROBLEM_SECONDS, markup=False)

    @cached_property
    def engine(self) -> "Engine":
        """The client of the engine process, which does all work that needs torch. It is created on first use."""
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

    # The size of the terminal

    def on_resize(self, event: events.Resize) -> None:
        if event.size == self._last_size:  # the terminal may have shrunk and grown back, which clears cells
            self.screen.refresh()
        self._last_size = event.size
        self._check_size_later()
        too_small = event.size.width < MINIMUM_SIZE[0] or event.size.height < MINIMUM_SIZE[1]
        if too_small and not isinstance(self.screen, TooSmall):
            self.push_screen(TooSmall())
        elif not too_small and isinstance(self.screen, TooSmall):
            self.pop_screen()

    def _check_size_later(self) -> None:
        """Check the size again soon, because two resize events in quick succession can arrive in reverse order."""
        if not self.is_headless:
            self.set_timer(SIZE_CHECK_DELAY, self._check_size)

    def _check_size(self) -> None:
        if not isinstance(self._driver, TerminalDriver):
            return
        size = Size(*self._driver.terminal_size())
        if size != self.size:
            self.post_message(events.Resize(size, size))

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
        if message.state.problem is not None:  # the problem is often too long for the status bar
            self.notify(message.state.problem, severity="warning", timeout=PROBLEM_SECONDS, markup=False)

    @on(RunsListed)
    def _runs_listed(self, message: RunsListed) -> None:
        first, self._runs_listed_before = not self._runs_listed_before, True
        self.runs = message.runs
        if first:
            self._notify_of_lost_runs()

    def _notify_of_lost_runs(self) -> None:
        """Report runs whose trainer died while the app was closed."""
        lost = [short_name(run.run) for run in self.runs if run.state == "lost" and run.damage is None]
        if lost:
            others = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            pane_key, key = key_of("everywhere", "train", inside_editors=True), key_of("train", "resume")
            message = (
                f"Trainer lost: {lost[0]}{others}. To resume from the last checkpoint, press {pane_key}, then {key}."
            )
            self.notify(message, timeout=PROBLEM_SECONDS, markup=False)

    @on(RunsUnreadable)
    def _runs_unreadable(self, message: RunsUnreadable) -> None:
        self.notify(message.problem, severity="error", markup=False)

    def watch_dataset(self, state: DatasetState | None) -> None:
        for bar in self._bars(StatusBar):
            bar.dataset = state

    def watch_runs(self, runs: tuple[RunSummary, ...]) -> None:
        for indicator in self._bars(RunIndicator):
            indicator.show_runs(runs)

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
        live = [run for run in self.runs if run.state in LIVE_STATES]
        names = ", ".join(short_name(run.run) for run in live)
        self.exit(message=f"Still running: {names}. Start fashion-tui again to see the progress." if live else None)
