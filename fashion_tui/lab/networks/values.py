"""The kinds of values that a custom model may keep as state, and how to copy, recreate and restore each kind."""

import random
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from io import IOBase
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .custom import MODULE_PREFIX

INTERNAL_ATTRIBUTES = frozenset(vars(nn.Module())) | {"_compiled_call_impl"}
"""Attributes that `nn.Module` itself manages."""

PLAIN_TYPES: tuple[type, ...] = (type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.Size)

Items = Iterable[tuple[Any, Any]]
"""The contents of a value: each contained value, preceded by its key, index or attribute name."""


@dataclass(frozen=True)
class Kind:
    """The operations on one kind of value. Copies consist of tensors and plain values."""

    copy: Callable[[Any], Any] = lambda _value: None
    """Return a copy of the part of the value that `items` doesn't return."""
    items: Callable[[Any], Items] = lambda _value: ()
    """Return the contents of the value."""
    create: Callable[[Any, torch.device], Any] | None = None
    """Create a value from a copy, given the model's device. None if values of this kind can't be recreated."""
    fill: Callable[[Any, Any, list[tuple[Any, Any]]], Any] = lambda value, _copy, _items: value
    """Restore a value from its copy and its contents.

    Return the value, or a new value if the old one is immutable.
    """
    is_mutable: bool = True


def kind_of(value: object) -> str:  # noqa: PLR0911
    """Return the name of a value's kind in `KINDS`."""
    if type(value) in PLAIN_TYPES:
        return "plain"
    if isinstance(value, Tensor | np.ndarray | np.generic):
        return _kind_of_array(value)
    if isinstance(value, dict) and not all(map(_is_plain_key, value)):
        return "foreign object"
    if type(value) in _NAMES:
        return _NAMES[type(value)]
    for base in (list, set, deque, dict):
        if isinstance(value, base):
            return f"{_NAMES[base]} subclass"
    if isinstance(value, tuple):
        return "foreign object"
    return _kind_of_object(value)


def _kind_of_array(value: Any) -> str:
    if isinstance(value, Tensor):
        is_simple = type(value) in {Tensor, nn.Parameter} and value.layout is torch.strided and not value.is_meta
        return "tensor" if is_simple else "opaque"
    if value.dtype.hasobject:
        return "opaque"
    return "numpy array" if isinstance(value, np.ndarray) else "numpy scalar"


def _kind_of_object(value: object) -> str:
    if isinstance(value, type | ModuleType | IOBase | FunctionType):
        return "opaque"
    if isinstance(value, nn.Module) or type(value).__module__.startswith(MODULE_PREFIX):
        return "object"
    return "foreign object" if hasattr(value, "__dict__") and not callable(value) else "opaque"


def _is_plain_key(key: object) -> bool:
    return all(map(_is_plain_key, key)) if type(key) is tuple else type(key) in PLAIN_TYPES


# Containers


def _sorted_items(values: Iterable[Any]) -> Items:
    return enumerate(sorted(values, key=repr))


def _fill_list(target: list[Any], _copy: object, items: list[tuple[Any, Any]]) -> list[Any]:
    target[:] = [value for _, value in items]
    return target


def _fill_deque(target: "deque[Any]", _copy: object, items: list[tuple[Any, Any]]) -> "deque[Any]":
    target.clear()
    target.extend(value for _, value in items)
    return target


def _fill_set(target: set[Any], _copy: object, items: list[tuple[Any, Any]]) -> set[Any]:
    target.clear()
    target.update(value for _, value in items)
    return target


def _fill_dict(target: dict[Any, Any], _copy: object, items: list[tuple[Any, Any]]) -> dict[Any, Any]:
    target.clear()
    target.update(dict(items))
    return target


def _fill_bytearray(target: bytearray, copy: bytes, _items: object) -> bytearray:
    target[:] = copy
    return target


# Objects


def _attributes(value: Any) -> Items:
    if isinstance(value, nn.Module):  # for example, a module in a plain list
        hidden = INTERNAL_ATTRIBUTES - {"_parameters", "_buffers", "_modules", "training"}
        return [(name, item) for name, item in vars(value).items() if name not in hidden]
    slots = [name for type_ in type(value).__mro__ for name in vars(type_).get("__slots__", ()) if hasattr(value, name)]
    return [*getattr(value, "__dict__", {}).items(), *((name, getattr(value, name)) for name in slots)]


def _fill_object(target: Any, _copy: object, items: list[tuple[Any, Any]]) -> Any:
    for name, item in items:
        object.__setattr__(target, name, item)
    return target


def _foreign_items(value: Any) -> Items:
    if isinstance(value, dict):
        return enumerate(value.values())
    return enumerate(value) if isinstance(value, tuple) else vars(value).items()


def _description(value: object) -> str | None:
    """Return `repr(value)`, which reveals some changes, for example of an `itertools.count`.

    Return None if the value is callable or has a `__dict__`.
    """
    return None if hasattr(value, "__dict__") or callable(value) else repr(value)


# Arrays


def _create_tensor(copy: tuple[Tensor, bool, bool], device: torch.device) -> Tensor:
    tensor, is_on_device, requires_grad = copy
    return tensor.to(device if is_on_device else "cpu", copy=True).requires_grad_(requires_grad)


def _fill_tensor(target: Tensor, copy: tuple[Tensor, bool, bool], _items: object) -> Tensor:
    with torch.no_grad():
        if target.shape == copy[0].shape:
            target.copy_(copy[0])
        else:
            target.data = copy[0].to(target.device, copy=True)
    return target


