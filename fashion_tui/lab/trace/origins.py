"""Where the tensors of a pass come from: a call, an input, or the network's parameters, buffers and constants."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from .structure import named_buffers, named_modules, named_parameters
from .tensors import is_parameter, tensors_in


class Origins:
    """The origin of each tensor that a network holds or that a call returned.

    Tensors are looked up by their `id`. They are kept alive, so that no other tensor gets the same id.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._names: dict[int, str] = {}
        """Names of the network's parameters, buffers and constants."""
        self._parameters: dict[int, nn.Parameter] = {}
        self._sources: dict[int, int] = {}
        """Index of the call that returned the tensor."""
        self._producers: dict[int, int] = {}
        """Like `_sources`, but for a tensor that a module returned, the index of the call inside the module."""
        self._kept: list[Any] = [model]
        self._find_parameters()
        for name, buffer in named_buffers(model):
            self._add_name(buffer, name)
        for path, module in named_modules(model):
            for name, value in vars(module).items():
                for tensor in tensors_in(value) if isinstance(value, Tensor | list | tuple | dict) else ():
                    self._add_name(tensor, f"{path}.{name}" if path else name)

    def _find_parameters(self) -> None:
        for name, parameter in named_parameters(self._model):
            self._parameters.setdefault(id(parameter), parameter)
            self._add_name(parameter, name)

    def _add_name(self, tensor: Tensor, name: str) -> None:
        self._names.setdefault(id(tensor), name)
        self._kept.append(tensor)

    def name(self, tensor: Tensor) -> str | None:
        """Return the name of a parameter, buffer or constant of the network, or None for any other tensor."""
        if id(tensor) not in self._names and is_parameter(tensor):
            self._find_parameters()  # `forward` may have created a layer
        return _find(self._names, tensor)

    def parameter(self, tensor: Tensor) -> nn.Parameter | None:
        """Return the registered parameter that is this tensor, or whose data this tensor shares after `detach()`."""
        return _find(self._parameters, tensor)

    def source(self, tensor: Tensor) -> int | None:
        """Return the index of the call that returned the tensor, NETWORK_INPUT, or None if it is unknown."""
        return _find(self._sources, tensor)

    def producer(self, tensor: Tensor) -> int | None:
        """Return the index of the call without inner calls that returned the tensor, NETWORK_INPUT or None."""
        return _find(self._producers, tensor)

    def set_source(self, index: int, tensors: Iterable[Tensor], *, has_inner_calls: bool) -> None:
        """Record that the call with this index returned the tensors."""
        for tensor in tensors:
            self._kept.append(tensor)
            self._sources[id(tensor)] = index
            if not has_inner_calls:
                self._producers[id(tensor)] = index

    def copy(self, original: Tensor, tensors: Iterable[Tensor]) -> None:
        """Give the tensors the origin of another tensor."""
        tables: tuple[dict[int, Any], ...] = (self._sources, self._producers, self._names, self._parameters)
        for tensor in tensors:
            self._kept.append(tensor)
            for table in tables:
                if id(original) in table:
                    table[id(tensor)] = table[id(original)]


_Found = TypeVar("_Found")


def _find(table: Mapping[int, _Found], tensor: Tensor) -> _Found | None:
    """Return the entry of a tensor in a table whose keys are the tensors' `id`."""
    found = table.get(id(tensor))
    return table.get(id(_unwrap(tensor))) if found is None else found


def _unwrap(tensor: Tensor) -> Tensor:
    """Return the tensor for all samples, given the tensor for one sample inside `torch.vmap`."""
    while torch._C._functorch.is_functorch_wrapped_tensor(tensor):  # noqa: SLF001
        tensor = torch._C._functorch.get_unwrapped(tensor)  # noqa: SLF001
    return tensor
