"""Find the tensors in the arguments and results of functions, and the memory that the tensors use."""

import types
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.utils.rnn import PackedSequence

from fashion_tui.schema.shapes import Shape

from .model_copy import slots_of

_PLAIN = frozenset({int, float, bool, str, type(None), torch.Size, torch.dtype, torch.device})

_OPAQUE = (nn.Module, type, types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType)
"""Types of objects that aren't searched, because their tensors aren't arguments or results."""

_COLLECTIONS = (list, tuple, set)

_MAX_DEPTH = 4
"""Levels of objects in objects that are searched."""


def tensors_in(value: Any) -> list[Tensor]:
    """Return the tensors in nested tuples, lists, dicts, slices and other objects, in order.

    A packed sequence contains only its data. An object contains the tensors in its public attributes or, if there are
    none, those in its private attributes.
    """
    found: list[Tensor] = []
    _collect(value, found, frozenset())
    return found


def _collect(value: Any, found: list[Tensor], parents: frozenset[int]) -> None:  # noqa: C901 - a case for each type
    """Append the tensors in `value` to `found`. `parents` are the ids of the objects that `value` is a part of."""
    if isinstance(value, Tensor):
        found.append(value)
    elif isinstance(value, PackedSequence):
        found.append(value.data)
    elif isinstance(value, _COLLECTIONS):
        for item in value:
            if isinstance(item, Tensor):  # most items are tensors or plain values, which don't need a recursive call
                found.append(item)
            elif type(item) not in _PLAIN:
                _collect(item, found, parents)
    elif type(value) in _PLAIN or isinstance(value, _OPAQUE):
        pass
    elif isinstance(value, Mapping):
        _collect([*value.values()], found, parents)
    elif isinstance(value, slice):
        _collect([value.start, value.stop, value.step], found, parents)
    elif id(value) not in parents and len(parents) < _MAX_DEPTH:
        inside: list[Tensor] = []
        public, private = _attributes(value)
        _collect(public, inside, parents | {id(value)})
        if not inside:
            _collect(private, inside, parents | {id(value)})
        found += {id(tensor): tensor for tensor in inside}.values()


def _attributes(value: Any) -> tuple[list[Any], list[Any]]:
    """Return the values of the public and of the private attributes of an object.

    A distribution such as `Categorical` caches what it derives from its parameter, so only the parameter is returned.
    """
    attributes = dict(getattr(value, "__dict__", {}))
    if isinstance(value, Distribution) and "_param" in attributes:
        return [attributes["_param"]], []
    attributes |= {name: getattr(value, name) for name in slots_of(value)}
    public = [item for name, item in attributes.items() if not name.startswith("_")]
    return public, [item for name, item in attributes.items() if name.startswith("_")]


def is_parameter(tensor: Tensor) -> bool:
    return type(tensor) is not Tensor and isinstance(tensor, nn.Parameter)  # the first condition is much faster


def shape_of(tensor: Tensor) -> Shape:
    """Return the shape of a tensor, or that of the values of a nested tensor, whose rows differ in length."""
    if not tensor.is_nested:
        return tuple(tensor.shape)
    values: Tensor | None = getattr(tensor, "_values", None)  # `values()` would be recorded as a call of the network
    return (tensor.size(0),) if values is None else tuple(values.shape)


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


def leaves_between(inputs: Iterable[Tensor], outputs: Iterable[Tensor]) -> list[Tensor]:
    """Return the leaves of the autograd graph, such as parameters, from which a call computed `outputs`.

    Leaves that only the computation of `inputs` used are left out.
    """
    seen = {tensor.grad_fn for tensor in inputs}
    pending = [tensor.grad_fn for tensor in outputs]
    leaves: list[Tensor] = []
    while pending:
        node: Any = pending.pop()
        if node is not None and node not in seen:
            seen.add(node)
            leaves += [node.variable] if hasattr(node, "variable") else []
            pending += [following for following, _ in node.next_functions]
    return leaves[::-1]
