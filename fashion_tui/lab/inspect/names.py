"""Which tensors and arrays a namespace leads to, and by which names."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

Kind = Literal["tensor", "parameter", "buffer", "array"]
Values = Tensor | np.ndarray[Any, Any]
Found = tuple[str, Kind, Values]

MOST_INSIDE = 32
"""Tensors of one container that are named."""


def tensors_of(namespace: Mapping[str, object], hidden: Callable[[str, object], bool]) -> Iterator[Found]:
    """Tensors and arrays in the order of their names, then those in lists, tuples and dicts, then those of modules.

    A tensor that several names lead to comes once for each. What `hidden` says yes to is left out, and so is what has
    a name that is no text.
    """
    items = dict(namespace).items()
    seen = [(_shown(name), value) for name, value in items if type(name) is str and not hidden(name, value)]
    for name, value in seen:
        if (kind := _kind(value)) is not None:
            yield name, kind, value  # type: ignore[misc]
    for name, value in seen:
        if type(value) in {list, tuple, dict}:
            yield from _inside(name, value)
    for name, value in seen:
        if _is_a(value, nn.Module):
            yield from _of_module(name, value)


def _shown(name: str) -> str:
    """The name as it can be sent: halves of characters are written out."""
    return name.encode(errors="backslashreplace").decode()


def plain(values: Values) -> Values:
    """The same memory as a plain tensor or array: of a subclass no method is called any more."""
    if not isinstance(values, Tensor):
        return np.ndarray.view(values, np.ndarray)
    detached = Tensor.detach(values)
    return detached if type(detached) is Tensor else Tensor.as_subclass(detached, Tensor)


def attribute(tensor: Tensor, name: str) -> Any:
    """As torch itself gives it, whatever a person's subclass has by that name."""
    return getattr(Tensor, name).__get__(tensor)


def _inside(name: str, container: Any) -> Iterator[Found]:
    items = list(container.items() if type(container) is dict else enumerate(container))[:MOST_INSIDE]
    for key, value in items:
        if type(key) in {int, str} and (kind := _kind(value)) is not None:
            yield f"{name}[{key!r}]", kind, value


def _of_module(name: str, module: Any) -> Iterator[Found]:
    # By the class of torch: a person's class may define these methods otherwise.
    kinds: tuple[tuple[Kind, Any], ...] = (
        ("parameter", nn.Module.named_parameters),
        ("buffer", nn.Module.named_buffers),
    )
    for kind, named in kinds:
        for path, tensor in named(module):
            yield f"{name}.{path}", kind, tensor


def _kind(value: object) -> Kind | None:
    if _is_a(value, nn.Parameter):
        return "parameter"
    if _is_a(value, torch.Tensor):
        return "tensor"
    return "array" if _is_a(value, np.ndarray) else None


def _is_a(value: object, kind: type) -> bool:
    """As isinstance, which would ask a person's object for its class."""
    return issubclass(type(value), kind)
