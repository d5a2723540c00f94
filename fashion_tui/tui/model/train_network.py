"""Train the network that the Model pane shows: check that it can be trained, then open the form for a new run."""

from functools import partial

import msgspec

from fashion_tui.report.formatting import format_shape
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import MODELS, TORCHVISION, CustomModel, NamedModel
from fashion_tui.schema.requests import CheckModel
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.tui.lab_app import NetworkChoice, TrainNetwork, task_of
from fashion_tui.tui.pane import Pane

from .editing import EditingSession
from .network import ShownNetwork
from .tracing import OPEN_TIME_LIMIT


def train_network(pane: Pane, network: ShownNetwork, table: ShapeTable | None, session: EditingSession) -> None:
    """Open the form for a run of this network, or tell the user why the network can't be trained.

    `table` is the network's shape trace, or None if the trace isn't finished. If the network's source is in the editor,
    its edits are included.
    """
    task = task_of(pane.lab_app.dataset)
    if network.model_name.startswith(TORCHVISION):
        pane.post_message(TrainNetwork(NetworkChoice(network.model_name)))
    elif not network.is_editable:
        pane.notify(
            "Of the libraries' networks, only torchvision's can be trained here. To train another one, create a file "
            "with a class that wraps it."
        )
    elif table is None:
        pane.notify("The network is still being traced.")
    elif [spec.shape for spec in table.inputs] != [task.image_shape] or table.outputs != ((task.classes,),):
        need = f"a {format_shape(task.image_shape, terminal_glyphs())} input and {task.classes} outputs"
        pane.notify(f"Training on this data set needs a network with {need}.", severity="warning")
    elif isinstance(network.model, NamedModel):
        pane.post_message(TrainNetwork(NetworkChoice(network.model.model)))
    else:
        _train_custom(pane, network, network.model, session)


def _train_custom(pane: Pane, network: ShownNetwork, model: CustomModel, session: EditingSession) -> None:
    """Train a custom model with its edited source, or a built-in network whose source is unchanged."""
    holds, edited = session.holds(network), session.is_edited(network)
    if holds and not edited and network.name in MODELS:
        pane.post_message(TrainNetwork(NetworkChoice(network.name)))
        return
    source = session.view.source if holds else model.source
    exact = msgspec.structs.replace(model, source=source, exact=True)
    pane.start_worker(partial(_check_and_train, pane, exact, network.name, edited=edited), "train", exclusive=True)


async def _check_and_train(pane: Pane, model: CustomModel, name: str, *, edited: bool) -> None:
    """Check that the network works with only the files that a run stores. Then open the form."""
    try:
        request = CheckModel(network=model, task=task_of(pane.lab_app.dataset))
        checked = await pane.lab_app.sandbox.ask(request, CustomModel, OPEN_TIME_LIMIT)
    except UserError as error:
        pane.notify(str(error), severity="error", markup=False)
    else:
        choice = NetworkChoice(checked.class_name or name, checked, is_edited=edited)
        pane.post_message(TrainNetwork(choice))
