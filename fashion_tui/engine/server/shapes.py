"""The way of the shape through a network: one of ours, of a file, or of a text that a person is editing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

import msgspec
import torch

from fashion_tui.lab.devices import choose_device
from fashion_tui.lab.networks.build import IMAGES, trainable
from fashion_tui.lab.networks.custom import UNSAVED, SourceFault, WrongArguments, network, source_network
from fashion_tui.lab.networks.model_text import text_of
from fashion_tui.lab.trace import trace
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.replies import BuiltinSource, Fault, SourceTrace
from fashion_tui.schema.requests import CheckModel, GetBuiltinSource, GetShapes, TraceSource
from fashion_tui.schema.shapes import ShapeTable

from .connection import CallContext
from .kept import Kept


def get_shapes(request: GetShapes, call: CallContext, _kept: Kept) -> ShapeTable:
    # Interruptible, since a person's code may never end.
    with call.interruptible(), network(request.model, request.arguments, device="meta") as model:
        return trace(model, request.input_size, name=request.model, measure=_device(measure=request.measure))


def get_model_text(request: GetBuiltinSource, _call: CallContext, _kept: Kept) -> BuiltinSource:
    source, class_name = text_of(request.model)
    return BuiltinSource(source=source, class_name=class_name)


def check_model(request: CheckModel, call: CallContext, _kept: Kept) -> CustomModel:
    wanted = request.network
    file = None if wanted.file is None else Path(wanted.file)
    with call.interruptible(), _told_of_the_folder():
        text, name, arguments = wanted.source, wanted.class_name, wanted.arguments
        with source_network(text, name, arguments, file=file, exact=True, alone=True, device="meta") as (model, name):
            table = trace(model, IMAGES[1:], name=name)
        if table.error is not None:  # it tells more of where shapes don't fit than the network's own failure
            raise UserError(table.error)
        trainable(wanted)
    return msgspec.structs.replace(wanted, class_name=name)


@contextmanager
def _told_of_the_folder() -> Iterator[None]:
    """Of a module that is missed, since its folder is: why it is not to be found."""
    try:
        yield
    except UserError as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise UserError(f"{error}; a run stores the network's own file, which has to stand for itself") from error
        raise


def trace_source(request: TraceSource, call: CallContext, _kept: Kept) -> SourceTrace:
    wanted = request.network
    file = None if wanted.file is None else Path(wanted.file)
    try:
        with (
            call.interruptible(),
            source_network(
                wanted.source, wanted.class_name, wanted.arguments, file=file, exact=wanted.exact, device="meta"
            ) as (model, class_name),
        ):
            try:
                table = trace(model, request.input_size, name=class_name, measure=_device(measure=request.measure))
            except UsageError as error:
                return _failed("input", str(error))
    except SourceFault as error:
        return _failed("source", error.words, error.line)
    except WrongArguments as error:
        return _failed("arguments", error.words, error.line)
    except UserError as error:
        return _failed("source", str(error))
    return _traced(table, class_name, UNSAVED if wanted.file is None else wanted.file)


def _failed(fault: Fault, error: str, line: int | None = None) -> SourceTrace:
    """There is no network to be traced."""
    return SourceTrace(table=None, class_name=None, error=error, line=line, fault=fault)


def _traced(table: ShapeTable, class_name: str, file: str) -> SourceTrace:
    if table.error is None:
        return SourceTrace(table=table, class_name=class_name)
    error, line = table.error, table.error_line
    if line is not None and table.error_file != file:
        error, line = f"{error} (line {line} of {PurePath(table.error_file or '').name})", None
    return SourceTrace(table=table, class_name=class_name, error=error, line=line, fault="source")


def _device(*, measure: bool) -> torch.device | None:
    """Where steps are timed."""
    return choose_device("auto") if measure else None
