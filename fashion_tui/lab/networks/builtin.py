"""Build the built-in networks by name, and read their source for the model editor."""

import inspect
from pathlib import Path

import torch
from torch import nn

from fashion_tui.schema.dataset import FASHION_TASK, ImageTask
from fashion_tui.schema.models import CustomModel, check_image_size, unknown_model

from .guide import GuideNet
from .quick import QuickNet
from .strong import StrongNet

BUILTINS: dict[str, tuple[type[nn.Module], dict[str, object]]] = {
    "guide": (GuideNet, {}),
    "quick": (QuickNet, {}),
    "strong": (StrongNet, {}),
    "wide": (StrongNet, {"channels": 32}),
    "wider": (StrongNet, {"channels": 64}),
}
"""Class and keyword arguments of each network, keyed by its name in `schema.models.MODELS`."""


def build(name: str, task: ImageTask = FASHION_TASK) -> nn.Module:
    """Build a network for a task, with new weights that are drawn from torch's global generator.

    The weights are in channels-last layout, in which convolutions are fastest. Raises UsageError if the name is unknown
    or the images are too small.
    """
    cls, arguments = _builtin(name)
    check_image_size(name, task)
    network = cls(**arguments, image_shape=task.image_shape, classes=task.classes)
    return network.to(memory_format=torch.channels_last)


def source_of(name: str) -> CustomModel:
    """Return the self-contained source file of a network. Raises UsageError for an unknown name."""
    cls, arguments = _builtin(name)
    source = Path(inspect.getfile(cls)).read_text(encoding="utf-8")
    return CustomModel(source=source, class_name=cls.__name__, arguments=arguments)


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def first_non_finite(model: nn.Module) -> str | None:
    """Return the name of the first weight or buffer that contains NaN or infinity, or None if all values are finite."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            return name
    return None


def _builtin(name: str) -> tuple[type[nn.Module], dict[str, object]]:
    if name not in BUILTINS:
        raise unknown_model(name)
    return BUILTINS[name]
