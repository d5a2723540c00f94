"""Handlers of requests about untrained networks: built-in ones, files, and source that the user is editing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

import msgspec
import torch

from fashion_tui.lab.devices import choose_device
from fashion_tui.lab.evaluation.histograms import weight_histograms
from fashion_tui.lab.networks.build import IMAGES, trainable
from fashion_tui.lab.networks.custom import UNSAVED, SourceFault, WrongArguments, network, source_network
from fashion_tui.lab.networks.model_text import text_of
from fashion_tui.lab.rng import preserve_rng_state, seed_everything
from fashion_tui.lab.trace import trace
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.models import CustomModel, NamedModel
from fashion_tui.schema.replies import BuiltinSource, ErrorCause, SourceTrace
from fashion_tui.schema.requests import CheckModel, GetBuiltinSource, GetShapes, GetWeights, TraceSource
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.schema.weights import Histogram

from .cache import Cache
from .connection import CallContext


def get_shapes(request: GetShapes, call: CallContext, _cache: Cache) -> ShapeTable:
    with call.interruptible(), network(request.model, request.arguments, device="meta") as model:
        return trace(model, request.input_size, name=request.model, measure=_timed_on(measure=request.measure))


def get_builtin_source(request: GetBuiltinSource, _call: CallContext, _cache: Cache) -> BuiltinSource:
    source, class_name = text_of(request.model)
    return BuiltinSource(source=source, class_name=class_name)


def get_weights(request: GetWeights, call: CallContext, _cache: Cache) -> tuple[Histogram, ...]:
    custom = request.network
    with preserve_rng_state(), call.interruptible():
        seed_everything(0)
        if isinstance(custom, NamedModel):
            with network(custom.model, custom.arguments) as model:
                return weight_histograms(model)
        with source_network(custom.source, custom.class_name, custom.arguments, file=_file(custom)) as (model, _):
            return weight_histograms(model)


def check_model(request: CheckModel, call: CallContext, _cache: Cache) -> CustomModel:
    custom = request.network
    source, class_name, arguments = custom.source, custom.class_name, custom.arguments
    with call.interruptible(), _explain_missing_modules():
        with source_network(
            source, class_name, arguments, file=_file(custom), exact=True, alone=True, device="meta"
        ) as (model, name):
            table = trace(model, IMAGES[1:], name=name)
        if table.error is not None:  # explains mismatched shapes better than the network's own error
            raise UserError(table.error)
        trainable(custom)
    return msgspec.structs.replace(custom, class_name=name)


@contextmanager
def _explain_missing_modules() -> Iterator[None]:
    """Explain a ModuleNotFoundError: a run stores only the model's own file."""
    try:
        yield
    except UserError as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise UserError(
                f"{error}; a run stores only the model's own file, which can't import other files of its folder"
            ) from error
        raise


def trace_source(request: TraceSource, call: CallContext, _cache: Cache) -> SourceTrace:
    custom = request.network
    try:
        with (
            call.interruptible(),
            source_network(
                custom.source,
                custom.class_name,
                custom.arguments,
                file=_file(custom),
                exact=custom.exact,
                device="meta",
            ) as (model, class_name),
        ):
            try:
                table = trace(model, request.input_size, name=class_name, measure=_timed_on(measure=request.measure))
            except UsageError as error:
                return _not_traced("input", str(error))
    except SourceFault as error:
        return _not_traced("source", error.words, error.line)
    except WrongArguments as error:
        return _not_traced("arguments", error.words, error.line)
    except UserError as error:
        return _not_traced("source", str(error))
    return _traced(table, class_name, UNSAVED if custom.file is None else custom.file)


def _not_traced(fault: ErrorCause, error: str, line: int | None = None) -> SourceTrace:
    return SourceTrace(table=None, class_name=None, error=error, line=line, cause=fault)


def _traced(table: ShapeTable, class_name: str, file: str) -> SourceTrace:
    if table.error is None:
        return SourceTrace(table=table, class_name=class_name)
    error, line = table.error, table.error_line
    if line is not None and table.error_file != file:
        error, line = f"{error} (line {line} of {PurePath(table.error_file or '').name})", None
    return SourceTrace(table=table, class_name=class_name, error=error, line=line, cause="source")


def _file(custom: CustomModel) -> Path | None:
    return None if custom.file is None else Path(custom.file)


def _timed_on(*, measure: bool) -> torch.device | None:
    """Return the device on which to time the steps, or None to trace shapes only."""
    return choose_device("auto") if measure else None
