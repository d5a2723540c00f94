"""List the tensors of a namespace, group those that share memory, and read the values of a single tensor."""

import math
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.tensors import ReadTensor, Statistics, TensorList, TensorRow, TensorValues

from .namespace import NamedTensor, Predicate, TensorOrArray, as_plain, find_tensors, tensor_attribute
from .values import compute_histogram, compute_statistics, read_window

MAX_ROWS = 300
_MAX_PROBLEM = 200
"""Maximum length of an error message, in characters."""


class ListedTensors:
    """Numbers the lists of tensors, and records the number of the list in which each tensor first appeared."""

    def __init__(self) -> None:
        self._listing = 0
        self._known: dict[str, tuple[weakref.ref[TensorOrArray], int]] = {}
        """The tensors of the latest list, keyed by name. Each is stored with the number of the list in which it first
        appeared."""

    def update(self, tensors: Sequence[NamedTensor]) -> list[int]:
        """Register the next list of tensors.

        Return, for each tensor, the number of the list in which the tensor first appeared.
        """
        self._listing += 1
        known, self._known = self._known, {}
        for named in tensors:
            reference, listing = known.get(named.name, (None, self._listing))
            if reference is None or reference() is not named.tensor:
                reference, listing = weakref.ref(named.tensor), self._listing
            self._known[named.name] = reference, listing
        return [self._known[named.name][1] for named in tensors]


def list_tensors(namespace: Mapping[str, object], is_hidden: Predicate, listed: ListedTensors) -> TensorList:
    """Return a row for each visible tensor and array in the namespace.

    If there are more than MAX_ROWS, return only the newest.
    """
    start = time.perf_counter()
    tensors = list(find_tensors(namespace, is_hidden))
    listings = listed.update(tensors)
    shown = sorted(sorted(range(len(tensors)), key=lambda index: -listings[index])[:MAX_ROWS])
    groups = group_overlapping([_readable_range(tensors[index].tensor) for index in shown])
    rows = tuple(
        msgspec.structs.replace(_row(tensors[index], group), first_listing=listings[index])
        for index, group in zip(shown, groups, strict=True)
    )
    return TensorList(rows=rows, omitted=len(tensors) - len(shown), seconds=time.perf_counter() - start)


def read_tensor(namespace: Mapping[str, object], request: ReadTensor) -> TensorValues:
    """Return the row, a histogram and a window of values of a tensor.

    Raises UserError if the tensor doesn't exist.
    """
    named = get_tensor(namespace, request.name)
    tensor = as_plain(named.tensor)
    memory = memory_range(tensor)
    return TensorValues(
        row=_row(named, memory_group=0),
        storage_offset=_storage_offset(tensor),
        layout=_layout(tensor),
        storage_nbytes=memory.end - memory.start if memory else 0,
        histogram=compute_histogram(request.name, tensor),
        window=read_window(tensor, request),
        grad_statistics=grad_statistics(named.tensor),
    )


def get_tensor(namespace: Mapping[str, object], name: str) -> NamedTensor:
    """Return the tensor with this name, even if it is hidden. Raises UserError if no tensor has this name."""
    for named in find_tensors(namespace, lambda _name, _value: False):
        if named.name == name:
            return named
    raise UserError(f"no tensor is named {name}")


# Gradients


def grad_statistics(tensor: TensorOrArray) -> Statistics | None:
    """Return the statistics of the tensor's gradient, or None if it has no gradient."""
    if not isinstance(tensor, Tensor) or (grad := grad_of(tensor)) is None:
        return None
    return compute_statistics(as_plain(grad))


def grad_of(tensor: Tensor) -> Tensor | None:
    """Return `tensor.grad`. If the tensor doesn't keep its gradient, return None without torch's warning."""
    return tensor_attribute(tensor, "grad") if keeps_grad(tensor) else None


def keeps_grad(tensor: Tensor) -> bool:
    return bool(tensor_attribute(tensor, "is_leaf") or tensor_attribute(tensor, "retains_grad"))


# Memory


class MemoryRange(NamedTuple):
    """The range of addresses of a storage."""

    device: str
    start: int
    """Address of the first byte."""
    end: int
    """Address after the last byte."""


