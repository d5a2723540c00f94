"""What happens to the shape at every step? And what would another network do?"""

import asyncio
from pathlib import Path
from typing import ClassVar

import msgspec
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import FOREGROUND
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import MODELS, CustomModel, NamedModel
from fashion_tui.schema.replies import ErrorCause, SourceTrace
from fashion_tui.schema.requests import CheckModel
from fashion_tui.tui.actions import IN_PANE, PaneName, bindings
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog
from fashion_tui.tui.dialogs.trust import NOT_TRUSTED, confirm_trust
from fashion_tui.tui.evaluate.runs import run_choice, with_checkpoint
from fashion_tui.tui.lab_app import NetworkChoice, TrainNetwork
from fashion_tui.tui.widgets.fitted import FittedLines
from fashion_tui.tui.widgets.row_list import RowList

from .editing import EditingPane
from .editor import EditorView
from .maps import MapsView
from .messages import RunOpened, RunsFound, StepChosen
from .network_form import NetworkForm
from .runs import subject_of_run
from .shape_view import ShapeView
from .step_view import StepView
from .subject import INPUT_SIZE, OURS, Subject, traced
from .tracing import PATIENCE

BESIDE, WIDE = 120, 160
"""Columns of the terminal from which on the editor stands beside the table, and the step beside it too."""
FRESH = "fresh"
CLASSES = 10
"""What a network gives that is trained here: a score for each class."""


