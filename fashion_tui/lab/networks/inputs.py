"""The inputs of a network: specified by the user, created by the user's function, or the defaults."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from fashion_tui.lab.trace.forward_signature import takes_arguments
from fashion_tui.schema.dataset import FASHION_SHAPE, ImageShape
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.inputs import InputFunction, Inputs, InputSpec
from fashion_tui.schema.models import LIBRARIES, CustomModel, NamedModel, read_source

from .custom import explain_error
from .library import library_inputs
from .modules import load_modules, modules_of
from .source_files import DiskFiles


class InputsError(UserError):
    """Raised when the user's input function can't be found or raises an error."""


@contextmanager
def open_inputs(
    inputs: Inputs, network: NamedModel | CustomModel, model: nn.Module, image_shape: ImageShape = FASHION_SHAPE
) -> Iterator[tuple[InputSpec, ...] | Callable[[int], Any]]:
    """Yield the specifications of the inputs, or the function that creates them.

    `model` is the network that `open_model` has built. By default, a library's network gets the inputs that it was
    designed for, and any other network that takes an input gets an image of shape `image_shape`. Inside the `with`
    block, the function can import modules from the folder of its file. If the same file defines `model`, the file isn't
    executed again, so that the network and the function use the same classes.

    Raises InputsError if the function can't be found. The function raises InputsError if it fails.
    """
    if isinstance(inputs, InputFunction):
        with _open_module(Path(inputs.file), model) as module:
            yield _find_function(inputs, module)
    elif inputs:
        yield inputs
    elif isinstance(network, NamedModel) and network.model.startswith(LIBRARIES):
        yield library_inputs(network.model, model)
    elif takes_arguments(model):
        yield (InputSpec(shape=image_shape),)
    else:
        yield lambda _batch: ()


def _find_function(inputs: InputFunction, module: ModuleType) -> Callable[[int], Any]:
    function = getattr(module, inputs.function, None)
    if not callable(function):
        raise InputsError(f"{inputs.file} defines no function {inputs.function!r}")

    def create(batch: int) -> Any:
        try:
            return function(batch)
        except (Exception, SystemExit) as error:
            raise InputsError(str(explain_error(error, f"{inputs.function} fails: "))) from error

    return create


@contextmanager
def _open_module(file: Path, model: nn.Module) -> Iterator[ModuleType]:
    """Yield the module that defines the model if it is from this file. Otherwise, execute the file."""
    known = modules_of(model)
    if known is not None and Path(str(known.main.__file__)).resolve() == file.resolve():
        yield known.main
        return
    with ExitStack() as stack:
        try:
            modules = stack.enter_context(load_modules(DiskFiles(read_source(file), file)))
        except UserError as error:
            raise InputsError(str(error)) from error
        yield modules.main
