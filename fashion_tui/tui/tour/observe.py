"""Observe the app for the tour. The tour reads the state of the panes, and the panes don't depend on the tour."""

from typing import cast

from textual.app import App
from textual.screen import ModalScreen
from textual.widgets import ContentSwitcher

from fashion_tui.schema.run import State
from fashion_tui.schema.tensors import NO_TENSORS, TensorList
from fashion_tui.tui.dialogs.image import ImageDialog
from fashion_tui.tui.evaluate.pane import EvaluatePane
from fashion_tui.tui.lab_app import LabApp
from fashion_tui.tui.model.pane import ModelPane
from fashion_tui.tui.pane import Pane
from fashion_tui.tui.pane_actions import PaneName
from fashion_tui.tui.playground.pane import PlaygroundPane
from fashion_tui.tui.playground.views.graph import GraphView
from fashion_tui.tui.playground.views.lessons import LessonsView
from fashion_tui.tui.train.form.run_form import RunForm
from fashion_tui.tui.train.pane import TrainPane

from .steps import Place, Seen


def observe(app: App[None]) -> Seen:
    """Return the part of the app's current state that the tour needs."""
    screen = app.screen_stack[0]
    switcher = screen.query_one(ContentSwitcher)
    panes = {pane.PANE: pane for pane in switcher.query_children(Pane)}
    pane = panes[cast("PaneName", switcher.current)]
    focused = screen.focused
    model, train, evaluate = panes.get("model"), panes.get("train"), panes.get("evaluate")
    trace = model.trace_view.trace if isinstance(model, ModelPane) else None
    return Seen(
        pane=pane.PANE,
        place=_place(app, pane),
        takes_digits=app.screen is not screen or (focused is not None and focused.check_consume_key("1", "1")),
        tensors=_tensors(panes["playground"]),
        has_shapes=isinstance(model, ModelPane) and model.trace_view.shapes.table is not None,
        shapes_fit=trace is not None and trace.error is None,
        shapes_clash=trace is not None and trace.error is not None and trace.table is not None,
        runs=cast("LabApp", app).runs,
        charted=_charted(train) if isinstance(train, TrainPane) else None,
        is_evaluated=isinstance(evaluate, EvaluatePane) and evaluate.body.display,
    )


def _place(app: App[None], pane: Pane) -> Place:
    """Return the dialog or the part of the pane that receives the next key."""
    match app.screen:
        case RunForm():
            return "run form"
        case ImageDialog():
            return "image"
        case ModalScreen():
            return "dialog"
    return _place_in_pane(pane)


def _place_in_pane(pane: Pane) -> Place:
    match pane:
        case PlaygroundPane():
            return _place_in_playground(pane)
        case ModelPane():
            return "source" if pane.editor.editor.has_focus else "shapes"
        case TrainPane():
            return "train"
        case EvaluatePane():
            return "images" if pane.part == "images" and pane.browser.page is not None else "evaluate"
    return "data"


def _place_in_playground(pane: PlaygroundPane) -> Place:
    if pane.repl.prompt.has_focus:
        return "prompt"
    if pane.repl.transcript.has_focus:
        return "transcript"
    if any(view.has_focus_within for view in pane.side_panel.query(GraphView)):
        return "graph"
    if any(view.has_focus_within for view in pane.side_panel.query(LessonsView)):
        return "lessons"
    return "view"


def _tensors(playground: Pane) -> TensorList:
    view = playground.side_panel.tensors_view if isinstance(playground, PlaygroundPane) else None
    return NO_TENSORS if view is None else view.tensors


def _charted(train: TrainPane) -> State | None:
    """Return the state of the newest run, or None if the pane doesn't show a chart of that run's loss."""
    snapshot, runs = train.view.snapshot, train.lab_app.runs
    if snapshot is None or not runs or snapshot.run != runs[0].run or not len(snapshot.curve("loss")):
        return None
    return snapshot.state
