"""The Model pane: the shape of the tensor after each layer and function of a network, and an editor for its source."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.reactive import var
from textual.widget import Widget

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.shape_strip import shape_strip
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.replies import SourceTrace
from fashion_tui.tui.actions import IN_PANE, bindings, key_of, with_keys
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.lab_app import DatasetState
from fashion_tui.tui.pane import Pane
from fashion_tui.tui.pane_actions import PaneName
from fashion_tui.tui.widgets.lines import FittedLines

from .choose_weights import choose_weights
from .draft_dialog import DraftDialog
from .drafts import default_folder, newest_left_draft
from .editing import EditingSession
from .editor import DraftDue, EditorLeft, EditorView, SourceChanged
from .network import INITIAL_NETWORK, ShownNetwork, network_title, title_line, trace_shapes
from .network_form import NetworkForm
from .trace_view import TraceView
from .tracing import OPEN_TIME_LIMIT, ShapeTracer, Traced, TraceIsSlow
from .train_network import train_network
from .training_estimate import TrainingEstimate

BESIDE_WIDTH = 76
"""Minimum width of the terminal, in columns, for showing the steps and shapes of the table beside the editor."""
FULL_WIDTH = 120
"""Minimum width of the terminal, in columns, for showing the costs and the row's details beside the editor too."""
WIDE_WIDTH = 160
"""Minimum width of the terminal, in columns, for showing the row's details beside the table."""

WHILE_COMPARING = frozenset({"edit", "go_to_error", "revert"})
"""Actions that the footer shows while the edited source is compared with the saved one."""


