"""The extra state of a custom model: all state that the tensors of its `state_dict` don't contain.

The tensors of a `state_dict` are the parameters and persistent buffers. A custom model may also keep state in other
buffers, in plain attributes of its modules and classes, in global variables of its files, and in the return values of
`get_extra_state`. `ExtraState` finds and saves the values that have changed since the model was built. Saved state
consists of tensors and plain values, so `torch.load(weights_only=True)` can read it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from weakref import WeakMethod

import torch
from torch import Tensor, nn
from torch.jit import ScriptModule
from torch.nn.parameter import is_lazy

from .custom import MODULE_PREFIX
from .modules import modules_of
from .nodes import MISSING, Node, Reader, Writer, differs, encode, find_unsavable, roll_back
from .values import INTERNAL_ATTRIBUTES
from .weight_check import check_weights

ATTRIBUTE, EXTRA, CLASS, GLOBAL = "attribute", "extra state", "class", "global"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The extra state of a model at one moment."""

    nodes: dict[tuple[str, str, str], Node]
    """Values, keyed by scope, owner and name, for example `("attribute", "body.0", "calls")`."""
    buffers: dict[str, dict[str, Tensor | None]]
    """Copies of all buffers, keyed by module path and then by buffer name."""
    trainable: dict[str, bool]
    """Whether each parameter requires a gradient, keyed by parameter name."""


