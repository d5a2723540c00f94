"""The Playground pane: a REPL that runs cells in a Python kernel, and a side panel that shows the kernel's tensors."""

from pathlib import Path
from typing import ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from fashion_tui.kernel.outputs import State
from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.kernel import KernelSetup, ListVariables
from fashion_tui.tui.actions import IN_PANE, bindings, spelled_key
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.lab_app import DatasetState
from fashion_tui.tui.pane import Pane
from fashion_tui.tui.pane_actions import PaneName

from . import welcome
from .messages import (
    CellFinished,
    CodeProposed,
    CodeSubmitted,
    InputStarted,
    KernelStatus,
    ScrollbackChanged,
    SidePanelLeft,
    TensorsListed,
)
from .repl import Repl
from .views.side_panel import SidePanel

TENSORS_TIMEOUT = 1.0
"""Timeout for updating the list of tensors before a graph is opened, in seconds."""

VARIABLES_TIMEOUT = 1.0
"""Timeout for listing the kernel's variables when the user quits, in seconds."""

MAX_NAMES = 3
"""Maximum number of variables named in the warning when the user quits."""

COMMAND_SECONDS = 12.0
"""How long to show the notification with the copied console command, in seconds."""


class PlaygroundPane(Pane):
    PANE: ClassVar[PaneName] = "playground"
    HELP: ClassVar[str] = welcome.HELP
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["playground"])
    DEFAULT_CSS = Path(__file__).with_name("pane.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False

    repl = getters.query_one(Repl)
    side_panel = getters.query_one(SidePanel)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._kernel_state: State = "starting"
        """Kernel state from the last KernelStatus message."""
        self._kernel_started = False
        self._loss_is_accepted = True
        """Whether the app may exit without a warning about losing the kernel's variables."""

    def compose(self) -> ComposeResult:
        repl = Repl()
        yield repl
        yield SidePanel(repl.runner)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Hide the keys that don't apply to the focused widget or the open view."""
        if action == "complete":
            return self.repl.prompt.has_focus
        return action != "backward" or self.side_panel.backward_code is not None

    def main_widget(self) -> Widget:
        return self.repl.main_widget()

    def shown(self) -> None:
        self.repl.transcript.show_scrollback()

    def hidden(self) -> None:
        self.repl.transcript.selected = None

    # The kernel

    def on_mount(self) -> None:
        self.call_after_refresh(self._load)
        self.watch(self.app, "dataset", self._dataset_found)

    async def _load(self) -> None:
        """Create the widgets that aren't needed for the first paint."""
        await self.repl.load()
        await self.side_panel.load()

    def _dataset_found(self, found: DatasetState | None) -> None:
        """Start the kernel once a data set has been found. Notify the runner of every later change of the data set."""
        if found is None:
            return
        if not self._kernel_started:
            self._kernel_started = True
            self._run_kernel(found.ref)
        else:
            self.repl.runner.change_dataset(found.ref)

    @work(group="kernel")
    async def _run_kernel(self, dataset: DatasetRef) -> None:
        await self.repl.runner.run(dataset, self.lab_app.settings.runs_directory)

    @on(KernelStatus)
    def _kernel_status(self, message: KernelStatus) -> None:
        if message.state != self._kernel_state:
            self._kernel_state = message.state
            if message.state == "idle":
                self.side_panel.reload()
            elif message.state == "busy":
                self._loss_is_accepted = False
            elif message.state in {"dead", "starting"}:
                self._loss_is_accepted = not message.queued
                self.side_panel.kernel_ended()

    @on(ScrollbackChanged)
    def _scrollback_changed(self) -> None:
        if self.display:
            self.repl.transcript.show_scrollback()

    @on(CellFinished)
    def _cell_finished(self, message: CellFinished) -> None:
        self.side_panel.cell_finished(message.code, succeeded=message.succeeded)

    @on(TensorsListed)
    def _tensors_listed(self, message: TensorsListed) -> None:
        self.repl.show_tensors(message.tensors)

    async def note_before_exit(self) -> str | None:
        if self._loss_is_accepted:
            return None
        variables = await self.repl.runner.probe(ListVariables(), tuple[str, ...], VARIABLES_TIMEOUT)
        if variables == () and self.repl.runner.is_idle:
            return None
        self._loss_is_accepted = True
        if variables:
            loss = f"holds {_enumerate(variables)}"
        else:
            loss = "may hold variables" if self.repl.runner.is_idle else "hasn't finished the last cell"
        pane, leave = (spelled_key("everywhere", name, inside_editors=True) for name in ("playground", "quit"))
        save = spelled_key("playground", "save")
        return f"The Playground's kernel {loss}. Press {pane} and {save} to save the session, or {leave} to quit."

    async def action_interrupt(self) -> None:
        if self.repl.runner.state == "busy":
            await self.repl.interrupt()
        else:
            self.repl.close_search()

    def action_restart(self) -> None:
        self.app.push_screen(ConfirmDialog("Restart the kernel? All variables will be lost."), self._restart_if)

    def _restart_if(self, confirmed: bool | None) -> None:  # noqa: FBT001 -- the result of a ConfirmDialog
        if confirmed:
            self._restart()

    @work(group="restart", exclusive=True)
    async def _restart(self) -> None:
        await self.repl.runner.restart()

    # The REPL

    @on(InputStarted)
    def _input_started(self) -> None:
        """Focus the prompt, unless another pane or a dialog has the focus."""
        if self.has_focus_within:
            self.repl.prompt.focus()

    @on(CodeSubmitted)
    def _code_submitted(self, message: CodeSubmitted) -> None:
        self._loss_is_accepted = False
        self.repl.submit(message.code, is_in_history=message.from_prompt)

    @on(CodeProposed)
    def _code_proposed(self, message: CodeProposed) -> None:
        self.repl.prompt.set_text(message.code)

    def action_run(self) -> None:
        """Run the code in the prompt, or focus the prompt if it doesn't have the focus."""
        if self.repl.prompt.has_focus:
            self.repl.prompt.action_run()
        else:
            self.repl.return_to_prompt()

    def action_complete(self) -> None:
        if self.repl.prompt.has_focus:
            self.repl.prompt.action_complete()
        else:
            self.repl.prompt.focus()

    def action_search(self) -> None:
        self.repl.open_search()

    def action_docs(self) -> None:
        self.repl.toggle_documentation()

    def action_move(self, _right: int, down: int) -> None:
        self.repl.select_cell(down)

    def action_back(self) -> None:
        if not self.repl.close_documentation():
            self.repl.clear_selection()

    # Saving and copying

    @work(group="save")
    async def action_save(self) -> None:
        from .transcript.export import save_session

        cells = self.repl.runner.scrollback.cells
        if cells.newest is None:
            self.notify("Nothing to save: no cell has run yet.")
            return
        dataset = self.lab_app.dataset
        setup = KernelSetup(
            dataset=dataset.ref if dataset else None, runs_directory=str(self.lab_app.settings.runs_directory)
        )
        if await save_session(self.app, cells, setup):
            self._loss_is_accepted = True

    @work(group="copy", exclusive=True)
    async def action_copy_result(self) -> None:
        from .transcript.export import copy_result

        await copy_result(self.app, self.repl.transcript.selected_or_newest)

    def action_copy_code(self) -> None:
        from .transcript.export import copy_code

        copy_code(self.app, self.repl.transcript.selected_or_newest)

    def action_toggle_frames(self) -> None:
        self.repl.transcript.toggle_frames()

    def action_copy_console_command(self) -> None:
        from fashion_tui.kernel.runtime_directory import console_command

        from .transcript.export import copy

        session = self.repl.runner.session
        if session is None or session.connection_file is None:
            self.notify("No kernel is ready: run a cell first.")
        else:
            command = console_command(session.connection_file)
            copy(self.app, command, command, COMMAND_SECONDS)

    # The side panel

    def action_tensors(self) -> None:
        self.side_panel.open_tensors()

    async def action_lessons(self) -> None:
        await self.side_panel.open_lessons()

    def action_graph(self) -> None:
        self.lab_app.hold_input(self._open_graph())

    @work(group="graph", exclusive=True)
    async def _open_graph(self) -> None:
        if self.side_panel.tensors_view is not None:
            await self.side_panel.tensors_view.wait_until_up_to_date(TENSORS_TIMEOUT)
        name = self._relevant_tensor(with_graph=True)
        if name is None and self.repl.runner.state != "idle":
            self.notify("The kernel is busy: try again once the cell has finished.")
        elif name is None:
            self.notify("No graph yet: create a tensor with requires_grad=True and compute with it.")
        else:
            await self.side_panel.open_graph(name)

    async def action_reshape(self) -> None:
        await self.side_panel.open_reshape(self._relevant_tensor(with_graph=False))

    async def action_arithmetic(self) -> None:
        await self.side_panel.open_arithmetic()

    def action_backward(self) -> None:
        self.side_panel.run_backward()

    def _relevant_tensor(self, *, with_graph: bool) -> str | None:
        """Return the name of the tensor to show, or None if no tensor qualifies.

        If the table of tensors has the focus, choose its selected tensor. Otherwise, choose the tensor whose name is at
        the prompt's cursor. If that fails, choose the newest tensor. If `with_graph` is True, choose only tensors that
        require gradients, and prefer the newest result of an operation to the newest tensor.
        """
        view = self.side_panel.tensors_view
        if view is None:
            return None
        rows = sorted(view.tensors.rows, key=lambda row: row.first_listing)
        names = [row.name for row in rows if row.requires_grad or not with_graph]
        results = [row.name for row in rows if row.origin not in {"", "leaf"}]
        if view.selected is not None and view.has_focus_within:
            name = view.selected.name
        else:
            name = self.repl.prompt.name_at_cursor
        return name if name in names else next(reversed(results if with_graph and results else names), None)

    @on(SidePanelLeft)
    def _side_panel_left(self) -> None:
        self.main_widget().focus()


def _enumerate(names: tuple[str, ...]) -> str:
    """Return the names as one string, such as `x, y, z and 5 more`."""
    more = f" and {len(names) - MAX_NAMES:,} more" if len(names) > MAX_NAMES else ""
    return printable(", ".join(names[:MAX_NAMES]), terminal_glyphs()) + more
