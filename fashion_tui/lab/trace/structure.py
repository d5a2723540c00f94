"""List the modules, parameters and buffers of a network.

The lists come from the tables in which torch registers them. `model.modules()` and `model.parameters()` fail if the
network has an attribute of that name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

_MAX_DEPTH = 4
"""Levels of plain containers and objects in which modules are looked for."""


def named_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the path of each registered module, and the module, in the order of `nn.Module.named_modules`.

    A module that is registered several times is yielded once. The modules inside a scripted module are left out.
    """
    seen: set[int] = set()
    waiting = [("", model)]
    while waiting:
        path, module = waiting.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        yield path, module
        children = [(f"{path}.{name}" if path else name, child) for name, child in children_of(module)]
        waiting += reversed(children)


def children_of(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the names of the registered children, and the children. A scripted module has none."""
    children = {} if isinstance(module, torch.jit.ScriptModule) else _table(module, "_modules")
    return [(name, child) for name, child in children.items() if child is not None]


def unregistered_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the path of each module that a plain attribute, list or dict holds, and the module.

    An example is `("layers.0", …)` for `self.layers = [nn.Linear(3, 4)]`.
    """
    seen = {id(module) for _, module in named_modules(model)}
    for path, module in [*named_modules(model)]:
        for name, value in vars(module).items():
            if not (name.startswith("_") and name in _TABLES) and not isinstance(module, torch.jit.ScriptModule):
                yield from _modules_in(value, f"{path}.{name}" if path else name, seen, _MAX_DEPTH)


def named_parameters(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Return the names of the registered parameters, and the parameters. A shared parameter has its first name."""
    return _tensors(model, "_parameters")


def named_buffers(model: nn.Module) -> list[tuple[str, Tensor]]:
    return _tensors(model, "_buffers")


def parameters_of(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for _, parameter in named_parameters(model)]


_TABLES = frozenset(vars(nn.Module()))
"""Attributes that torch itself sets, such as `_parameters` and `_forward_hooks`."""


def _table(module: nn.Module, name: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = vars(module).get(name, {})
    return table


def _tensors(model: nn.Module, table: str) -> list[Any]:
    found: dict[int, tuple[str, Tensor]] = {}
    for path, module in named_modules(model):
        if isinstance(module, torch.jit.ScriptModule):
            items = [*(module.named_parameters() if table == "_parameters" else module.named_buffers())]
        else:
            items = [*_table(module, table).items()]
        for name, tensor in items:
            if tensor is not None:
                found.setdefault(id(tensor), (f"{path}.{name}" if path else name, tensor))
    return [*found.values()]


def _modules_in(value: Any, path: str, seen: set[int], depth: int) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(value, nn.Module):
        if id(value) not in seen:
            for inner_path, module in named_modules(value):
                if id(module) not in seen:
                    seen.add(id(module))
                    yield f"{path}.{inner_path}" if inner_path else path, module
        return
    if isinstance(value, dict):
        items = [*value.items()]
    elif isinstance(value, list | tuple):
        items = [*enumerate(value)]
    elif hasattr(value, "__dict__") and not callable(value):
        items = [*vars(value).items()]
    else:
        return
    if depth:
        for name, item in items:
            yield from _modules_in(item, f"{path}.{name}", seen, depth - 1)
