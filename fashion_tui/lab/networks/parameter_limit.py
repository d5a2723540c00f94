"""Stop the construction of a network before its weights take up too much memory."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import is_lazy


class TooManyParameters(BaseException):
    """Raised when the weights exceed the limit. A BaseException, because a constructor might catch an Exception."""


@contextmanager
def limit_parameters(max_bytes: float) -> Iterator[None]:
    """Raise TooManyParameters in the `with` block if the parameters of new modules take more than `max_bytes`.

    The layers of torch register a parameter before they initialise it, so its memory isn't used yet. Parameters on the
    meta device take no memory.
    """
    if math.isinf(max_bytes):
        yield
        return
    total = 0

    def add_parameter(_module: nn.Module, _name: str, parameter: Any) -> None:
        nonlocal total
        if parameter is not None and not is_lazy(parameter) and not parameter.is_meta:
            total += parameter.numel() * parameter.element_size()
        if total > max_bytes:
            raise TooManyParameters

    hook = register_module_parameter_registration_hook(add_parameter)
    try:
        yield
    finally:
        hook.remove()