class ExtraState:
    """Finds, saves and restores the parts of a model's state that aren't in its `state_dict`.

    Create this object after the model has been moved to its device and before the model is used. Any value that changes
    later counts as state.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._modules = modules_of(model)
        self._initial = self.capture()
        if self._modules is not None:
            self._modules.on_load = WeakMethod(self._add_initial_values)

    def capture(self) -> Snapshot:
        """Copy the current state."""
        read = Reader(self.model).read
        nodes = {
            (scope, owner, name): read(f"{scope}/{owner}/{name}", value) for scope, owner, name, value in self._values()
        }
        buffers = {
            path: {name: _clone(tensor) for name, tensor in _buffers(module).items()}
            for path, module in self.model.named_modules()
        }
        return Snapshot(nodes, buffers, {name: tensor.requires_grad for name, tensor in self.model.named_parameters()})

    def unsavable(self, snapshot: Snapshot) -> tuple[str, ...]:
        """Return the names of values that have changed and can't be saved, such as `body.0.stream (generator)`."""
        found = []
        for (scope, owner, name), node in snapshot.nodes.items():
            broken = find_unsavable(self._initial.nodes.get((scope, owner, name)), node)
            if broken is not None:
                full_name = ".".join(part for part in (owner, name) if part)
                found.append(f"{full_name} ({type(broken.value).__name__})")
        return tuple(found)

    def save(self, snapshot: Snapshot) -> dict[str, Any]:
        """Return the state as tensors and plain values. Values that can't be saved are left out."""
        before = self._initial.nodes
        return {
            "buffers": snapshot.buffers,
            "trainable": snapshot.trainable,
            "changed": [
                [*key, encode(node, before.get(key))]
                for key, node in snapshot.nodes.items()
                if differs(before.get(key), node)
            ],
            "removed": [list(key) for key in before if key not in snapshot.nodes],
        }

    def load(self, weights: dict[str, Tensor], saved: dict[str, Any]) -> None:
        """Load the weights and the saved state of another instance into this model.

        Raises WrongWeights if the weights don't fit.
        """
        self._check(weights, saved)
        for scope, owner, *_ in (*saved["changed"], *saved["removed"]):
            if (module_name := _module_name(scope, owner)) is not None:
                self._namespace(module_name)  # the instance that was saved may have imported the module during training
        self._load_buffers(saved["buffers"])
        parameters = dict(self.model.named_parameters(remove_duplicate=False))
        others = {name: value for name, value in self.model.state_dict().items() if name not in parameters}
        self.model.load_state_dict(others | weights)
        for name, requires_grad in saved["trainable"].items():
            parameters[name].requires_grad_(requires_grad)
        writer = Writer(self.model, _device_of(self.model), self._initial.nodes.values())
        for scope, owner, name, encoded in saved["changed"]:
            current = self._initial.nodes.get((scope, owner, name))
            self._set(scope, owner, name, writer.decode(encoded, MISSING if current is None else current.value))
        for scope, owner, name in saved["removed"]:
            self._remove(scope, owner, name)

    def _check(self, weights: dict[str, Tensor], saved: dict[str, Any]) -> None:
        """Raise WrongWeights if the parameters don't fit.

        Only the names of buffers are checked, because training may add, remove or resize them.
        """
        buffers = {".".join(filter(None, (path, name))) for path, names in saved["buffers"].items() for name in names}
        buffers |= self.model.state_dict().keys()
        parameters: dict[str, Tensor] = dict(self.model.named_parameters(remove_duplicate=False))
        others = {name: weights[name] for name in weights.keys() & buffers - parameters.keys()}
        check_weights(parameters | others, weights)

    def roll_back(self, snapshot: Snapshot) -> None:
        """Restore all values of a snapshot except those that can't be saved."""
        now = self.capture()
        self._load_buffers(snapshot.buffers)
        for key, node in snapshot.nodes.items():
            if differs(now.nodes.get(key), node):
                self._set(*key, roll_back(node))
        for key in now.nodes.keys() - snapshot.nodes.keys():
            self._remove(*key)

    def _add_initial_values(self, module_name: str) -> None:
        """Record the initial variables of a module that is imported after the initial snapshot."""
        for key, node in self.capture().nodes.items():
            if _module_name(*key[:2]) == module_name:
                self._initial.nodes[key] = node

    def _values(self) -> Iterator[tuple[str, str, str, object]]:
        """Yield the scope, owner, name and value of everything that might be state."""
        for path, module in self.model.named_modules():
            for name, value in vars(module).items():
                if name not in INTERNAL_ATTRIBUTES:
                    yield ATTRIBUTE, path, name, value
            if type(module).get_extra_state is not nn.Module.get_extra_state and not isinstance(module, ScriptModule):
                yield EXTRA, path, "get_extra_state", module.get_extra_state()
        for module_name in () if self._modules is None else ("", *self._modules.names()):
            yield from self._values_of_file(module_name, self._namespace(module_name))

    def _values_of_file(self, module_name: str, namespace: dict[str, Any]) -> Iterator[tuple[str, str, str, object]]:
        """Yield the global variables of one of the model's files, and the attributes of its classes.

        The name of the model's own file is empty.
        """
        for name, value in namespace.items():
            if isinstance(value, type) and value.__module__ == namespace["__name__"]:
                owner = f"{module_name}.{name}" if module_name else name
                for attribute, attribute_value in vars(value).items():
                    if not attribute.startswith("__"):
                        yield CLASS, owner, attribute, attribute_value
            elif not name.startswith("__") and not _is_own_module(value):
                yield GLOBAL, module_name, name, value

    def _set(self, scope: str, owner: str, name: str, value: Any) -> None:
        if value is MISSING:
            return
        if scope == ATTRIBUTE:
            vars(self.model.get_submodule(owner))[name] = value
        elif scope == EXTRA:
            self.model.get_submodule(owner).set_extra_state(value)
        elif scope == CLASS:
            setattr(self._class(owner), name, value)
        else:
            self._namespace(owner)[name] = value

    def _remove(self, scope: str, owner: str, name: str) -> None:
        if scope == ATTRIBUTE:
            vars(self.model.get_submodule(owner)).pop(name, None)
        elif scope == CLASS:
            delattr(self._class(owner), name)
        elif scope == GLOBAL:
            self._namespace(owner).pop(name, None)

    def _namespace(self, module_name: str) -> dict[str, Any]:
        return {} if self._modules is None else self._modules.namespace(module_name)

    def _class(self, owner: str) -> type:
        found: type = self._namespace(owner.rpartition(".")[0])[owner.rpartition(".")[2]]
        return found

    def _load_buffers(self, saved: dict[str, dict[str, Tensor | None]]) -> None:
        """Restore all buffers. A buffer is changed in place unless its shape or dtype has changed."""
        device = _device_of(self.model)
        for path, tensors in saved.items():
            buffers = _buffers(self.model.get_submodule(path))
            for name in buffers.keys() - tensors.keys():
                del buffers[name]
            for name, tensor in tensors.items():
                current = buffers.get(name)
                if tensor is None:
                    buffers[name] = None
                elif current is not None and (current.shape, current.dtype) == (tensor.shape, tensor.dtype):
                    with torch.no_grad():
                        current.copy_(tensor)
                else:
                    buffers[name] = tensor.to(device, copy=True)


def _is_own_module(value: object) -> bool:
    """Return whether a value is one of the user's modules. Importing one makes it an attribute of its package."""
    return isinstance(value, ModuleType) and value.__name__.startswith(MODULE_PREFIX)


def _module_name(scope: str, owner: str) -> str | None:
    """Return the name of the user's module that contains a global variable or a class, or None for other scopes."""
    if scope == CLASS:
        return owner.rpartition(".")[0]
    return owner if scope == GLOBAL else None


def load_trained(model: nn.Module, weights: dict[str, Tensor], extra: dict[str, Any] | None) -> None:
    """Load weights into a newly built model, and the extra state if it isn't None.

    Raises WrongWeights if the weights don't fit.
    """
    if extra is None:
        check_weights(model.state_dict(), weights)
        model.load_state_dict(weights)
    else:
        ExtraState(model).load(weights, extra)


def _buffers(module: nn.Module) -> dict[str, Tensor | None]:
    return module._buffers  # noqa: SLF001 - named_buffers leaves out buffers that are None


def _clone(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None or is_lazy(tensor) else tensor.clone()


def _device_of(model: nn.Module) -> torch.device:
    return next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))
