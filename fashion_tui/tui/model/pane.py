"""The Model pane: the shape of the tensor after each layer and function of a network, and an editor for its source."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

import msgspec
from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.shapes import shape_strip
from fashion_tui.report.style import FOREGROUND
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import MODELS, CustomModel, NamedModel
from fashion_tui.schema.replies import ErrorCause, SourceTrace
from fashion_tui.schema.requests import CheckModel
from fashion_tui.schema.shapes import Fix, ShapeTable
from fashion_tui.tui.actions import IN_PANE, PaneName, bindings, key_of, with_keys
from fashion_tui.tui.dialogs.choice import Choice
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.dialogs.trust import NOT_TRUSTED, confirm_trust
from fashion_tui.tui.lab_app import NetworkChoice, TrainNetwork
from fashion_tui.tui.pane import Pane
from fashion_tui.tui.run_choice import choose_run
from fashion_tui.tui.widgets.lines import FittedLines
from fashion_tui.tui.widgets.row_list import RowList

from .comparison_view import ComparisonView
from .draft_dialog import DraftDialog
from .drafts import default_folder, newest_left_draft
from .editing import EditingSession, fix_of
from .editor import DraftDue, EditorLeft, EditorView, SourceChanged, error_text, fix_text
from .feature_maps import FeatureMapsView
from .network import (
    DATASET_INPUTS,
    INITIAL_NETWORK,
    ShownNetwork,
    network_of_run,
    network_title,
    title_line,
    trace_shapes,
)
from .network_form import NetworkForm, write_inputs
from .row_details import RowDetails
from .shape_view import RowChosen, ShapeView
from .tracing import OPEN_TIME_LIMIT, HistogramsReady, ShapeTracer, Traced, TraceIsSlow, WeightHistograms
from .training_estimate import TrainingEstimate

BESIDE_WIDTH = 120
"""Minimum width of the terminal, in columns, for showing the editor beside the table."""
WIDE_WIDTH = 160
"""Minimum width of the terminal, in columns, for showing the row's details beside the table."""
INITIAL_WEIGHTS = "initial"
MIN_ERROR_WIDTH = 40
"""Width of the line with the fix if the table isn't visible, in columns."""
CLASSES = 10
"""Number of classes. A network that can be trained here has one output for each class."""


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
        "`{larger_batch}` and `{smaller_batch}` estimate the memory and the time of a training step. The lines in the "
        "margin show how data flows where the network branches; the rows next to the cursor's row have another mark.",
    )
    DEFAULT_CSS = Path(__file__).with_name("model.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["model"])

    editing: var[bool] = var(False, init=False)
    """Whether the editor is open."""
    maps: var[bool] = var(False, init=False)
    """Whether the feature maps are shown instead of the row's details."""
    comparing: var[bool] = var(False, init=False)
    """Whether the edited network is shown beside the saved one, instead of the table."""

    heading = getters.query_one("#model-title", FittedLines)
    strip = getters.query_one("#strip", FittedLines)
    editor = getters.query_one(EditorView)
    shapes = getters.query_one(ShapeView)
    comparison = getters.query_one(ComparisonView)
    error_line = getters.query_one("#trace-error", Static)
    details = getters.query_one(RowDetails)
    feature_maps = getters.query_one(FeatureMapsView)
    training = getters.query_one(TrainingEstimate)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.network = INITIAL_NETWORK
        """The network that is shown, including the latest edits."""
        self.trace: SourceTrace | None = None
        """The result of the network's last shape trace, or None before the first trace."""
        self._has_table = False
        """Whether the table shows `network`, possibly as it was before the latest edits."""
        self._maps_after_choice = False
        """Whether to show the feature maps as soon as a run is chosen."""
        self._saved_table: ShapeTable | None = None
        """The table of the saved source, while it is compared with the edited source."""
        self._tracer = ShapeTracer(self)
        self._histograms = WeightHistograms(self)
        self._session = EditingSession(self, self._show)

    def compose(self) -> ComposeResult:
        yield FittedLines(id="model-title")
        yield FittedLines(id="strip")
        with Horizontal(id="model-body"):
            yield EditorView()
            with Vertical(id="model-right"):
                yield ShapeView()
                yield ComparisonView()
                yield Static(id="trace-error")
                yield RowDetails()
                yield FeatureMapsView()
        yield TrainingEstimate(self)

    def on_mount(self) -> None:
        self._tracer.start()
        self.open(INITIAL_NETWORK)
        self._offer_left_draft()

    def main_widget(self) -> Widget:
        return self.editor.editor if self.editing else self._row_list

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        width = self.app.size.width
        self.set_class(width < BESIDE_WIDTH, "-single")
        self.set_class(width >= WIDE_WIDTH and not self.editing, "-wide")

    @property
    def _row_list(self) -> RowList:
        return self.comparison.rows if self.comparing else self.shapes.rows

    def watch_editing(self) -> None:
        self.set_class(self.editing, "-editing")
        self._arrange()
        self.refresh_bindings()

    def watch_maps(self) -> None:
        self.set_class(self.maps, "-maps")
        self.refresh_bindings()
        self.call_after_refresh(self._show_maps)  # the refresh sets the size of the maps

    def watch_comparing(self) -> None:
        self.set_class(self.comparing, "-compare")
        if not self.editing:
            self._row_list.focus()
        self.refresh_bindings()

    # The network and its trace

    def open(self, network: ShownNetwork) -> None:
        """Show another network."""
        self.maps = self._maps_after_choice and network.run is not None
        self._maps_after_choice = False
        self.editing = self.comparing = False
        self._session.release()
        self._clear()
        self._show(network, OPEN_TIME_LIMIT)

    def _clear(self) -> None:
        """Remove everything that belongs to the previous network."""
        self._has_table, self.trace, self._saved_table = False, None, None
        self.comparison.clear()
        self.remove_class("-failed", "-outdated")
        self.shapes.clear()
        for lines in (self.strip, self.details):
            lines.fit(lambda _width: ())
        self.error_line.update("")
        self.feature_maps.clear()

    def _show(self, network: ShownNetwork, time_limit: float) -> None:
        """Show a network and trace it. The network may be an edited version of the current network."""
        self.network = network
        self._tracer.trace(network, time_limit)
        self._show_title()

    @property
    def _trace_failed(self) -> bool:
        return self.trace is not None and self.trace.error is not None

    @property
    def _fix(self) -> Fix | None:
        return None if self.trace is None else fix_of(self.trace)

    @property
    def _is_outdated(self) -> bool:
        """Whether the table shows the network as it was before the latest edits, because the edited network fails."""
        return self._trace_failed and self._has_table

    @on(TraceIsSlow)
    def _trace_is_slow(self) -> None:
        if self._session.holds(self.network):
            self.editor.show_checking()
        elif not self._has_table:
            self.shapes.show_note(f"tracing the network {terminal_glyphs().ellipsis}")

    @on(Traced)
    def _traced(self, message: Traced) -> None:
        if message.network is not self.network:
            return  # edited since
        trace = message.trace
        self.network = self._session.adopt_class_name(self.network, trace)
        self.trace = trace
        self.set_class(self._trace_failed, "-failed")
        self.set_class(self._is_outdated, "-outdated")
        if trace.table is not None and not self._is_outdated:
            self.shapes.show(trace.table)  # if the network fails, the table has the rows up to the error
        if not self._trace_failed:
            self._has_table = True
            self._histograms.compute_soon(self.network)
        if (table := trace.table) is not None:
            self.strip.fit(lambda width: [shape_strip(table, width=width)])
        self._show_comparison()
        self.training.show_network(self.network, None if self._trace_failed else trace.table)
        if message.is_live:
            self._tracer.trace_real(self.network, message)
        self._show_error(trace)
        self._session.show_result(self.network, trace)
        self._show_title()
        self.refresh_bindings()

    def _show_error(self, trace: SourceTrace) -> None:
        if trace.error is None:
            self.error_line.update("")
            return
        text, fix = error_text(trace.line, trace.error), fix_of(trace)
        width = max(self.shapes.size.width, MIN_ERROR_WIDTH)
        self.error_line.update(text if fix is None else Text("\n").join([text, fix_text(fix, width)]))

    def _show_title(self) -> None:
        edited = self._session.is_edited(self.network)
        title = network_title(self.network, terminal_glyphs(), edited=edited, outdated=self._is_outdated)
        table = self.shapes.table
        self.heading.fit(lambda width: [title_line(title, table, width)])

    @on(RowChosen)
    @on(HistogramsReady)
    def _show_details(self) -> None:
        table, row = self.shapes.table, self.shapes.row
        if table is not None and row is not None:
            self.details.show(table, row, self._histograms.of_row(self.network, row))
            self._show_maps()
            self.refresh_bindings()

    def _show_maps(self) -> None:
        row = self.shapes.row
        if self.maps and self.network.run is not None and row is not None:
            self.feature_maps.show_row(self.network.run, row, self.shapes.occurrence)

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
        if self._trace_failed or self._fix is not None:
            self.call_after_refresh(self.editor.go_to_error)  # the refresh sets the size of the editor

    @work(group="source", exclusive=True)
    async def _load_source(self, network: ShownNetwork) -> None:
        try:
            model = await self._session.source_of(network)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        if network is self.network:
            trace = self.trace
            self._session.load(network, model)
            if trace is not None:
                self._session.show_result(self.network, trace)
            self._open_editor()
            self._go_to_error()

    def _open_editor(self) -> None:
        self.editing = True
        self.editor.editor.focus()

    def _close_editor(self) -> None:
        self.editing = False
        self._row_list.focus()

    @on(SourceChanged)
    def _source_changed(self, message: SourceChanged) -> None:
        self._session.change(self.network, message.source)

    @on(DraftDue)
    @work(group="draft")
    async def _keep_draft(self) -> None:
        await self._session.keep_draft()

    @on(EditorLeft)
    def _editor_left(self) -> None:
        if self.has_class("-single"):
            self.editing = False
        self._row_list.focus()

    @work(group="save", exclusive=True)
    async def action_save(self) -> None:
        await self._session.save()

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
        if self.comparing:
            self.comparing = False
        elif (saved := self._session.saved_network) is not None:
            self.start_worker(partial(self._compare_with, saved), "compare", exclusive=True)

    async def _compare_with(self, saved: ShownNetwork) -> None:
        trace = await trace_shapes(self.lab_app.sandbox, saved, OPEN_TIME_LIMIT)
        if trace.table is None or trace.error is not None:
            self.notify(f"The saved source fails: {trace.error}", severity="warning", markup=False)
        elif self._session.is_edited(self.network):
            self._saved_table = trace.table
            self.comparing = True
            self._show_comparison()

    def _show_comparison(self) -> None:
        """Update the comparison after an edit. If the source was saved or reverted, return to the table."""
        if self.comparing and not self._session.is_edited(self.network):
            self.comparing = False
        elif self.comparing and self._saved_table is not None:
            newest = None if self.trace is None else self.trace.table
            edited = newest or self.shapes.table
            if edited is not None:
                self.comparison.show(self._saved_table, edited, outdated=newest is None)

    # Drafts

    def leaving(self) -> None:
        self._session.leave_draft()

    @work(group="left draft")
    async def _offer_left_draft(self) -> None:
        """Offer to restore unsaved edits from an earlier instance of the app."""
        left = await asyncio.to_thread(newest_left_draft, default_folder())
        if left is None:
            return
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
        model = self.network.model
        if isinstance(model, NamedModel):
            source = model.model
        else:
            source = f"{model.file}:{model.class_name}" if model.file else ""
        values: dict[ErrorCause, str] = {
            "source": source,
            "arguments": msgspec.json.encode(model.arguments).decode() if model.arguments else "",
            "input": write_inputs(self.network.inputs),
        }
        self.app.push_screen(NetworkForm(values, self._trace_once), self._network_chosen)

    async def _trace_once(self, network: ShownNetwork) -> SourceTrace:
        return await trace_shapes(self.lab_app.sandbox, network, OPEN_TIME_LIMIT)

    def _network_chosen(self, network: ShownNetwork | None) -> None:
        if network is not None:
            self._confirm_discard(lambda: self.open(network))

    def action_other_run(self) -> None:
        self.lab_app.hold_input(self._choose_run())

    @work(group="run", exclusive=True)
    async def _choose_run(self) -> None:
        current = self.network.run
        other = [Choice(INITIAL_WEIGHTS, Text("  initial weights", FOREGROUND))] if current is not None else []
        key = await choose_run(self.app, self.lab_app.runs, "Load weights of run", current, other)
        if key is None:
            self._maps_after_choice = False
        elif key == INITIAL_WEIGHTS:
            self.open(ShownNetwork(self.network.name, self.network.model))
        else:
            self._confirm_discard(lambda: self._open_run(Path(key)))

    @work(group="open run", exclusive=True)
    async def _open_run(self, path: Path) -> None:
        try:
            if await confirm_trust(self.app, path):
                self.open(await asyncio.to_thread(network_of_run, path))
            else:
                self._maps_after_choice = False
                self.notify(NOT_TRUSTED)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)

    # Training

    def action_train_this(self) -> None:
        table, model = self.shapes.table, self.network.model
        if isinstance(model, NamedModel) and not self.network.is_editable:
            self.notify(
                "A library's models can't be trained here. To train one, create a file with a class that wraps it."
            )
        elif self._trace_failed:
            self.action_go_to_error()
        elif table is None:
            self.notify("The network is still being traced.")
        elif [spec.shape for spec in table.inputs] != [DATASET_INPUTS[0].shape] or table.outputs != ((CLASSES,),):
            self.notify("Training needs a network with a 1×28×28 input and 10 outputs.", severity="warning")
        elif isinstance(model, CustomModel):
            self._train_custom(model)
        else:
            self.post_message(TrainNetwork(NetworkChoice(model.model)))

    def _train_custom(self, model: CustomModel) -> None:
        """Train a custom model with its edited source, or a built-in network whose source is unchanged."""
        holds, edited = self._session.holds(self.network), self._session.is_edited(self.network)
        if holds and not edited and self.network.name in MODELS:
            self.post_message(TrainNetwork(NetworkChoice(self.network.name)))
            return
        source = self.editor.source if holds else model.source
        self._check_and_train(msgspec.structs.replace(model, source=source, exact=True), edited=edited)

    @work(group="train", exclusive=True)
    async def _check_and_train(self, model: CustomModel, *, edited: bool) -> None:
        """Check that the source works outside its folder, because a run stores only the source. Then open the form."""
        try:
            checked = await self.lab_app.sandbox.ask(CheckModel(network=model), CustomModel, OPEN_TIME_LIMIT)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            name = checked.class_name or self.network.name
            self.post_message(TrainNetwork(NetworkChoice(name, checked, is_edited=edited)))

    # Other actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Disable actions that don't apply to the current network or row."""
        if not self.is_mounted:
            return True
        row, has_source = self.shapes.row, self._session.holds(self.network)
        conditions = {
            "fold": row is not None and row.has_children,
            "next_page": self.maps,
            "go_to_error": self._trace_failed or self._fix is not None,
            "save": has_source,
            "revert": has_source,
            "measure": row is not None,
            "batch": row is not None,
            "compare": self._session.is_edited(self.network),
            "train_this": row is not None,
        }
        return conditions.get(action, True)

    def action_maps(self) -> None:
        if self.maps or self.network.run is not None:
            self.maps = not self.maps
        else:
            self._maps_after_choice = True
            self.lab_app.hold_input(self._choose_run())

    def action_fold(self) -> None:
        self.shapes.fold()

    def action_move(self, right: int, down: int) -> None:  # noqa: ARG002 - the table handles up and down
        if self.maps:
            self.feature_maps.step_image(right)
        else:
            self.shapes.fold(folded=right < 0)

    def action_next_page(self) -> None:
        self.feature_maps.turn_page()

    def action_measure(self) -> None:
        if not self._trace_failed:
            self.notify("Timing each row, forward and backward", timeout=3)
            self._tracer.measure(self.network)

    def action_batch(self, factor: float) -> None:
        """Show what it costs to train the network, or multiply the batch size of this estimate."""
        if not self._trace_failed:
            self.training.change_batch(factor)

    def action_back(self) -> None:
        """Close whatever is open: the feature maps, the editor, the comparison or the training estimate."""
        if self.maps:
            self.maps = False
        elif self.editing:
            self._close_editor()
        elif self.comparing:
            self.comparing = False
        else:
            self.training.hide()