def _fill_array(target: np.ndarray, copy: tuple[str, list[int], bytes], _items: object) -> np.ndarray:
    np.copyto(target, np.frombuffer(copy[2], dtype=copy[0]).reshape(copy[1]))
    return target


# Random number generators


def _create_torch_generator(copy: tuple[Tensor, bool], device: torch.device) -> torch.Generator:
    return torch.Generator(device if copy[1] else "cpu")


def _fill_torch_generator(target: torch.Generator, copy: tuple[Tensor, bool], _items: object) -> torch.Generator:
    target.set_state(copy[0].cpu())
    return target


def _fill_random(target: random.Random, copy: Any, _items: object) -> random.Random:
    target.setstate(copy)
    return target


def _create_numpy_generator(copy: dict[str, Any], _device: torch.device) -> np.random.Generator:
    return np.random.Generator(getattr(np.random, copy["bit_generator"])())


def _fill_numpy_generator(target: np.random.Generator, copy: Any, _items: object) -> np.random.Generator:
    target.bit_generator.state = _with_arrays(copy)
    return target


def _fill_numpy_state(target: np.random.RandomState, copy: Any, _items: object) -> np.random.RandomState:
    target.set_state(_with_arrays(copy))
    return target


def _without_arrays(state: Any) -> Any:
    """Replace the NumPy arrays in the state of a generator with tuples of their dtype and values."""
    if isinstance(state, np.ndarray):
        return state.dtype.str, state.tolist()
    return {key: _without_arrays(value) for key, value in state.items()} if isinstance(state, dict) else state


def _with_arrays(state: Any) -> Any:
    """Reverse `_without_arrays`."""
    if isinstance(state, tuple):
        return np.array(state[1], dtype=state[0])
    return {key: _with_arrays(value) for key, value in state.items()} if isinstance(state, dict) else state


_CONTAINERS: dict[type, Kind] = {
    list: Kind(items=enumerate, create=lambda _copy, _device: [], fill=_fill_list),
    set: Kind(items=_sorted_items, create=lambda _copy, _device: set(), fill=_fill_set),
    deque: Kind(
        copy=lambda value: value.maxlen,
        items=enumerate,
        create=lambda copy, _device: deque(maxlen=copy),
        fill=_fill_deque,
    ),
    dict: Kind(items=dict.items, create=lambda _copy, _device: {}, fill=_fill_dict),
    OrderedDict: Kind(items=dict.items, create=lambda _copy, _device: OrderedDict(), fill=_fill_dict),
    Counter: Kind(items=dict.items, create=lambda _copy, _device: Counter(), fill=_fill_dict),
    tuple: Kind(
        items=enumerate,
        create=lambda _copy, _device: (),
        fill=lambda _value, _copy, items: tuple(value for _, value in items),
        is_mutable=False,
    ),
    frozenset: Kind(
        items=_sorted_items,
        create=lambda _copy, _device: frozenset(),
        fill=lambda _value, _copy, items: frozenset(value for _, value in items),
        is_mutable=False,
    ),
    bytearray: Kind(copy=bytes, create=lambda _copy, _device: bytearray(), fill=_fill_bytearray),
}
_GENERATORS: dict[type, Kind] = {
    torch.Generator: Kind(
        copy=lambda value: (value.get_state(), value.device.type != "cpu"),
        create=_create_torch_generator,
        fill=_fill_torch_generator,
    ),
    random.Random: Kind(
        copy=random.Random.getstate,
        create=lambda _copy, _device: random.Random(),  # noqa: S311 - the model uses one
        fill=_fill_random,
    ),
    np.random.Generator: Kind(
        copy=lambda value: _without_arrays(value.bit_generator.state),
        create=_create_numpy_generator,
        fill=_fill_numpy_generator,
    ),
    np.random.RandomState: Kind(
        copy=lambda value: _without_arrays(value.get_state(legacy=False)),
        create=lambda _copy, _device: np.random.RandomState(),
        fill=_fill_numpy_state,
    ),
}
_NAMES: dict[type, str] = {type_: type_.__qualname__ for type_ in (*_CONTAINERS, *_GENERATORS)} | {
    torch.Generator: "torch.Generator"
}

KINDS: dict[str, Kind] = {
    "plain": Kind(copy=lambda value: value, create=lambda copy, _device: copy, is_mutable=False),
    "tensor": Kind(
        copy=lambda value: (value.detach().clone(), value.device.type != "cpu", value.is_leaf and value.requires_grad),
        create=_create_tensor,
        fill=_fill_tensor,
    ),
    "numpy array": Kind(
        copy=lambda value: (value.dtype.str, list(value.shape), value.tobytes()),
        create=lambda copy, _device: np.empty(copy[1], dtype=copy[0]),
        fill=_fill_array,
    ),
    "numpy scalar": Kind(
        copy=lambda value: (value.dtype.str, value.tobytes()),
        create=lambda copy, _device: np.frombuffer(copy[1], dtype=copy[0])[0],
        is_mutable=False,
    ),
    "object": Kind(items=_attributes, fill=_fill_object),
    "foreign object": Kind(items=_foreign_items),
    "opaque": Kind(copy=_description),
    **{_NAMES[type_]: kind for type_, kind in (_CONTAINERS | _GENERATORS).items()},
    **{f"{_NAMES[type_]} subclass": replace(_CONTAINERS[type_], create=None) for type_ in (list, set, deque, dict)},
}
"""All kinds of values, keyed by name.

An `object` is restored in place. A foreign object, such as an instance of a class from a library, can't be saved, but
changes inside it are detected. Opaque values, such as functions and files, can't be saved either.
"""

UNSAVABLE = ("opaque", "foreign object")