class ModelPane(Pane):
    PANE: ClassVar[PaneName] = "model"
    HELP: ClassVar[str] = with_keys(
        "model",
        "Every module and function that an image passes through, in order. Move the cursor to a row to see its shape, "
        "the arithmetic behind it, its cost and its weights.\n\n"
        "`{edit}` opens the source: the table updates as you type, and a line with an error is highlighted. "
        "Your code runs in its own process and is stopped after 2 seconds, so an endless loop does no harm. "
        "`{go_to_error}` goes to the error; if there is a fix, enter applies it.\n\n"
        "`{other_run}` loads the weights of a run. `{maps}` shows the feature maps of the row: "
        "up and down choose the row; left and right choose the test image.\n\n"
        "`{smaller_batch}` and `{larger_batch}` estimate the memory and the time of a training step. The lines in the "
        "margin show how data flows where the network branches; "
        "the producers and consumers of the selected row are marked.",
    )
    DEFAULT_CSS = Path(__file__).with_name("model.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["model"])

    editing: var[bool] = var(False, init=False)
    """Whether the editor is open."""
    heading = getters.query_one("#model-title", FittedLines)
    strip = getters.query_one("#strip", FittedLines)
    editor = getters.query_one(EditorView)
    trace_view = getters.query_one(TraceView)
    training = getters.query_one(TrainingEstimate)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.network = INITIAL_NETWORK
        """The network that is shown, including the latest edits."""
        self._tracer = ShapeTracer(self)
        self._session = EditingSession(self, self._show)

    def compose(self) -> ComposeResult:
        yield FittedLines(id="model-title")
        yield FittedLines(id="strip")
        with Horizontal(id="model-body"):
            yield EditorView()
            yield TraceView()
        yield TrainingEstimate(self)

    def on_mount(self) -> None:
        self._tracer.start()
        self.open(INITIAL_NETWORK)
        self.watch(self.app, "dataset", self._dataset_changed, init=False)
        self._offer_left_draft()

    def main_widget(self) -> Widget:
        return self.editor.editor if self.editing else self.trace_view.rows

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        width = self.app.size.width
        self.set_class(width < BESIDE_WIDTH, "-single")
        self.set_class(width < FULL_WIDTH, "-narrow")
        self.set_class(width >= WIDE_WIDTH and not self.editing, "-wide")

    def watch_editing(self) -> None:
        self.set_class(self.editing, "-editing")
        self._arrange()
        self.refresh_bindings()

    def _dataset_changed(self, before: DatasetState | None, dataset: DatasetState | None) -> None:
        """Trace a network with initial weights again if the new images differ in shape or number of classes."""
        if self.network.task(before) != self.network.task(dataset):
            self._tracer.trace(self.network, OPEN_TIME_LIMIT)

    # The network and its trace

    def open(self, network: ShownNetwork, *, maps: bool = False) -> None:
        """Show another network. If `maps` is True, show the feature maps instead of the row's details."""
        self.editing = False
        self._session.release()
        self.trace_view.clear()
        self.trace_view.maps = maps and network.run is not None
        self.strip.fit(lambda _width: ())
        self._show(network, OPEN_TIME_LIMIT)

    def _show(self, network: ShownNetwork, time_limit: float) -> None:
        """Show a network and trace it. The network may be an edited version of the current network."""
        self.network = network
        self._tracer.trace(network, time_limit)
        self._show_title()

    @on(TraceIsSlow)
    def _trace_is_slow(self) -> None:
        if self._session.holds(self.network):
            self.editor.show_checking()
        else:
            self.trace_view.show_tracing()

    @on(Traced)
    def _traced(self, message: Traced) -> None:
        if message.network is not self.network:
            return  # edited since
        trace = message.trace
        self.network = self._session.adopt_class_name(self.network, trace)
        is_searching = message.is_live and trace.error is not None and isinstance(self.network.model, CustomModel)
        edited = self._session.is_edited(self.network)
        self.trace_view.show(self.network, trace, edited=edited, is_searching=is_searching)
        if (table := trace.table) is not None:
            self.strip.fit(lambda width: [shape_strip(table, width=width)])
        self.training.show_network(self.network, trace.table if trace.error is None else None)
        if message.is_live:
            self._tracer.trace_real(self.network, message)
        self._session.show_result(self.network, trace, is_searching=is_searching)
        self._show_title()
        self.refresh_bindings()

    def _show_title(self) -> None:
        edited = self._session.is_edited(self.network)
        title = network_title(self.network, terminal_glyphs(), edited=edited, outdated=self.trace_view.is_outdated)
        table = self.trace_view.shapes.table
        self.heading.fit(lambda width: [title_line(title, table, width)])

    # The editor

    def action_edit(self) -> None:
        if self._session.holds(self.network):
            self._open_editor()
        elif self.network.is_editable:
            self.lab_app.hold_input(self._load_source(self.network))
        else:
            key = key_of("model", "another_network")
            self.notify(f"The source of a library's models can't be edited here; press {key} to open your own file.")

    def action_go_to_error(self) -> None:
        """Show the line with the error in the editor, and propose the fix."""
        if self._session.holds(self.network):
            self._open_editor()
            self._go_to_error()
        elif self.network.is_editable:
            self.lab_app.hold_input(self._load_source(self.network))

    def _go_to_error(self) -> None:
        if self.trace_view.has_error or self.trace_view.has_fix:
            self.editor.go_to_error()

    @work(group="source", exclusive=True)
    async def _load_source(self, network: ShownNetwork) -> None:
        try:
            model = await self._session.source_of(network)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        if network is self.network:
            trace = self.trace_view.trace
            self._session.load(network, model)
            if trace is not None:
                is_searching = trace.error is not None and trace.table is not None and trace.fix is None
                self._session.show_result(self.network, trace, is_searching=is_searching)
            self._open_editor()
            self._go_to_error()

    def _open_editor(self) -> None:
        self.editing = True
        self.editor.editor.focus()

    def _close_editor(self) -> None:
        self.editing = False
        self.trace_view.rows.focus()

    @on(SourceChanged)
    def _source_changed(self, message: SourceChanged) -> None:
        self._session.change(self.network, message.source)

    @on(DraftDue)
    @work(group="draft")
    async def _keep_draft(self) -> None:
        await self._session.keep_draft()

    @on(EditorLeft)
    def _editor_left(self) -> None:
        if self.has_class("-narrow"):
            self.editing = False
        self.trace_view.rows.focus()

    @work(group="save", exclusive=True)
    async def action_save(self) -> None:
        if self._session.holds(self.network):
            await self._session.save()
        else:
            self.notify(f"The source has no edits to save; press {key_of('model', 'edit')} to edit it")

    def action_revert(self) -> None:
        self.editor.revert()

    def _confirm_discard(self, then: Callable[[], object]) -> None:
        """Call `then`. If edits would be lost, first ask the user to confirm."""
        if not self._session.is_edited(self.network):
            then()
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - the dialog's result
            if yes:
                then()

        self.app.push_screen(ConfirmDialog("Discard the unsaved edits?"), answered)

    # The edited source beside the saved one

    def action_compare(self) -> None:
        """Show the edited network beside the saved one, or return to the table."""
        if self.trace_view.comparing:
            self.trace_view.comparing = False
        elif not self._session.is_edited(self.network):
            self.notify(f"The source has no edits to compare; press {key_of('model', 'edit')} to edit it")
        elif (saved := self._session.saved_network) is not None:
            self.start_worker(partial(self._compare_with, saved), "compare", exclusive=True)

    async def _compare_with(self, saved: ShownNetwork) -> None:
        trace = await self._trace_once(saved)
        if trace.table is None:
            self.notify(f"The saved source has an error: {trace.error}", severity="warning", markup=False)
        elif self._session.is_edited(self.network):
            self.trace_view.compare_with(trace.table)

    # Drafts

    def leaving(self) -> None:
        self._session.leave_draft()

    @work(group="left draft")
    async def _offer_left_draft(self) -> None:
        """Offer to restore unsaved edits from an earlier instance of the app."""
        left = await asyncio.to_thread(newest_left_draft, default_folder())
        if left is None:
            return
        self.app.clear_notifications()  # the notification of the draft repeats the question
        answer = await self.app.push_screen_wait(DraftDialog(left))
        if answer == "restore":
            self.open(ShownNetwork(left.draft.name, left.draft.model, left.draft.inputs))
            self._session.restore(left)
            self._open_editor()
            await self._session.keep_draft()
        if answer is not None:
            await asyncio.to_thread(left.discard)

    # Another network

    def action_another_network(self) -> None:
        self.app.push_screen(NetworkForm(self.network, self._trace_once), self._network_chosen)

    async def _trace_once(self, network: ShownNetwork) -> SourceTrace:
        return await trace_shapes(self.lab_app, network, OPEN_TIME_LIMIT)

    def _network_chosen(self, network: ShownNetwork | None) -> None:
        if network is not None:
            self._confirm_discard(lambda: self.open(network))

    def action_other_run(self) -> None:
        self.lab_app.hold_input(self._choose_weights(maps=False))

    @work(group="run", exclusive=True)
    async def _choose_weights(self, *, maps: bool) -> None:
        try:
            network = await choose_weights(self.app, self.lab_app.runs, self.network)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            if network is not None:
                self._confirm_discard(lambda: self.open(network, maps=maps))

    # Other actions

    def action_train_this(self) -> None:
        if self.trace_view.has_error and self.network.is_editable:
            self.action_go_to_error()
        else:
            train_network(self, self.network, self.trace_view.shapes.table, self._session)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Disable actions that don't apply to the current network or row."""
        if not self.is_mounted:
            return True
        row, has_source = self.trace_view.shapes.row, self._session.holds(self.network)
        conditions = {
            "fold": row is not None and row.has_children,
            "next_page": self.trace_view.maps,
            "go_to_error": self.trace_view.has_error or self.trace_view.has_fix,
            "revert": has_source,
            "measure": row is not None,
            "batch": row is not None,
            "train_this": row is not None,
        }
        return conditions.get(action, True)

    def label_of(self, action: str) -> str | None:
        """Hide the keys from the footer that have no effect or belong to the table while the comparison is shown."""
        if not self.is_mounted:
            return None
        comparing = self.trace_view.comparing
        visible = {
            "save": self._session.holds(self.network),
            "compare": self._session.is_edited(self.network),
            "back": comparing,
        }
        return None if visible.get(action, not comparing or action in WHILE_COMPARING) else ""

    def action_maps(self) -> None:
        if self.trace_view.maps or self.network.run is not None:
            self.trace_view.maps = not self.trace_view.maps
        else:
            self.lab_app.hold_input(self._choose_weights(maps=True))

    def action_fold(self) -> None:
        self.trace_view.shapes.fold()

    def action_move(self, right: int, down: int) -> None:  # noqa: ARG002 - the table handles up and down
        self.trace_view.move_right(right)

    def action_next_page(self) -> None:
        self.trace_view.feature_maps.turn_page()

    def action_measure(self) -> None:
        if not self.trace_view.has_error:
            self.notify("Timing each row, forward and backward", timeout=3)
            self._tracer.measure(self.network)

    def action_batch(self, factor: float) -> None:
        """Show what it costs to train the network, or multiply the batch size of this estimate."""
        self.training.change_batch(factor)

    def action_back(self) -> None:
        """Close the open view: the feature maps, the comparison, the editor or the training estimate."""
        if self.trace_view.maps:
            self.trace_view.maps = False
        elif self.trace_view.comparing:
            self.trace_view.comparing = False
        elif self.editing:
            self._close_editor()
        else:
            self.training.hide()
