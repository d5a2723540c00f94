"""Handlers for requests about untrained networks: built-in ones, files, and source that the user is editing."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePath

import torch
from torch import nn

from fashion_tui.lab.devices import choose_device
from fashion_tui.lab.evaluation.histograms import weight_histograms
from fashion_tui.lab.networks.build import build_network, open_model, read_model
from fashion_tui.lab.networks.builtin import source_of
from fashion_tui.lab.networks.custom import UNSAVED, SourceError, WrongArguments
from fashion_tui.lab.networks.inputs import InputsError, open_inputs
from fashion_tui.lab.networks.repair import repair_of
from fashion_tui.lab.rng import preserve_rng_state, seed_everything
from fashion_tui.lab.throughput import measure_throughput
from fashion_tui.lab.trace import LIVE_MODEL, NeedsValues, error_location, max_parameter_bytes, trace
from fashion_tui.lab.trace.inputs import NetworkInputs, resolve_inputs
from fashion_tui.lab.trace.step_times import measure_step_times
from fashion_tui.lab.trace.training_memory import measure_training_memory
from fashion_tui.schema.errors import TimeLimitReached, UsageError, UserError
from fashion_tui.schema.inputs import InputSpec
from fashion_tui.schema.models import CustomModel, NamedModel
from fashion_tui.schema.recipe import Recipe, is_fine_tuned
from fashion_tui.schema.replies import ErrorCause, SourceTrace
from fashion_tui.schema.requests import (
    GetBuiltinSource,
    GetShapes,
    GetTrainingCosts,
    GetWeights,
    TraceSource,
)
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.schema.training_costs import TrainingCosts
from fashion_tui.schema.weights import Histogram

from .cache import Cache
from .connection import CallContext


def get_shapes(request: GetShapes, call: CallContext, _cache: Cache) -> ShapeTable:
    if request.recipe is not None and is_fine_tuned(request.recipe):
        return _trace_fine_tuned(request.recipe, request, call)
    named = NamedModel(model=request.model, arguments=request.arguments)
    network = read_model(named) or named
    # Limit only the user's code, which may never end. Importing torchvision may take long on a busy machine.
    time_limit = request.time_limit if isinstance(network, CustomModel) else None
    with _time_limit(call, time_limit), _reproducible():
        return _open_and_trace(network, request)[0]


def _trace_fine_tuned(recipe: Recipe, request: GetShapes, call: CallContext) -> ShapeTable:
    """Trace the network that a run with this recipe trains, on an image of the task."""
    inputs = (InputSpec(shape=request.task.image_shape),)
    with call.interruptible(), _reproducible():
        network = build_network(recipe, None, request.task)
        device = _timing_device(measure=request.measure)
        with suppress(NeedsValues):
            return trace(network, inputs, name=recipe.model, measure=device, live=request.live)
        return trace(network, inputs, name=recipe.model, measure=device)


@contextmanager
def _time_limit(call: CallContext, seconds: float | None) -> Iterator[None]:
    """Make the call interruptible. Raises UserError if the time limit is reached outside of the network's `forward`."""
    try:
        with call.interruptible(seconds):
            yield
    except TimeLimitReached as error:
        file, line = error_location(error)
        raise (UserError(str(error)) if file is None else SourceError(str(error), file, line)) from error


@contextmanager
def _reproducible() -> Iterator[None]:
    """Seed torch in the `with` block, so that the network's weights are the same each time. Restore the RNG state."""
    with preserve_rng_state():
        seed_everything(0)
        yield


def get_builtin_source(request: GetBuiltinSource, _call: CallContext, _cache: Cache) -> CustomModel:
    return source_of(request.model)


def get_weights(request: GetWeights, call: CallContext, _cache: Cache) -> tuple[Histogram, ...]:
    with call.interruptible(), _reproducible(), open_model(request.network, task=request.task) as (model, _):
        return weight_histograms(model)


def get_training_costs(request: GetTrainingCosts, call: CallContext, _cache: Cache) -> TrainingCosts:
    device = choose_device("auto")
    with call.interruptible():
        throughput = measure_throughput(device)
        with _reproducible(), _network_to_measure(request) as (model, inputs):
            memory = measure_training_memory(model, inputs, device)
            steps = measure_step_times(model, inputs, device, memory, throughput.free_memory)
        return TrainingCosts(memory=memory, throughput=throughput, steps=steps)