def memory_range(tensor: TensorOrArray) -> MemoryRange | None:
    """Return the memory range of the tensor's storage, or None if the tensor is sparse or on the meta device."""
    if isinstance(tensor, Tensor):
        if tensor.layout != torch.strided or tensor.is_meta:
            return None
        storage = tensor.untyped_storage()
        return MemoryRange(str(tensor.device), storage.data_ptr(), storage.data_ptr() + storage.nbytes())
    root = tensor
    while isinstance(root.base, np.ndarray):
        root = root.base
    return MemoryRange("cpu", *np.lib.array_utils.byte_bounds(root))


def group_overlapping(ranges: Sequence[MemoryRange | None]) -> list[int]:
    """Return a group number for each range. Ranges that overlap belong to the same group.

    Groups are numbered from 1, in the order of `ranges`. A range that overlaps no other range gets the number 0.
    """
    groups = [0] * len(ranges)
    known = sorted((memory, index) for index, memory in enumerate(ranges) if memory and memory.start < memory.end)
    device, end, members, count = "", 0, list[int](), 0
    for memory, index in known:
        if memory.device == device and memory.start < end:
            count += len(members) == 1
            members.append(index)
            for member in members:
                groups[member] = count
        else:
            device, members, end = memory.device, [index], 0
        end = max(end, memory.end)
    numbers = {group: number for number, group in enumerate(dict.fromkeys(g for g in groups if g), 1)}
    return [numbers.get(group, 0) for group in groups]


def _readable_range(tensor: TensorOrArray) -> MemoryRange | None:
    try:
        return memory_range(as_plain(tensor))
    except Exception:  # noqa: BLE001 -- some types of tensors have no storage and raise an error
        return None


# Rows


def _row(named: NamedTensor, memory_group: int) -> TensorRow:
    """Return the row of a tensor.

    If the tensor can't be read, the row contains the error. This happens, for example, with nested tensors.
    """
    try:
        return _readable_row(named, memory_group)
    except Exception as error:  # noqa: BLE001 -- such a tensor can raise anything
        name, kind, tensor = named
        return TensorRow(
            name=name,
            kind=kind,
            shape=(),
            strides=(),
            dtype=_dtype(tensor),
            device=_device(tensor),
            requires_grad=False,
            origin="",
            has_grad=False,
            nbytes=0,
            statistics=None,
            memory_group=0,
            problem=_one_line(error),
            has_shape=False,
        )


def _readable_row(named: NamedTensor, memory_group: int) -> TensorRow:
    name, kind, tensor = named
    plain = as_plain(tensor)
    statistics, problem = None, ""
    try:
        statistics = compute_statistics(plain)
    except Exception as error:  # noqa: BLE001 -- a tensor with unreadable values still has the other columns
        problem = _one_line(error)
    return TensorRow(
        name=name,
        kind=kind,
        shape=tuple(plain.shape),
        strides=_strides(plain),
        dtype=_dtype(plain),
        device=_device(plain),
        requires_grad=isinstance(tensor, Tensor) and tensor_attribute(tensor, "requires_grad"),
        origin=_origin(tensor),
        has_grad=isinstance(tensor, Tensor) and grad_of(tensor) is not None,
        nbytes=math.prod(plain.shape) * plain.dtype.itemsize,
        statistics=statistics,
        memory_group=memory_group,
        problem=problem,
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:_MAX_PROBLEM] or type(error).__name__


def _dtype(tensor: TensorOrArray) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _device(tensor: TensorOrArray) -> str:
    return str(tensor.device) if isinstance(tensor, Tensor) else "cpu"


def _origin(tensor: TensorOrArray) -> str:
    if not isinstance(tensor, Tensor) or not tensor_attribute(tensor, "requires_grad"):
        return ""
    node = tensor_attribute(tensor, "grad_fn")
    return "leaf" if node is None else str(node.name())


def _storage_offset(tensor: TensorOrArray) -> int:
    if isinstance(tensor, Tensor) and tensor.layout == torch.strided:
        return int(tensor.storage_offset())
    return 0


def _strides(tensor: TensorOrArray) -> tuple[int, ...]:
    if not isinstance(tensor, Tensor):
        return tuple(stride // max(tensor.itemsize, 1) for stride in tensor.strides)
    return tuple(tensor.stride()) if tensor.layout == torch.strided else ()


def _layout(tensor: TensorOrArray) -> str:
    if not isinstance(tensor, Tensor):
        return "contiguous" if tensor.flags.c_contiguous else "not contiguous"
    if tensor.layout != torch.strided:
        return str(tensor.layout).removeprefix("torch.")
    if tensor.is_contiguous():
        return "contiguous"
    if tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last):
        return "channels last"
    return "not contiguous"
