"""Count multiply-accumulates (MACs) like `torch.utils.flop_counter.FlopCounterMode`, with two FLOPs per MAC.

The formulas come from FlopCounterMode. They cover only operations that multiply matrices: convolutions, linear layers,
matrix products, recurrent layers and attention. FlopCounterMode computes a total for every module.
MacCounter computes only the grand total, which takes half the time.
"""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class MacCounter(TorchDispatchMode):
    """A context manager that adds the MACs of every operation inside the `with` block to `total`."""

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
        if formula is None and _is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        result = func(*args, **kwargs)
        if formula is not None:
            self.flops += formula(*args, **kwargs, out_val=result)
        return result


def _is_composite(func: Any) -> bool:
    """Return whether `func` must be decomposed to count its MACs.

    This is the case if `func` consists of other operations and inference mode is enabled. Outside inference mode,
    autograd decomposes such operations.
    """
    key = torch._C.DispatchKey.CompositeImplicitAutograd  # noqa: SLF001
    return torch.is_inference_mode_enabled() and torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)  # noqa: SLF001