class ModelPane(EditingPane):
    PANE: ClassVar[PaneName] = "model"
    HELP: ClassVar[str] = (
        "Every step of the network, modules and functions alike, in the order in which a picture goes through. The "
        "arrows move from step to step; below stand its shape, the arithmetic behind it, what it costs and its "
        "weights.\n\n"
        "`i` opens the source: the table follows as you type, and a line that fails is marked, with the reason. `esc` "
        "gives the keys back to the pane. Your code runs in a process of its own: an endless loop costs 2 seconds.\n\n"
        "`o` shows the weights that a run has learned, `m` what its steps make of a test picture: up and down choose "
        "the step, left and right the picture."
    )
    DEFAULT_CSS = Path(__file__).with_name("model.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["model"])

    maps: var[bool] = var(False, init=False)
    """Feature maps stand in the place of the lines about the step."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._maps_wanted = False
        """As soon as a run is chosen."""

    def compose(self) -> ComposeResult:
        yield FittedLines(id="model-title")
        yield FittedLines(id="strip")
        with Horizontal(id="model-body"):
            yield EditorView()
            with Vertical(id="model-right"):
                yield ShapeView()
                yield Static(id="trouble")
                yield StepView()
                yield MapsView()

    def on_mount(self) -> None:
        self.open(OURS)

    def main_widget(self) -> Widget:
        return self.query_one(EditorView).editor if self.editing else self.query_one(RowList)

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        width = self.app.size.width
        self.set_class(width < BESIDE, "-single")
        self.set_class(width >= WIDE and not self.editing, "-wide")

    def watch_editing(self) -> None:
        self.set_class(self.editing, "-editing")
        self._arrange()
        self.refresh_bindings()

    def watch_maps(self) -> None:
        self.set_class(self.maps, "-maps")
        self.refresh_bindings()
        self.call_after_refresh(self._look_at_maps)  # they have their room only then

    # Another network

    def open(self, subject: Subject) -> None:
        self.maps = self._maps_wanted and subject.run is not None
        self._maps_wanted = False
        super().open(subject)

    def action_another_network(self) -> None:
        network = self.subject.network
        if isinstance(network, NamedModel):
            place = network.model
        else:
            place = f"{network.file}:{network.class_name}" if network.file else ""
        values: dict[ErrorCause, str] = {
            "source": place,
            "arguments": msgspec.json.encode(network.arguments).decode() if network.arguments else "",
            "input": "x".join(map(str, self.subject.input_size)),
        }
        self.app.push_screen(NetworkForm(values, self._trace_once), self._chosen)

    async def _trace_once(self, subject: Subject) -> SourceTrace:
        return await traced(self.lab_app.sandbox, subject, PATIENCE)

    def _chosen(self, subject: Subject | None) -> None:
        if subject is not None:
            self.leave_source(lambda: self.open(subject))

    # Runs

    def action_other_run(self) -> None:
        self._look_for_runs()

    @work(group="runs", exclusive=True)
    async def _look_for_runs(self) -> None:
        self.post_message(RunsFound(await asyncio.to_thread(with_checkpoint, self.lab_app.runs)))

    @on(RunsFound)
    def _runs_found(self, message: RunsFound) -> None:
        if not message.paths:
            self._maps_wanted = False
            self.notify("No run has a checkpoint yet; 4 goes to Train, where n starts one.")
            return
        choices = [Choice(FRESH, Text("  fresh weights, of no run", FOREGROUND))] if self.subject.run else []
        choices += [run_choice(run, terminal_glyphs()) for run in self.lab_app.runs if Path(run.path) in message.paths]
        shown = None if self.subject.run is None else str(self.subject.run)
        self.app.push_screen(ChoiceDialog("Weights of which run?", choices, shown), self._run_chosen)

    def _run_chosen(self, key: str | None) -> None:
        if key is None:
            self._maps_wanted = False
        elif key == FRESH:
            self.open(Subject(self.subject.name, self.subject.network))
        else:
            self.leave_source(lambda: self._open_run(Path(key)))

    @work(group="runs", exclusive=True)
    async def _open_run(self, path: Path) -> None:
        try:
            if await confirm_trust(self.app, path):
                self.post_message(RunOpened(await asyncio.to_thread(subject_of_run, path)))
            else:
                self._maps_wanted = False
                self.notify(NOT_TRUSTED)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)

    @on(RunOpened)
    def _run_opened(self, message: RunOpened) -> None:
        self.open(message.subject)

    # Maps

    def action_maps(self) -> None:
        if self.maps or self.subject.run is not None:
            self.maps = not self.maps
        else:
            self._maps_wanted = True
            self._look_for_runs()

    @on(StepChosen)
    def _look_at_maps(self) -> None:
        shapes = self.query_one(ShapeView)
        if self.maps and self.subject.run is not None and shapes.row is not None:
            self.query_one(MapsView).look_at(self.subject.run, shapes.row, shapes.occurrence)

    # Training

    def action_train_this(self) -> None:
        table, network = self.query_one(ShapeView).table, self.subject.network
        if self.fault is not None or table is None:
            self.notify("The network has a fault; it can be trained when that is mended.", severity="warning")
        elif isinstance(network, NamedModel) and network.model.partition(":")[1]:
            self.notify("torchvision's networks aren't trained here; write a class that makes one, in a file.")
        elif self.subject.input_size != INPUT_SIZE or table.outputs != ((CLASSES,),):
            self.notify("To be trained here a network takes 1×28×28 and gives 10 scores.", severity="warning")
        elif isinstance(network, CustomModel):
            self._train_written(network)
        else:
            self.post_message(TrainNetwork(NetworkChoice(network.model)))

    def _train_written(self, network: CustomModel) -> None:
        """What stands in the editor now; as one of ours where nothing of it was changed."""
        if self.has_text and not self.is_edited and self.subject.name in MODELS:
            self.post_message(TrainNetwork(NetworkChoice(self.subject.name)))
            return
        source = self.query_one(EditorView).text if self.has_text else network.source
        named = msgspec.structs.replace(network, source=source, exact=True)
        self._try_written(named, edited=self.is_edited)

    @work(group="train", exclusive=True)
    async def _try_written(self, network: CustomModel, *, edited: bool) -> None:
        """A run takes the source alone: whether it works so is known before the form asks for anything."""
        try:
            tried = await self.lab_app.sandbox.ask(CheckModel(network=network), CustomModel, PATIENCE)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            name = tried.class_name or self.subject.name
            self.post_message(TrainNetwork(NetworkChoice(name, tried, is_edited=edited)))

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Only what makes sense with what is shown."""
        if not self.is_mounted:
            return True
        row = self.query_one(ShapeView).row
        match action:
            case "fold":
                return row is not None and row.has_children
            case "next_page":
                return self.maps
            case "save" | "revert":
                return self.has_text
            case "measure" | "train_this":
                return row is not None
            case _:
                return True

    def action_fold(self) -> None:
        self.query_one(ShapeView).fold()

    def action_move(self, right: int, down: int) -> None:  # noqa: ARG002 - up and down are the table's
        if self.maps:
            self.query_one(MapsView).turn_to_picture(right)
        else:
            self.query_one(ShapeView).fold(folded=right < 0)

    def action_next_page(self) -> None:
        self.query_one(MapsView).turn_page()

    def action_measure(self) -> None:
        if self.fault is None:
            self.notify("Timing each step, forward and backward …", timeout=3)
            self.measure()

    def action_back(self) -> None:
        """Close the maps, else the editor; what was typed stays."""
        if self.maps:
            self.maps = False
        elif self.editing:
            self.editing = False
            self.query_one(RowList).focus()
