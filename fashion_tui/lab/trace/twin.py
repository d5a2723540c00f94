"""A twin of a network: the same modules, but its tensors are stand-ins, so that running it leaves the original alone.

On the `meta` device a tensor has a shape and no data: a twin of a billion parameters takes no memory, and running it no
time. On the CPU the stand-ins are copies with the original's values.
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


def twin_of(model: nn.Module, device: torch.device) -> nn.Module:
    """A deep copy of `model` on `device`; tensors that are shared in the model are shared in the copy.

    UserError where the model holds something that can't be copied.
    """
    model = getattr(model, "_orig_mod", model)  # what torch.compile wrapped
    memo: dict[int, Any] = {}
    for tensor in [*model.parameters(), *model.buffers()]:
        memo[id(tensor)] = _stand_in(tensor, device)
    try:
        with _CopyTensorsAsStandIns(device):
            twin = copy.deepcopy(model, memo)
    except Exception as error:
        raise UserError(f"{type(model).__name__} can't be copied to be traced: {error}") from error
    return twin


def _stand_in(tensor: Tensor, device: torch.device) -> Tensor:
    if isinstance(tensor, UninitializedParameter | UninitializedBuffer):  # of a lazy layer: no shape yet
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


class _CopyTensorsAsStandIns(TorchFunctionMode):
    """Tensors that a module holds as plain attributes are met while it is copied."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.Tensor.__deepcopy__:
            tensor, memo = args
            if id(tensor) not in memo:
                memo[id(tensor)] = _stand_in(tensor, self.device)
            return memo[id(tensor)]
        if func is torch.Tensor.clone:  # by nn.Parameter's own __deepcopy__
            return _stand_in(args[0], self.device)
        return func(*args, **(kwargs or {}))