@contextmanager
def _network_to_measure(request: GetTrainingCosts) -> Iterator[tuple[nn.Module, NetworkInputs]]:
    """Build the network whose costs are measured, and yield it with its inputs."""
    if request.recipe is not None and is_fine_tuned(request.recipe):
        model = build_network(request.recipe, None, request.task)
        yield model, resolve_inputs(model, (InputSpec(shape=request.task.image_shape),))
        return
    custom = request.network if isinstance(request.network, CustomModel) else read_model(request.network)
    network = custom or request.network
    with (
        open_model(network, max_bytes=max_parameter_bytes(), task=request.task) as (model, _),
        open_inputs(request.inputs, network, model, request.task.image_shape) as inputs,
    ):
        yield model, resolve_inputs(model, inputs)


class _WrongInput(UsageError):
    """Raised if the network can't be traced because of its input."""


def _open_and_trace(network: NamedModel | CustomModel, request: GetShapes | TraceSource) -> tuple[ShapeTable, str]:
    """Build a network and trace it. Return the table and the name of the network."""
    if request.live:
        with suppress(NeedsValues), open_model(network, max_bytes=LIVE_MODEL, task=request.task) as (model, name):
            return _trace(model, network, request, name, live=True), name
    with open_model(network, max_bytes=max_parameter_bytes(), task=request.task) as (model, name):
        return _trace(model, network, request, name, live=False), name


def _trace(
    model: nn.Module, network: NamedModel | CustomModel, request: GetShapes | TraceSource, name: str, *, live: bool
) -> ShapeTable:
    def trace_edited(edited: nn.Module) -> ShapeTable:
        with open_inputs(request.inputs, network, edited, request.task.image_shape) as inputs:
            with suppress(NeedsValues):  # a fast trace rules out most edits that don't help
                table = trace(edited, inputs, live=True)
                if table.error is not None:
                    return table
            return trace(edited, inputs)

    repair = repair_of(network, trace_edited) if isinstance(network, CustomModel) and not live else None
    device = _timing_device(measure=request.measure)
    try:
        with open_inputs(request.inputs, network, model, request.task.image_shape) as inputs:
            return trace(model, inputs, name=name, measure=device, live=live, repair=repair)
    except (UsageError, InputsError) as error:
        raise _WrongInput(str(error)) from error


def trace_source(request: TraceSource, call: CallContext, _cache: Cache) -> SourceTrace:
    custom = request.network
    try:
        with _time_limit(call, request.time_limit), _reproducible():
            table, class_name = _open_and_trace(custom, request)
    except _WrongInput as error:
        return _not_traced("input", str(error))
    except SourceError as error:
        return _not_traced("source", *_in_editor(error.message, error.file, error.line, _file_of(custom)))
    except WrongArguments as error:
        return _not_traced("arguments", *_in_editor(error.message, error.file, error.line, _file_of(custom)))
    except UserError as error:
        return _not_traced("source", str(error))
    return _traced(table, class_name, _file_of(custom))


def _not_traced(cause: ErrorCause, error: str, line: int | None = None) -> SourceTrace:
    return SourceTrace(table=None, class_name=None, error=error, line=line, cause=cause)


def _traced(table: ShapeTable, class_name: str, file: str) -> SourceTrace:
    if table.error is None:
        return SourceTrace(table=table, class_name=class_name)
    error, line = _in_editor(table.error, table.error_file, table.error_line, file)
    return SourceTrace(table=table, class_name=class_name, error=error, line=line, cause="source")


def _file_of(custom: CustomModel) -> str:
    return UNSAVED if custom.file is None else custom.file


def _in_editor(error: str, error_file: str | None, line: int | None, file: str) -> tuple[str, int | None]:
    """Return an error and its line in `file`, which is open in the editor.

    If the error is in another file, the message names its line, and the returned line is None.
    """
    if line is None or error_file == file:
        return error, line
    return f"{error} (line {line} of {PurePath(error_file or '').name})", None


def _timing_device(*, measure: bool) -> torch.device | None:
    """Return the device on which to time each step of the network, or None to trace only the shapes."""
    return choose_device("auto") if measure else None
