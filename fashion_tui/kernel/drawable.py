"""What a person may hand to `show`: a tensor, an array, an image of PIL, with a label or without, or several."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from fashion_tui.schema.plots import MAX_IMAGES, MAX_SIDE, Plot

from .image_dataset import ImageDataset
from .plots import CannotDraw, describe, plot_of


@dataclass(frozen=True)
class Drawable:
    """A tensor to draw, and what is said of it."""

    tensor: Tensor
    name: str
    """Kind and shape of what the person gave: `float32 [1, 28, 28]`."""
    labels: tuple[str, ...] = ()


def plot_for(value: object, labels: object, classes: Sequence[str]) -> tuple[Plot, str]:
    """The figure of a value and, for where figures can't be shown, a line in its place. CannotDraw in one line.

    `labels` are names or numbers, one for each picture or value; numbers stand for the names in `classes`. A single one
    begins the caption.
    """
    found = drawable(value, classes)
    given = found.labels if labels is None else tuple(_label(label, classes) for label in _listed(labels))
    single = len(given) == 1 and found.tensor.dim() != 1
    name = f"{given[0]} · {found.name}" if single else found.name
    figure = plot_of(found.tensor, name, () if single else given)
    return figure, figure.caption


def drawable(value: object, classes: Sequence[str]) -> Drawable:
    """What is to be drawn of a value. CannotDraw where that is nothing."""
    if isinstance(value, Tensor):
        if value.is_nested:
            raise CannotDraw("a nested tensor has no one shape: show its parts, such as t.unbind()[0]")
        return Drawable(value, describe(value))
    if isinstance(value, ImageDataset):
        return Drawable(value.pixels, value.name, _labels(value.labels[:MAX_IMAGES], value.classes))
    if is_pil_image(value):
        return _pil_image(value)
    if _is_labelled(value):
        image = drawable(value[0], classes)
        return Drawable(image.tensor, image.name, _labels(value[1], classes))
    if isinstance(value, (tuple, list)) and any(_is_image(part) or _is_labelled(part) for part in value):
        return _several(value, classes)
    if isinstance(value, nn.Module):
        raise CannotDraw(f"a {type(value).__name__} is no tensor; show one of its parameters: {_parameters(value)}")
    return _array(value)


def is_pil_image(value: object) -> bool:
    """Without importing PIL, which a person who has such an image has done."""
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(value, pil.Image)


def _pil_image(image: Any) -> Drawable:
    """uint8 [1, H, W] or [H, W, 3], no larger than can be drawn; what is transparent is black."""
    name = f"{image.mode} image, {image.width}×{image.height}"
    if image.mode in {"I", "F"} or image.mode.startswith("I;"):  # more shades than a byte holds
        return Drawable(_tensor(np.asarray(image))[None], name)
    small = image.convert("L" if image.mode in {"1", "L"} else "RGBA")
    small.thumbnail((MAX_SIDE, MAX_SIDE))
    if small.size != image.size:
        name += f" drawn as {small.width}×{small.height}"
    pixels = np.asarray(small)
    if small.mode == "L":
        return Drawable(_tensor(pixels)[None], name)
    covered = pixels[..., :3] * (pixels[..., 3:] / 255)
    return Drawable(_tensor(covered.round().astype(np.uint8)), name)


def _several(values: Sequence[object], classes: Sequence[str]) -> Drawable:
    """Tensors of one shape, or images with their labels, as a batch."""
    found = [drawable(value, classes) for value in values[:MAX_IMAGES]]
    shapes = {(tuple(part.tensor.shape), part.tensor.dtype) for part in found}
    if len(shapes) > 1:
        names = ", ".join(dict.fromkeys(part.name for part in found[:4]))
        raise CannotDraw(f"these have no shape in common: {names} …; show one of them")
    labels = tuple(label for part in found for label in part.labels)
    return Drawable(torch.stack([part.tensor for part in found]), f"{len(values):,} × {found[0].name}", labels)


def _array(value: object) -> Drawable:
    """Of numpy, or what numpy makes an array of."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        array = np.asarray(None)
    if array.dtype.kind not in "biufc":
        raise CannotDraw(f"a {type(value).__name__} holds no numbers that can be drawn: show takes tensors and images")
    return Drawable(_tensor(array), f"{array.dtype} {list(array.shape)}")


def _tensor(array: "np.ndarray[Any, Any]") -> Tensor:
    """A copy where torch knows no such memory: read-only, turned round, or of a kind of its own."""
    try:
        return torch.from_numpy(array if array.flags.writeable else array.copy())
    except (TypeError, ValueError):
        return torch.from_numpy(array.astype(np.complex128 if array.dtype.kind == "c" else np.float64))


def _is_labelled(value: object) -> TypeGuard[Sequence[object]]:
    """Whether it is a picture, or a batch, with what that shows: a name or a whole number, one for each."""
    if not isinstance(value, (tuple, list)) or len(value) != 2 or not _is_image(value[0]):
        return False
    image, label = value
    if isinstance(label, Tensor):
        return label.dim() <= 1 and label.dtype is torch.int64 and not (isinstance(image, Tensor) and image.dim() <= 1)
    return isinstance(label, (str, int))


def _is_image(value: object) -> bool:
    """Whether it may be one by its kind."""
    return isinstance(value, (Tensor, np.ndarray)) or is_pil_image(value)


def _labels(value: object, classes: Sequence[str]) -> tuple[str, ...]:
    return tuple(_label(label, classes) for label in _listed(value))


def _listed(value: object) -> Sequence[object]:
    if isinstance(value, (Tensor, np.ndarray)):
        value = value.tolist()
    return [*value] if isinstance(value, Iterable) and not isinstance(value, str) else [value]


def _label(label: object, classes: Sequence[str]) -> str:
    number = label.item() if isinstance(label, Tensor) else label
    if isinstance(number, int) and 0 <= number < len(classes):
        return classes[number]
    return str(number)


def _parameters(module: nn.Module) -> str:
    names = [name for name, _ in module.named_parameters()]
    return f"{names[0]} …" if names else "it has none"
