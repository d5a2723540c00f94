"""Find the tensors in the arguments and results of functions, and the memory that the tensors use."""

import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution
from torch.nn.utils.rnn import PackedSequence

from fashion_tui.schema.shapes import Shape

from .model_copy import slots_of

_PLAIN = frozenset({int, float, bool, str, type(None), torch.Size, torch.dtype, torch.device})

_OPAQUE = (nn.Module, type, types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType)
"""Types of objects that aren't searched, because their tensors are no arguments or results."""

_MAX_DEPTH = 4
"""Levels of objects in objects that are searched."""


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested tuples, lists, dicts, slices and other objects, in order.

    A packed sequence yields only its data. An object yields the tensors in its public attributes or, if there are none,
    those in its private attributes.
    """
    return _walk(value, set())


def _walk(value: Any, parents: set[int]) -> Iterator[Tensor]:
    """Yield the tensors in `value`. `parents` are the ids of the objects that `value` is a part of."""
    if type(value) in _PLAIN:
        return
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, PackedSequence):
        yield value.data
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from _walk(item, parents)
    elif isinstance(value, Mapping):
        yield from _walk(list(value.values()), parents)
    elif isinstance(value, slice):
        yield from _walk([value.start, value.stop, value.step], parents)
    elif not isinstance(value, _OPAQUE) and id(value) not in parents and len(parents) < _MAX_DEPTH:
        inside = {*parents, id(value)}
        public, private = _attributes(value)
        found = {id(tensor): tensor for tensor in _walk(public, inside)}
        yield from (found or {id(tensor): tensor for tensor in _walk(private, inside)}).values()


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
