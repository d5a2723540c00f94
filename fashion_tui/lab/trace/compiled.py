"""Run functions that torch compiles itself, such as `torch.cond` and `flex_attention`, in a pass that is watched.

torch can't compile a function while a mode such as the recorder watches the calls, so all modes are disabled.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

import torch
from torch.overrides import _get_current_function_mode_stack, _pop_mode_temporarily
from torch.utils._python_dispatch import _disable_current_modes

RunCompiled = Callable[[Callable[..., Any], tuple[Any, ...]], Any]
"""Called as `run(function, args)` to run a function that torch has compiled; returns the result."""


@contextmanager
def without_modes_in_compiled(run: RunCompiled) -> Iterator[None]:
    """Disable all modes while a function runs that torch's own code passes to `torch.compile`.

    `run` calls the compiled function, which has the name and the module of the torch function that compiled it.
    """
    original = torch.compile

    def compile_(*args: Any, **kwargs: Any) -> Any:
        compiled: Callable[..., Any] = original(*args, **kwargs)
        caller = _torch_function(sys._getframe(1))  # noqa: SLF001
        if caller is None:
            return compiled

        def run_without_modes(*args: Any, **kwargs: Any) -> Any:
            def function(*args: Any) -> Any:
                with _disable_current_modes():
                    return compiled(*args, **kwargs)

            function.__name__ = caller.f_code.co_name
            function.__module__ = "torch"
            with ExitStack() as stack:
                for _ in _get_current_function_mode_stack():
                    stack.enter_context(_pop_mode_temporarily())
                return run(function, args)

        return run_without_modes

    torch.compile = compile_
    try:
        yield
    finally:
        torch.compile = original


def _torch_function(frame: FrameType | None) -> FrameType | None:
    """Return the frame of the torch function that the user's code called, or None if `frame` isn't in torch."""
    found = None
    while frame is not None and str(frame.f_globals.get("__name__")).startswith("torch."):
        found, frame = frame, frame.f_back
    return found
