"""Find the tensors in the arguments and results of functions, and the memory that the tensors use."""

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

_PLAIN = frozenset({int, float, bool, str, type(None), torch.Size, torch.dtype, torch.device})


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested tuples, lists, dicts, dataclasses and slices, in order."""
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
        yield from tensors_in([getattr(value, field.name, None) for field in fields(value)])


def storages_of(tensors: Iterable[Tensor]) -> set[int]:
    """Return the identifiers of the tensors' storages.

    This also works on the meta device, where storages have no address.
    """
    storages = set()
    for tensor in tensors:
        try:
            storages.add(tensor.untyped_storage()._cdata)  # noqa: SLF001
        except (NotImplementedError, RuntimeError):  # for example, a sparse tensor
            storages.add(id(tensor))
    return storages
