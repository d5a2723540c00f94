"""The handler that checks whether a custom model can be trained, before a run is created for it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from fashion_tui.lab.networks.build import build_trainable, open_model
from fashion_tui.lab.networks.custom import UNSAVED
from fashion_tui.lab.networks.imports import with_modules
from fashion_tui.lab.networks.source_files import DiskFiles, first_name, folder_of_import
from fashion_tui.lab.rng import preserve_rng_state, seed_everything
from fashion_tui.lab.trace import max_parameter_bytes, trace
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.models import CustomModel, LocalModules
from fashion_tui.schema.requests import CheckModel

from .cache import Cache
from .connection import CallContext


def check_model(request: CheckModel, call: CallContext, _cache: Cache) -> CustomModel:
    """Train the model for one step. Return it with its class name and the modules that it imports filled in.

    The model is executed like a run's stored copy: it can't read data files by a path relative to its own file or to
    the working directory.
    """
    custom = with_modules(request.network)
    exact = msgspec.structs.replace(custom, exact=True)
    with call.interruptible(), _outside_its_folder(exact) as stored:
        with preserve_rng_state():
            seed_everything(0)
            with open_model(stored, max_bytes=max_parameter_bytes(), task=request.task) as (model, name):
                table = trace(model, request.task.image_shape, name=name)
        if table.error is not None:  # the trace explains mismatched shapes better than torch's error message does
            raise UserError(table.error)
        build_trainable(stored, request.task)
    return msgspec.structs.replace(custom, class_name=name)


@contextmanager
def _outside_its_folder(custom: CustomModel) -> Iterator[CustomModel]:
    """Change to an empty folder, and yield the model as if stored there. Error messages show the original paths."""
    modules = custom.modules or LocalModules()
    with tempfile.TemporaryDirectory() as folder, _working_directory(folder):
        file = f"{folder}/{modules.main}"
        stored = msgspec.structs.replace(
            custom,
            file=None if custom.file is None else file,
            modules=msgspec.structs.replace(modules, folder=folder),
        )
        try:
            yield stored
        except UserError as error:
            message = str(error).replace(file, custom.file or UNSAVED)
            message = message.replace(f"{folder}/", f"{modules.folder}/" if modules.folder else "")
            kind = UsageError if isinstance(error, UsageError) else UserError
            raise kind(message + _hint(error, custom)) from error


@contextmanager
def _working_directory(folder: str) -> Iterator[None]:
    """Change the working directory in the `with` block."""
    before = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # a deleted folder has no path
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(before)
        os.close(before)


def _hint(error: UserError, custom: CustomModel) -> str:
    """Return a hint if the error is caused by something that a run doesn't store, or an empty string."""
    if "FileNotFoundError" in str(error):
        return "; a run stores the Python modules that a model imports from its folder, but no data files"
    cause = error.__cause__
    if isinstance(cause, ModuleNotFoundError) and cause.name and custom.file is not None:
        files = DiskFiles(custom.source, Path(custom.file))
        if folder_of_import(files, first_name(cause.name)) is not None:
            return "; a run stores only the modules that import statements name"
    return ""
