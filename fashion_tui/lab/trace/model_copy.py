"""Copy a network, so that it can be run without changing the original.

On the `meta` device, a tensor has a shape but no data. A copy with a billion parameters therefore takes almost no
memory, and running it takes almost no time. A copy on the CPU has the same values as the original.
"""

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.overrides import TorchFunctionMode

from fashion_tui.schema.errors import UserError

META = torch.device("meta")
CPU = torch.device("cpu")


def copy_model(model: nn.Module, device: torch.device) -> nn.Module:
    """Return a deep copy of `model` on `device`. Tensors shared by several modules are also shared in the copy.

    Raises UserError if the model contains an object that can't be copied.
    """
    model = getattr(model, "_orig_mod", model)  # the module inside a torch.compile wrapper
    memo: dict[int, Any] = {}
    for tensor in [*model.parameters(), *model.buffers()]:
        memo[id(tensor)] = _copy_tensor(tensor, device)
    try:
        with _CopyTensorsTo(device):
            return copy.deepcopy(model, memo)
    except Exception as error:
        raise UserError(f"{type(model).__name__} can't be copied for the trace: {error}") from error


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


class _CopyTensorsTo(TorchFunctionMode):
    """A context manager that makes `copy.deepcopy` copy tensors in a module's plain attributes to `device`."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.Tensor.__deepcopy__:
            tensor, memo = args
            if id(tensor) not in memo:
                memo[id(tensor)] = _copy_tensor(tensor, self.device)
            return memo[id(tensor)]
        if func is torch.Tensor.clone:  # called by nn.Parameter.__deepcopy__
            return _copy_tensor(args[0], self.device)
        return func(*args, **(kwargs or {}))
