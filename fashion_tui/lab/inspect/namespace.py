"""Find the tensors and arrays in a namespace, and the names that refer to them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

TensorOrArray = Tensor | np.ndarray[Any, Any]
Kind = Literal["tensor", "parameter", "buffer", "array"]
Predicate = Callable[[str, object], bool]
"""Called with the name and the value of a variable; returns True to hide the variable."""

MAX_ITEMS = 32
"""Maximum number of items to search in a list, tuple or dict."""


class NamedTensor(NamedTuple):
    """A tensor or array, and the Python expression that refers to it, such as `x`, `batch[0]` or `net.conv1.weight`."""

    name: str
    kind: Kind
    tensor: TensorOrArray


def find_tensors(namespace: Mapping[str, object], is_hidden: Predicate) -> Iterator[NamedTensor]:
    """Yield the tensors and arrays of a namespace.

    Variables come first, then the items of lists, tuples and dicts, then the tensors of modules. A tensor with several
    names is yielded once for each name. Names that aren't strings, and names for which `is_hidden` returns True, are
    skipped.
    """
    items = dict(namespace).items()
    visible = [(_encodable(name), value) for name, value in items if type(name) is str and not is_hidden(name, value)]
    for name, value in visible:
        if (kind := _kind(value)) is not None:
            yield NamedTensor(name, kind, value)  # type: ignore[arg-type]
    for name, value in visible:
        if type(value) in {list, tuple, dict}:
            yield from _in_container(name, value)
    for name, value in visible:
        if _has_type(value, nn.Module):
            yield from _in_module(name, value)


def as_plain(tensor: TensorOrArray) -> TensorOrArray:
    """Return a view of the data as a plain tensor or array, so that no method of a subclass is called."""
    if not isinstance(tensor, Tensor):
        return np.ndarray.view(tensor, np.ndarray)
    detached = Tensor.detach(tensor)
    return detached if type(detached) is Tensor else Tensor.as_subclass(detached, Tensor)


def tensor_attribute(tensor: Tensor, name: str) -> Any:
    """Return an attribute as `torch.Tensor` defines it, even if a subclass overrides it."""
    return getattr(Tensor, name).__get__(tensor)


def _encodable(name: str) -> str:
    """Return the name with surrogates escaped, because UTF-8 can't encode surrogates."""
    return name.encode(errors="backslashreplace").decode()


def _in_container(name: str, container: Any) -> Iterator[NamedTensor]:
    items = list(container.items() if type(container) is dict else enumerate(container))[:MAX_ITEMS]
    for key, value in items:
        if type(key) in {int, str} and (kind := _kind(value)) is not None:
            yield NamedTensor(f"{name}[{key!r}]", kind, value)


def _in_module(name: str, module: Any) -> Iterator[NamedTensor]:
    # Call these methods on nn.Module, because the user's class may override them.
    methods: tuple[tuple[Kind, Any], ...] = (
        ("parameter", nn.Module.named_parameters),
        ("buffer", nn.Module.named_buffers),
    )
    for kind, named_tensors in methods:
        for path, tensor in named_tensors(module):
            yield NamedTensor(f"{name}.{path}", kind, tensor)


def _kind(value: object) -> Kind | None:
    if _has_type(value, nn.Parameter):
        return "parameter"
    if _has_type(value, torch.Tensor):
        return "tensor"
    return "array" if _has_type(value, np.ndarray) else None


def _has_type(value: object, expected: type) -> bool:
    """Return whether `value` is an instance of `expected`.

    Unlike isinstance, this function doesn't read `value.__class__`, which may run the user's code.
    """
    return issubclass(type(value), expected)
