"""Tensors in what functions take and give, and the memory that they lie in."""

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from .twin import META

_PLAIN = frozenset({int, float, bool, str, type(None), torch.Size, torch.dtype, torch.device})


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in a nest of tuples, lists, dicts, dataclasses and slices, in order."""
    if type(value) in _PLAIN:
        return
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, slice):
        yield from tensors_in([value.start, value.stop, value.step])
    elif is_dataclass(value) and not isinstance(value, type):
        yield from tensors_in([getattr(value, part.name, None) for part in fields(value)])


def storages_of(tensors: Iterable[Tensor]) -> set[int]:
    """Which memory the tensors lie in; on meta too, where it holds nothing."""
    storages = set()
    for tensor in tensors:
        try:
            storages.add(tensor.untyped_storage()._cdata)  # noqa: SLF001
        except (NotImplementedError, RuntimeError):  # a sparse tensor, say
            storages.add(id(tensor))
    return storages


def to_meta(value: Any) -> Any:
    """The same nest of tuples, lists and dicts, its tensors without data."""
    if isinstance(value, Tensor):
        return value.detach().to(META)
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(to_meta(item) for item in value)
    if isinstance(value, dict):
        return {key: to_meta(item) for key, item in value.items()}
    return value
