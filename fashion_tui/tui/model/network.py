"""The network that the Model pane shows: its origin, its shape trace and its title."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from rich.text import Text

from fashion_tui.engine.client import EngineDied
from fashion_tui.report.formatting import format_bytes, format_inputs, printable
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.shape_columns import format_total_macs
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED
from fashion_tui.runs.run import Run
from fashion_tui.schema.dataset import ImageTask
from fashion_tui.schema.errors import TimeLimitReached, UserError
from fashion_tui.schema.inputs import InputFunction, Inputs, InputSpec
from fashion_tui.schema.models import MODELS, CustomModel, NamedModel
from fashion_tui.schema.recipe import Recipe, is_fine_tuned
from fashion_tui.schema.recipe_checks import check_recipe
from fashion_tui.schema.replies import SourceTrace
from fashion_tui.schema.requests import GetShapes, TraceSource
from fashion_tui.schema.run import short_name
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.tui.lab_app import DatasetState, LabApp, task_of
from fashion_tui.tui.sandbox_engine import TimeLimitExceeded
from fashion_tui.tui.widgets.lines import left_and_right

GRACE = 1.0
"""Seconds after the time limit until the engine's process is replaced, if it hasn't replied."""


@dataclass(frozen=True, slots=True)
class ShownNetwork:
    """A network that the pane shows, with its inputs and, optionally, the run that provides the weights."""

    name: str
    """Name shown in the pane's title."""
    model: NamedModel | CustomModel
    inputs: Inputs = ()
    """The network's inputs. If empty, the inputs that its library defines, or else an image of the task."""
    run: Path | None = None
    """Directory of the run that provides the weights, or None for initial weights."""
    run_task: ImageTask | None = None
    """The task of the run, or None for initial weights."""

    def task(self, dataset: DatasetState | None) -> ImageTask:
        """Return the task of the run or, for initial weights, that of the data set that the panes show."""
        return self.run_task or task_of(dataset)

    recipe: Recipe | None = None
    """The recipe of a run that fine-tunes a network of torchvision, else None."""

    @property
    def model_name(self) -> str:
        """Name of a built-in network or of a library's network. Empty for a custom model."""
        return self.model.model if isinstance(self.model, NamedModel) else ""

    @property
    def is_editable(self) -> bool:
        """True if the network's source can be edited."""
        return isinstance(self.model, CustomModel) or self.model.model in MODELS

    def with_source(self, model: CustomModel) -> "ShownNetwork":
        """Return a copy of the network with a different source and without the weights of a run."""
        return replace(self, model=model, run=None, run_task=None, recipe=None)


INITIAL_NETWORK = ShownNetwork(MODELS[0], NamedModel(model=MODELS[0]))


def network_of_run(path: Path) -> ShownNetwork:
    """Return the network of a run, with the run's weights. This reads files, so call it in a thread.

    Raises UserError if the files are damaged, and UntrustedSource if the user hasn't trusted the network's code.
    """
    with Run(path) as run:
        config, custom = run.config, run.trusted_model()
    if custom is None:
        check_recipe(config.recipe)  # allow only a built-in network's name, because the string could be a path
        recipe = config.recipe if is_fine_tuned(config.recipe) else None
        return ShownNetwork(config.recipe.model, NamedModel(model=config.recipe.model), (), path, config.task, recipe)
    # Drop the file's path. Otherwise, edits would be saved in the run's directory, and imports would search it.
    return ShownNetwork(config.recipe.model, msgspec.structs.replace(custom, file=None), (), path, config.task)


def image_of(task: ImageTask) -> Inputs:
    """Return the input of a network that takes an image of the task."""
    return (InputSpec(shape=task.image_shape),)


async def trace_shapes(
    lab_app: LabApp, network: ShownNetwork, time_limit: float, *, live: bool = False, measure: bool = False
) -> SourceTrace:
    """Trace a network in the sandbox engine for at most `time_limit` seconds.

    If `live` is true, large networks are traced without computing values, which is fast. If `measure` is true, each row
    is timed. Errors are reported in the trace instead of being raised.
    """
    model, sandbox, task = network.model, lab_app.sandbox, network.task(lab_app.dataset)
    options: dict[str, Any] = {
        "inputs": network.inputs, "task": task, "live": live, "measure": measure, "time_limit": time_limit
    }  # fmt: skip
    try:
        if isinstance(model, CustomModel):
            request = TraceSource(network=model, **options)
            return await sandbox.ask(request, SourceTrace, time_limit + GRACE)
        shapes = GetShapes(model=model.model, arguments=model.arguments, recipe=network.recipe, **options)
        table = await sandbox.ask(shapes, ShapeTable, time_limit + GRACE)
        return SourceTrace(table=table, class_name=None, error=table.error)
    except TimeLimitExceeded:
        return SourceTrace(table=None, class_name=None, error=str(TimeLimitReached(time_limit)), cause="source")
    except EngineDied as error:
        return SourceTrace(table=None, class_name=None, error=str(error), cause="source")
    except UserError as error:
        return SourceTrace(table=None, class_name=None, error=str(error))


def network_title(network: ShownNetwork, glyphs: Glyphs, *, edited: bool, outdated: bool) -> Text:
    """Return a title such as `net.py  Net  width=32  edited  input 3×32×32  weights of guide-a1b2`.

    Parts that don't apply are omitted.
    """
    line = Text.assemble((printable(network.name, glyphs), f"bold {ACCENT}"), no_wrap=True)
    model = network.model
    if isinstance(model, CustomModel) and model.class_name and model.class_name != network.name:
        line.append(f"  {printable(model.class_name, glyphs)}", FOREGROUND)
    for name, value in model.arguments.items():
        line.append(f"  {printable(f'{name}={value!r}', glyphs)}", MUTED)
    if edited:
        line.append("  edited", ATTENTION)
    if outdated:
        line.append("  table outdated", MUTED)
    if network.inputs:
        given = network.inputs
        written = str(given) if isinstance(given, InputFunction) else format_inputs(given, glyphs)
        line.append(f"  input {printable(written, glyphs)}", MUTED)
    if network.run is not None:
        line.append(f"  weights of {printable(short_name(network.run.name), glyphs)}", FOREGROUND)
    return line


def title_line(title: Text, table: ShapeTable | None, width: int) -> Text:
    """Return the title, followed by as many of the network's totals as fit on the line."""
    totals: list[tuple[str, str]] = []
    if table is not None:
        totals = [
            (f"{table.total_params:,}", " parameters"),
            (format_total_macs(table), " MACs"),
            (format_bytes(table.activation_bytes), " activations"),
        ]
    right = Text(no_wrap=True)
    for value, label in totals:
        if title.cell_len + right.cell_len + len(value) + len(label) + 4 <= width:
            right.append("  " if right else "").append(value, FOREGROUND).append(label, MUTED)
    return left_and_right(title, right, width)
