"""Networks of torchvision and timm: build one without downloading anything, and find its input size."""

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.inputs import InputSpec
from fashion_tui.schema.models import TIMM, TORCHVISION

from .custom import instantiate

VIDEO_FRAMES = 16
"""Number of frames in the clips that torchvision's video networks are trained on."""


def build_library_network(name: str, arguments: dict[str, Any], device: str, max_bytes: float) -> nn.Module:
    """Build the network `torchvision:NAME` or `timm:NAME` with new weights. Detectors are in evaluation mode.

    Raises UsageError if the network is unknown, if it doesn't take the arguments, or if the arguments request a
    download.
    """
    build = _build_torchvision if name.startswith(TORCHVISION) else _build_timm
    return build(name, arguments, device, max_bytes)


def library_inputs(name: str, model: nn.Module) -> tuple[InputSpec, ...]:
    """Return the inputs that a library's network was designed for."""
    if name.startswith(TORCHVISION):
        return _torchvision_inputs(name.removeprefix(TORCHVISION), model)
    size = getattr(model, "pretrained_cfg", {}).get("input_size", (3, 224, 224))
    return (InputSpec(shape=tuple(size)),)


def _build_torchvision(name: str, arguments: dict[str, Any], device: str, max_bytes: float) -> nn.Module:
    from torchvision import models  # noqa: PLC0415 - the import takes 2 s

    short_name = name.removeprefix(TORCHVISION)
    if short_name not in models.list_models():
        raise UsageError(
            f"unknown torchvision model {short_name!r}; choose from resnet18, vgg11_bn, mobilenet_v3_small, …"
        )
    make = models.get_model_builder(short_name)
    _refuse_downloads(arguments, ("weights", "weights_backbone"))
    fixed: dict[str, object] = dict.fromkeys({"weights", "weights_backbone"} & _parameters_of(make))
    if short_name in {"googlenet", "inception_v3"}:
        fixed["init_weights"] = False  # the initialisation takes 30 s
    model = instantiate(make, fixed | arguments, name, device, max_bytes)
    return model.eval() if short_name in models.list_models(models.detection) else model


def _build_timm(name: str, arguments: dict[str, Any], device: str, max_bytes: float) -> nn.Module:
    try:
        import timm  # noqa: PLC0415 - optional
    except ImportError:
        raise UserError(f"{name} requires timm, which isn't installed; run pip install timm") from None
    short_name = name.removeprefix(TIMM)
    if not timm.is_model(short_name):
        raise UsageError(f"unknown timm model {short_name!r}; timm.list_models() lists all models")
    _refuse_downloads(arguments, ("pretrained", "checkpoint_path"))
    return instantiate(timm.model_entrypoint(short_name), arguments, name, device, max_bytes)


def _refuse_downloads(arguments: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if arguments.get(name):
            raise UsageError(f"fashion-tui doesn't download pretrained weights; omit the argument {name!r}")


def _parameters_of(make: Callable[..., Any]) -> set[str]:
    return {*inspect.signature(make).parameters}


def published_weights_of(name: str) -> Any:
    """Return the description of the default weights of one of torchvision's networks that classify images.

    Nothing is downloaded. Raises UsageError if there is no such network.
    """
    from torchvision import models  # noqa: PLC0415 - the import takes 2 s

    classifiers = models.list_models(module=models)
    if name not in classifiers:
        similar = difflib.get_close_matches(name, classifiers, 3)
        hint = f"did you mean {', '.join(similar)}?" if similar else "choose from resnet18, mobilenet_v3_small, …"
        problem = "doesn't classify images" if name in models.list_models() else "isn't one of torchvision's networks"
        raise UsageError(f"{TORCHVISION}{name} can't be trained: it {problem}; {hint}")
    return models.get_model_weights(name).DEFAULT


def _torchvision_inputs(name: str, model: nn.Module) -> tuple[InputSpec, ...]:
    from torchvision import models  # noqa: PLC0415 - the import takes 2 s

    weights = models.get_model_weights(name).DEFAULT  # describes the weights, without downloading them
    transform = getattr(weights.transforms, "keywords", {})
    least = max(weights.meta.get("min_size", (1, 1)))
    resized = getattr(getattr(model, "transform", None), "min_size", (1,))  # detectors have a `transform`
    size = transform.get("crop_size") or transform.get("resize_size") or max(least, *resized)
    height, width = (size, size) if isinstance(size, int) else size
    if isinstance(getattr(model, "image_size", None), int):  # some weights are for larger images than the default
        height = width = model.image_size
    if name in models.list_models(models.video):
        return (InputSpec(shape=(3, VIDEO_FRAMES, height, width)),)
    image = InputSpec(shape=(3, height, width))
    return (image, image) if name in models.list_models(models.optical_flow) else (image,)
