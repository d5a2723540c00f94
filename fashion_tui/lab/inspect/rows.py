"""The list of a namespace's tensors, and a look inside one."""

import math
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.tensors import ReadTensor, Statistics, TensorList, TensorRow, TensorValues

from .memory import Place, groups_of, place_of
from .names import Found, Values, attribute, plain, tensors_of
from .numbers import histogram_of, numbers_of, window_of

MOST_ROWS = 300


def list_tensors(namespace: Mapping[str, object], hidden: Callable[[str, object], bool]) -> TensorList:
    """What lives there and isn't hidden."""
    began = time.perf_counter()
    found = list(tensors_of(namespace, hidden))
    shown = found[:MOST_ROWS]
    groups = groups_of([_place(values) for _, _, values in shown])
    rows = tuple(_row(one, group) for one, group in zip(shown, groups, strict=True))
    return TensorList(rows=rows, omitted=len(found) - len(shown), seconds=time.perf_counter() - began)


def find(namespace: Mapping[str, object], name: str) -> Found:
    """The tensor of that name, hidden or not; UserError where there is none any more."""
    for one in tensors_of(namespace, lambda _name, _value: False):
        if one[0] == name:
            return one
    raise UserError(f"there is no tensor {name} any more")


def look_inside(namespace: Mapping[str, object], wanted: ReadTensor) -> TensorValues:
    """UserError where there is no such tensor."""
    found = find(namespace, wanted.name)
    values = plain(found[2])
    place = place_of(values)
    return TensorValues(
        row=_row(found, 0),
        storage_offset=_offset(values),
        layout=_layout(values),
        storage_nbytes=place[2] - place[1] if place else 0,
        histogram=histogram_of(wanted.name, values),
        window=window_of(values, wanted),
        grad_statistics=grad_numbers(found[2]),
    )


def grad_numbers(values: Values) -> Statistics | None:
    """Those of its gradient; None where it has none."""
    if not isinstance(values, Tensor) or (grad := grad_of(values)) is None:
        return None
    return numbers_of(plain(grad))


def grad_of(tensor: Tensor) -> Tensor | None:
    """Its gradient. Asking for that of a tensor that keeps none would warn."""
    return attribute(tensor, "grad") if keeps_grad(tensor) else None


def keeps_grad(tensor: Tensor) -> bool:
    return bool(attribute(tensor, "is_leaf") or attribute(tensor, "retains_grad"))


def _place(values: Values) -> Place | None:
    try:
        return place_of(plain(values))
    except Exception:  # noqa: BLE001 -- some kinds of tensors have no memory to tell of
        return None


def _row(found: Found, group: int) -> TensorRow:
    """Some kinds of tensors (nested ones) have no shape and fail at every question: they cost a row, not the list."""
    try:
        return _readable_row(found, group)
    except Exception as error:  # noqa: BLE001 -- whatever such a tensor raises
        name, kind, values = found
        return TensorRow(
            name=name,
            kind=kind,
            shape=(),
            strides=(),
            dtype=str(values.dtype).removeprefix("torch."),
            device=str(values.device) if isinstance(values, Tensor) else "cpu",
            requires_grad=False,
            origin="",
            has_grad=False,
            nbytes=0,
            statistics=None,
            memory_group=0,
            problem=_in_short(error),
            has_shape=False,
        )


def _in_short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _readable_row(found: Found, group: int) -> TensorRow:
    name, kind, values = found
    bare = plain(values)
    numbers, problem = None, ""
    try:
        numbers = numbers_of(bare)
    except Exception as error:  # noqa: BLE001 -- a broken tensor costs its own numbers, not the row
        problem = _in_short(error)
    return TensorRow(
        name=name,
        kind=kind,
        shape=tuple(bare.shape),
        strides=_strides(bare),
        dtype=str(bare.dtype).removeprefix("torch."),
        device=str(bare.device) if isinstance(bare, Tensor) else "cpu",
        requires_grad=isinstance(values, Tensor) and attribute(values, "requires_grad"),
        origin=_origin(values),
        has_grad=isinstance(values, Tensor) and grad_of(values) is not None,
        nbytes=math.prod(bare.shape) * bare.dtype.itemsize,
        statistics=numbers,
        memory_group=group,
        problem=problem,
    )


def _origin(values: Values) -> str:
    if not isinstance(values, Tensor) or not attribute(values, "requires_grad"):
        return ""
    node = attribute(values, "grad_fn")
    return "leaf" if node is None else str(node.name())


def _offset(values: Values) -> int:
    if isinstance(values, Tensor) and values.layout == torch.strided:
        return int(values.storage_offset())
    return 0


def _strides(values: Values) -> tuple[int, ...]:
    if not isinstance(values, Tensor):
        return tuple(stride // max(values.itemsize, 1) for stride in values.strides)
    return tuple(values.stride()) if values.layout == torch.strided else ()


def _layout(values: Values) -> str:
    if not isinstance(values, Tensor):
        return "contiguous" if values.flags.c_contiguous else "not contiguous"
    if values.layout != torch.strided:
        return str(values.layout).removeprefix("torch.")
    if values.is_contiguous():
        return "contiguous"
    if values.dim() == 4 and values.is_contiguous(memory_format=torch.channels_last):
        return "channels last"
    return "not contiguous"
