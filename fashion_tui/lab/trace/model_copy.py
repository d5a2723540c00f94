"""Copy a network, so that it can be run without changing the original.

On the `meta` device, a tensor has a shape but no data. A copy with a billion parameters therefore takes almost no
memory, and running it takes almost no time. A copy on the CPU has the same values as the original.

`copy.deepcopy` refuses networks that hold a lock, an open file or a generator, and leaves functions as they are. A
lambda over `self` then still calls the original's layers. Here, such a function is copied too, and an object that can't
be copied is shared by the network and its copy.
"""

import copy
import types
import weakref
from collections import OrderedDict
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from .structure import named_buffers, named_parameters

META = torch.device("meta")
CPU = torch.device("cpu")


def copy_model(model: nn.Module, device: torch.device) -> nn.Module:
    """Return a deep copy of `model` on `device`. Tensors shared by several modules are also shared in the copy.

    A module compiled by `torch.compile` is replaced by a copy of the module that was compiled.
    """
    return cast(nn.Module, _Copier(device).copy(model))


_SHARED = frozenset(
    {int, float, complex, bool, str, bytes, type(None), type(Ellipsis), types.BuiltinFunctionType, types.ModuleType,
     torch.Size, torch.dtype, torch.device, torch.layout, torch.memory_format}
)  # fmt: skip
"""Types whose instances never change, or are not part of a network."""


class _Copier:
    """Copies objects. Each object is copied once, so references between objects become references between copies."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._copies: dict[int, Any] = {}
        """The copies, keyed by the `id` of the original."""
        self._kept: list[Any] = []
        """All objects whose `id` is stored, kept alive so that no other object gets the same id."""

    def copy(self, value: Any) -> Any:
        """Return a copy of `value`, or `value` itself if it can't be copied."""
        if type(value) in _SHARED or isinstance(value, type):
            return value
        if id(value) not in self._copies:
            self._kept.append(value)
            try:
                self._copies[id(value)] = self._copy(value)
            except Exception:  # noqa: BLE001 - the methods that copy an object may raise anything
                self._copies[id(value)] = value
        return self._copies[id(value)]

    def _copy(self, value: Any) -> Any:  # noqa: C901, PLR0911 - a case for each kind of object
        if isinstance(value, Tensor):
            return _copy_tensor(value, self._device)
        if isinstance(value, torch.jit.ScriptModule):  # always on the CPU: it can't be moved to the meta device
            return copy.deepcopy(value)
        if isinstance(value, nn.Module):
            return self._copy_module(value)
        if isinstance(value, torch.Generator):
            return value.clone_state()
        if isinstance(value, types.FunctionType):
            return self._copy_function(value)
        if isinstance(value, types.MethodType):
            return types.MethodType(value.__func__, self.copy(value.__self__))
        if isinstance(value, weakref.ref):
            return self._copy_reference(value)
        if type(value) in {tuple, frozenset}:
            return type(value)(self.copy(item) for item in value)
        if type(value) in {list, dict, OrderedDict, set}:
            return self._fill(type(value)(), value)
        if hasattr(value, "__deepcopy__"):
            return value.__deepcopy__(self._copies)
        return self._copy_object(value)

    def _fill(self, empty: Any, original: Any) -> Any:
        self._copies[id(original)] = empty
        if isinstance(original, dict):
            empty.update((self.copy(key), self.copy(item)) for key, item in original.items())
        elif isinstance(original, set):
            empty.update(self.copy(item) for item in original)
        else:
            empty.extend(self.copy(item) for item in original)
        return empty

    def _copy_module(self, module: nn.Module) -> nn.Module:
        compiled = vars(module).get("_modules", {}).get("_orig_mod")
        if isinstance(compiled, nn.Module):  # a wrapper made by torch.compile
            return cast(nn.Module, self.copy(compiled))
        new = object.__new__(type(module))  # `__new__` of fx.GraphModule would make a new class
        self._copies[id(module)] = new
        for name, value in vars(module).items():
            if name != "_compiled_call_impl":  # set by module.compile()
                vars(new)[name] = self.copy(value)
        for name in slots_of(module):
            object.__setattr__(new, name, self.copy(getattr(module, name)))
        return new

    def _copy_function(self, function: types.FunctionType) -> types.FunctionType:
        """Copy a function that refers to variables of an outer function, such as `self`."""
        compiled = vars(function).get("_torchdynamo_orig_callable")
        if compiled is not None:  # a wrapper made by torch.compile
            return cast(types.FunctionType, self.copy(compiled))
        if not function.__closure__ or (function.__module__ or "").startswith("torch."):
            return function
        cells = tuple(map(self._copy_cell, function.__closure__))
        new = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, self.copy(function.__defaults__), cells
        )
        self._copies[id(function)] = new
        new.__kwdefaults__ = self.copy(function.__kwdefaults__)
        new.__qualname__, new.__module__ = function.__qualname__, function.__module__
        vars(new).update(vars(function))
        for cell, original in zip(cells, function.__closure__, strict=True):
            if not _is_filled(cell) and _is_filled(original):
                cell.cell_contents = self.copy(original.cell_contents)
        return new

    def _copy_cell(self, cell: types.CellType) -> types.CellType:
        """Return an empty cell to fill after the function exists, because the cell may contain the function itself."""
        self._kept.append(cell)
        return cast(types.CellType, self._copies.setdefault(id(cell), types.CellType()))

    def _copy_reference(self, reference: weakref.ref[Any]) -> weakref.ref[Any]:
        target = reference()
        return weakref.ref(self.copy(target)) if isinstance(target, nn.Module | Tensor) else reference

    def _copy_object(self, value: Any) -> Any:
        """Copy an object of any other class as `copy.deepcopy` does, by the parts that its `__reduce_ex__` returns."""
        reduced = value.__reduce_ex__(4)
        if isinstance(reduced, str):
            return value
        make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        new = make(*[self.copy(argument) for argument in arguments])
        self._copies[id(value)] = new
        if state is not None:
            self._set_state(new, self.copy(state))
        for item in items or ():
            new.append(self.copy(item))
        for key, item in pairs or ():
            new[self.copy(key)] = self.copy(item)
        return new

    def _set_state(self, new: Any, state: Any) -> None:
        if hasattr(new, "__setstate__"):
            new.__setstate__(state)
            return
        attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
        vars(new).update(attributes or {})
        for name, item in (slots or {}).items():
            setattr(new, name, item)


def slots_of(value: object) -> list[str]:
    """Return the names of the attributes that an object has in the `__slots__` of its classes."""
    names: list[str] = []
    for cls in type(value).__mro__:
        slots = vars(cls).get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    return [name for name in names if name not in {"__dict__", "__weakref__"} and hasattr(value, name)]


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises ValueError
    except ValueError:
        return False
    return True


def has_values(model: nn.Module) -> bool:
    """Return whether no parameter or buffer is on the meta device."""
    return not any(tensor.is_meta for _, tensor in [*named_parameters(model), *named_buffers(model)])


def _copy_tensor(tensor: Tensor, device: torch.device) -> Tensor:
    if isinstance(tensor, UninitializedParameter | UninitializedBuffer):  # a lazy layer's parameter has no shape yet
        kind: Any = type(tensor)
        return cast(Tensor, kind(requires_grad=tensor.requires_grad, device=device, dtype=tensor.dtype))
    if device == META:
        data = torch.empty_like(tensor, device=META, requires_grad=False)
    elif tensor.is_meta:
        data = torch.zeros_like(tensor, device=device, requires_grad=False)
    else:
        data = tensor.detach().to(device, copy=True)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(data, requires_grad=tensor.requires_grad)
    return data
