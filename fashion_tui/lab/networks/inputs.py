"""The inputs of a network: specified by the user, created by the user's function, or the defaults."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from fashion_tui.lab.trace.forward_signature import takes_arguments
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.inputs import InputFunction, Inputs, InputSpec
from fashion_tui.schema.models import LIBRARIES, CustomModel, ModelFile, NamedModel, parse_model_name

from .build import IMAGE_SHAPE
from .custom import MODULE_NAME, explain_error, importable, run_source
from .library import library_inputs

INPUTS_MODULE_NAME = "fashion_tui_inputs"
"""Name under which a file that defines an input function is imported."""


class InputsError(UserError):
    """Raised when the user's input function can't be found or raises an error."""


@contextmanager
def open_inputs(
    inputs: Inputs, network: NamedModel | CustomModel, model: nn.Module
) -> Iterator[tuple[InputSpec, ...] | Callable[[int], Any]]:
    """Yield the specifications of the inputs, or the function that creates them.

    `model` is the network that `open_model` built last. By default, a library's network gets the inputs that it was
    designed for, and any other network that takes an input gets an image of the data set. Inside the `with` block, the
    function can import modules from the folder of its file. If the same file defines `model`, the file isn't executed
    again, so that the network and the function use the same classes.

    Raises InputsError if the function can't be found. The function raises InputsError if it fails.
    """
    is_custom = isinstance(network, CustomModel) or isinstance(parse_model_name(network.model), ModelFile)
    if isinstance(inputs, InputFunction):
        with importable(Path(inputs.file).resolve().parent):
            yield _find_function(inputs, is_custom=is_custom)
    elif inputs:
        yield inputs
    elif isinstance(network, NamedModel) and network.model.startswith(LIBRARIES):
        yield library_inputs(network.model, model)
    elif takes_arguments(model):
        yield (InputSpec(shape=IMAGE_SHAPE),)
    else:
        yield lambda _batch: ()


def _find_function(inputs: InputFunction, *, is_custom: bool) -> Callable[[int], Any]:
    module = (_module_of_model(Path(inputs.file)) if is_custom else None) or _execute(Path(inputs.file))
    function = getattr(module, inputs.function, None)
    if not callable(function):
        raise InputsError(f"{inputs.file} defines no function {inputs.function!r}")

    def create(batch: int) -> Any:
        try:
            return function(batch)
        except (Exception, SystemExit) as error:
            raise InputsError(str(explain_error(error, module.__file__, f"{inputs.function} fails: "))) from error

    return create


def _module_of_model(file: Path) -> ModuleType | None:
    """Return the module of the custom model that was built last, or None if it isn't from this file."""
    module = sys.modules[MODULE_NAME]
    return module if Path(str(module.__file__)).resolve() == file.resolve() else None


def _execute(file: Path) -> ModuleType:
    try:
        source = ModelFile(path=file, class_name=None).read({}).source
        return run_source(source, str(file), INPUTS_MODULE_NAME)
    except UserError as error:
        raise InputsError(str(error)) from error
