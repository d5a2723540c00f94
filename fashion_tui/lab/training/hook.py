"""A hook of a module that has no effect in copies of the module."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch


class Hook:
    """A forward hook or forward pre-hook that passes its arguments to `function`, and changes neither input nor output.

    In a copied or unpickled module, the hook does nothing: `function` and the objects that it refers to aren't copied.
    It also does nothing while a module is traced or exported.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> None:
        is_tracing: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        if not (is_tracing or torch.compiler.is_exporting()):
            self._function(*arguments)

    @property
    def __name__(self) -> str:
        """Raise AttributeError. `torch.jit.script` reads the name of each hook, but can't compile this one."""
        raise AttributeError(
            "torch.jit.script can't compile a model that is measured; call it before run.watch or after the run"
        )

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Replace this object in copies by a function of the standard library that ignores its arguments.

        A pickled model can therefore be loaded where this package isn't installed.
        """
        return getattr, (nullcontext(), "__exit__")
