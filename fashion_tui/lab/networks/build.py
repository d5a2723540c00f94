"""Build a network by name, from the user's source, or for a recipe.

Building a custom model executes its code. Errors in this code are raised as UserError, with a one-line message that
names the failing line.
"""

import copy
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from fashion_tui.lab.rng import preserve_rng_state
from fashion_tui.schema.dataset import FASHION_TASK, ImageTask
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import LIBRARIES, CustomModel, NamedModel, parse_model_name
from fashion_tui.schema.recipe import Recipe, is_fine_tuned

from . import builtin
from .custom import choose_network, explain_error, instantiate
from .extra_state import ExtraState
from .fine_tuning import build_fine_tuned
from .forward import check_logits, explained
from .library import build_library_network
from .modules import load_modules
from .source_files import files_of

TRIAL_IMAGES = 2
"""Batch size for trying out a network. It must be greater than 1 for batch normalisation."""


def build_network(recipe: Recipe, custom: CustomModel | None, task: ImageTask = FASHION_TASK) -> nn.Module:
    """Build the network to train for a task, in channels-last layout.

    If `custom` is given, it replaces the recipe's network.

    The weights are drawn from torch's global generator. Raises UserError if the custom model can't be trained.
    """
    if custom is None:
        return build_fine_tuned(recipe, task) if is_fine_tuned(recipe) else builtin.build(recipe.model, task)
    return build_trainable(custom, task).network


@dataclass(frozen=True, slots=True)
class TrainableModel:
    """A custom model that has passed a trial in training and evaluation mode."""

    network: nn.Module
    name: str
    """Name of the model's class."""
    unsavable: tuple[str, ...]
    """Names of values that change during training but can't be saved."""


def build_trainable(custom: CustomModel, task: ImageTask = FASHION_TASK) -> TrainableModel:
    """Build a custom model for training.

    First, another instance is tried out. The source is executed once for each instance, with the same random numbers,
    so the trial doesn't affect the model.

    Raises UserError if the network has no trainable weights, or if it doesn't map images `[N, C, H, W]` to logits
    `[N, classes]` in both training and evaluation mode.
    """
    custom = msgspec.structs.replace(custom, exact=True)
    with preserve_rng_state():
        unsavable = _try_out(custom, task)
    with open_model(custom, task=task) as (model, name):
        if any(is_lazy(parameter) for parameter in model.parameters()):
            with torch.no_grad():  # the first forward pass initialises lazy modules
                _run(model.eval(), name, task)
    tensors = (*model.parameters(), *model.buffers())
    if all(tensor.dim() != 5 for tensor in tensors):  # torch.channels_last doesn't support 5-d tensors
        model = model.to(memory_format=torch.channels_last)
    return TrainableModel(model.train(), name, unsavable)


def can_train_on_one_image(custom: CustomModel, task: ImageTask = FASHION_TASK) -> bool:
    """Return whether a custom model can be trained on a batch of one image.

    Batch normalisation may need more images.
    """
    custom = msgspec.structs.replace(custom, exact=True)
    with preserve_rng_state(), open_model(custom, task=task) as (trial, name):
        try:
            _run(trial.train(), name, task, count=1)
        except UserError:
            return False
    return True


def move_network(model: nn.Module, device: torch.device) -> nn.Module:
    """Move a network to a device, in a layout that works on the device.

    On Apple GPUs, batch normalisation computes wrong gradients for the channels-last layout (PyTorch issues 175189 and
    188371), so the contiguous layout is used.
    """
    model = model.to(device)
    return model.to(memory_format=torch.contiguous_format) if device.type == "mps" else model


def load_model(name: str, arguments: Mapping[str, Any] | None = None, *, device: str = "cpu") -> nn.Module:
    """Build a network by name, like `open_model`, and return it."""
    with open_model(NamedModel(model=name, arguments=dict(arguments or {})), device=device) as (model, _):
        return model


@contextmanager
def open_model(
    network: NamedModel | CustomModel,
    *,
    device: str = "cpu",
    max_bytes: float = math.inf,
    task: ImageTask = FASHION_TASK,
) -> Iterator[tuple[nn.Module, str]]:
    """Build a network with new weights, and yield the network and its name.

    The name of a custom model is its class name. A class whose constructor has parameters named `image_shape` or
    `classes` gets the values of the task, unless the user has given others. The built-in networks have both parameters.

    The code of a custom model can import the modules in `CustomModel.modules` or, if this is None, those in the folder
    of its file. The files are read again on each call. `modules.modules_of` returns the modules of the network.

    On the `meta` device, the weights have shapes but no values, so even a large network is built immediately. If the
    constructor needs values, the weights are on the CPU instead. If the weights would take more than `max_bytes`, they
    are on the `meta` device instead.

    Raises UsageError if the network is unknown or doesn't take the arguments, and UserError if the file can't be read
    or the user's code fails.
    """
    if isinstance(network, NamedModel):
        custom = read_model(network)
        if custom is None:
            yield _build_named(network.model, network.arguments, device, max_bytes, task), network.model
            return
        network = custom
    with load_modules(files_of(network)) as modules:
        main = modules.main
        name = choose_network(main, network.class_name, exact=network.exact)
        cls = getattr(main, name)
        arguments = _task_arguments(cls, task) | copy.deepcopy(network.arguments)
        model = instantiate(cls, arguments, name, device, max_bytes)
        modules.network = model
        yield model, name


def read_model(network: NamedModel) -> CustomModel | None:
    """Read the file if the name is `file.py:Class`, and return the custom model. Return None for any other name.

    Raises UsageError if the name is invalid, and UserError if the file can't be read.
    """
    name = parse_model_name(network.model)
    return None if isinstance(name, str) else name.read(network.arguments)


def _build_named(name: str, arguments: dict[str, Any], device: str, max_bytes: float, task: ImageTask) -> nn.Module:
    if name.startswith(LIBRARIES):
        return build_library_network(name, arguments, device, max_bytes)
    cls, defaults = builtin.BUILTINS[name]
    return instantiate(cls, _task_arguments(cls, task) | defaults | arguments, name, device, max_bytes)


def _task_arguments(cls: Callable[..., object], task: ImageTask) -> dict[str, Any]:
    """Return the arguments that describe the task and for which the constructor has parameters."""
    try:
        parameters = inspect.signature(cls).parameters
    except (TypeError, ValueError):  # the signature of some classes is unknown
        return {}
    values = {"image_shape": task.image_shape, "classes": task.classes}
    return {name: value for name, value in values.items() if name in parameters}


def _try_out(custom: CustomModel, task: ImageTask) -> tuple[str, ...]:
    """Run a new instance on black images: forward in evaluation mode, then forward and backward in training mode.

    Return the names of values that have changed but can't be saved.
    """
    with open_model(custom, task=task) as (model, name):
        extra_state = ExtraState(model)
        with torch.no_grad():
            _run(model.eval(), name, task)
        logits = _run(model.train(), name, task)
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise UserError(f"{name} has no trainable weights")
        try:
            F.cross_entropy(logits.float(), torch.arange(TRIAL_IMAGES) % task.classes).backward()
        except (Exception, SystemExit) as error:
            raise explain_error(error, f"{name} fails in the backward pass: ") from error
        return extra_state.unsavable(extra_state.capture())


def _run(model: nn.Module, name: str, task: ImageTask, count: int = TRIAL_IMAGES) -> Tensor:
    """Return the logits of black images, float `[count, classes]`. Raises UserError for any other output."""
    images = torch.zeros(count, *task.image_shape)
    with explained(model, images, name):
        output = model(images)
    return check_logits(output, images, task.classes, model, name)
