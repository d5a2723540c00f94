"""Multiply-accumulates, as `torch.utils.flop_counter.FlopCounterMode` counts them, halved: a FLOP is half of one.

The formulas are FlopCounterMode's own. Counted is what multiplies matrices (convolutions, linear layers, matrix
products, recurrent layers, attention) and nothing else. A running total, without FlopCounterMode's bookkeeping for each
module, takes half the time.
"""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class CountMacs(TorchDispatchMode):
    """While this context is open, `total` grows by the multiply-accumulates of what runs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0

    @property
    def total(self) -> int:
        return self.flops // 2

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        formula = flop_registry.get(func._overloadpacket)  # noqa: SLF001 - the registry's keys
        if formula is None and _is_made_of_others(func):
            with self:
                return func.decompose(*args, **kwargs)
        result = func(*args, **kwargs)
        if formula is not None:
            self.flops += formula(*args, **kwargs, out_val=result)
        return result


def _is_made_of_others(func: Any) -> bool:
    """True for operations that autograd would have taken apart, met whole in inference mode only."""
    key = torch._C.DispatchKey.CompositeImplicitAutograd  # noqa: SLF001
    return torch.is_inference_mode_enabled() and torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)  # noqa: SLF001
