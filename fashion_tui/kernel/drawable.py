"""Convert the values that `show` accepts (tensors, arrays, images, figures and lists) to a tensor with labels."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from fashion_tui.schema.plots import MAX_IMAGES, MAX_SIDE, Plot

from .image_dataset import ImageDataset
from .plots import CannotDraw, describe, plot_of

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Drawable:
    """A tensor to draw, with its description and labels."""

    tensor: Tensor
    description: str
    """Type and shape of the original value, such as `float32 [1, 28, 28]`."""
    labels: tuple[str, ...] = ()


def plot_for(value: object, labels: object, classes: Sequence[str]) -> Plot:
    """Return the plot of a value. Raises CannotDraw, with a one-line message, if the value can't be drawn.

    `labels` are names or class indices, one per image or value. Class indices are replaced with the names in `classes`.
    A single label is put at the beginning of the caption.
    """
    drawable = as_drawable(value, classes)
    names = drawable.labels if labels is None else _label_names(labels, classes)
    if len(names) == 1 and drawable.tensor.dim() != 1:
        return plot_of(drawable.tensor, f"{names[0]} · {drawable.description}")
    return plot_of(drawable.tensor, drawable.description, names)


def as_drawable(value: object, classes: Sequence[str]) -> Drawable:
    """Convert a value to a tensor with labels. Raises CannotDraw if the value contains no numbers."""
    if isinstance(value, Tensor):
        if value.is_nested:
            raise CannotDraw("a nested tensor has no single shape; show one of its parts, such as t.unbind()[0]")
        return Drawable(value, describe(value))
    if isinstance(value, ImageDataset):
        return Drawable(value.pixels, value.name, _label_names(value.labels[:MAX_IMAGES], value.classes))
    if is_figure(value):
        value = _render(value)
    if is_pil_image(value):
        return _from_pil_image(value)
    if _is_labelled(value):
        image = as_drawable(value[0], classes)
        return Drawable(image.tensor, image.description, _label_names(value[1], classes))
    if isinstance(value, (tuple, list)) and any(_is_image(part) or _is_labelled(part) for part in value):
        return _from_sequence(value, classes)
    if isinstance(value, nn.Module):
        raise CannotDraw(f"can't draw a {type(value).__name__}; {_advice_for(value)}")
    return _from_array(value)


def is_pil_image(value: object) -> "TypeGuard[Image.Image]":
    """Return whether a value is a PIL image.

    This never imports PIL. If PIL hasn't been imported yet, the value can't be a PIL image.
    """
    return isinstance(value, _imported_class("PIL.Image", "Image"))


def is_figure(value: object) -> bool:
    """Return whether a value is a matplotlib figure, without importing matplotlib."""
    return isinstance(value, _imported_class("matplotlib.figure", "Figure"))


def _imported_class(module: str, name: str) -> Any:
    """Return a class for `isinstance`, or an empty tuple if the class hasn't been imported yet."""
    return getattr(sys.modules.get(module), name, ())


def _render(figure: Any) -> "Image.Image":
    """Render a matplotlib figure as an image without margins."""
    from PIL import Image  # noqa: PLC0415 -- only figures need it

    png = BytesIO()
    figure.savefig(png, format="png", bbox_inches="tight")
    return Image.open(png)


def _from_pil_image(image: "Image.Image") -> Drawable:
    """Convert an image to uint8 [1, H, W] or [H, W, 3], where H and W are at most MAX_SIDE.

    Transparent pixels become black. Images with more than 256 grey levels keep their values and their size.
    """
    description = f"{image.mode} image, {image.width}×{image.height}"
    if image.mode in {"I", "F"} or image.mode.startswith("I;"):  # more than 256 grey levels
        return Drawable(_tensor(np.asarray(image))[None], description)
    small = image.convert("L" if image.mode in {"1", "L"} else "RGBA")
    small.thumbnail((MAX_SIDE, MAX_SIDE))
    if small.size != image.size:
        description += f" drawn as {small.width}×{small.height}"
    pixels = np.asarray(small)
    if small.mode == "L":
        return Drawable(_tensor(pixels)[None], description)
    on_black = pixels[..., :3] * (pixels[..., 3:] / 255)
    return Drawable(_tensor(on_black.round().astype(np.uint8)), description)


def _from_sequence(values: Sequence[object], classes: Sequence[str]) -> Drawable:
    """Stack tensors of the same shape, or images with their labels, into a batch."""
    parts = [as_drawable(value, classes) for value in values[:MAX_IMAGES]]
    if len({(tuple(part.tensor.shape), part.tensor.dtype) for part in parts}) > 1:
        descriptions = ", ".join(dict.fromkeys(part.description for part in parts[:4]))
        raise CannotDraw(f"the values differ in shape or dtype ({descriptions}, …); show one of them")
    labels = tuple(label for part in parts for label in part.labels)
    tensors = torch.stack([part.tensor for part in parts])
    return Drawable(tensors, f"{len(values):,} × {parts[0].description}", labels)


def _from_array(value: object) -> Drawable:
    """Convert a NumPy array, or a value that NumPy can convert to an array."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        array = np.asarray(None)
    if array.dtype.kind not in "biufc":
        raise CannotDraw(f"can't draw a {type(value).__name__}; show takes tensors, arrays and images")
    return Drawable(_tensor(array), f"{array.dtype} {list(array.shape)}")


def _tensor(array: "np.ndarray[Any, Any]") -> Tensor:
    """Convert an array to a tensor. Read-only arrays, and arrays that torch can't use directly, are copied."""
    try:
        return torch.from_numpy(array if array.flags.writeable else array.copy())
    except (TypeError, ValueError):
        return torch.from_numpy(array.astype(np.complex128 if array.dtype.kind == "c" else np.float64))


def _is_labelled(value: object) -> TypeGuard[Sequence[object]]:
    """Return whether a value is an (image, label) or (batch, labels) pair. Labels are names or class indices."""
    if not isinstance(value, (tuple, list)) or len(value) != 2 or not _is_image(value[0]):
        return False
    image, label = value
    if isinstance(label, Tensor):
        return label.dim() <= 1 and label.dtype is torch.int64 and not (isinstance(image, Tensor) and image.dim() <= 1)
    return isinstance(label, (str, int))


def _is_image(value: object) -> bool:
    """Return whether a value has a type that can hold an image."""
    return isinstance(value, (Tensor, np.ndarray)) or is_pil_image(value)


def _label_names(labels: object, classes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the labels. `labels` may also be a single label."""
    if isinstance(labels, (Tensor, np.ndarray)):
        labels = labels.tolist()
    if isinstance(labels, Iterable) and not isinstance(labels, str):
        return tuple(_label_name(label, classes) for label in labels)
    return (_label_name(labels, classes),)


def _label_name(label: object, classes: Sequence[str]) -> str:
    index = label.item() if isinstance(label, Tensor) else label
    if isinstance(index, int) and 0 <= index < len(classes):
        return classes[index]
    return str(index)


def _advice_for(module: nn.Module) -> str:
    names = [name for name, _ in module.named_parameters()]
    return f"show one of its parameters, such as {names[0]}" if names else "it has no parameters"
