"""Describe a call of a torch function for the table of the shape trace: its name, operation and settings."""

import functools
import inspect
from types import FrameType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .layers import format_sizes, format_window
from .windows import axis_count, window_arguments

SYMBOLS = {
    "add": "+", "radd": "+", "sub": "-", "rsub": "-", "mul": "*", "rmul": "*", "div": "/", "truediv": "/", "rdiv": "/",
    "rtruediv": "/", "floordiv": "//", "floor_divide": "//", "rfloordiv": "//", "remainder": "%", "mod": "%",
    "matmul": "@", "rmatmul": "@", "pow": "**", "rpow": "**", "neg": "-", "getitem": "[]", "setitem": "[]=",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "&", "or": "|", "invert": "~",
    "add_": "+=", "sub_": "-=", "mul_": "*=", "div_": "/=", "iadd": "+=", "isub": "-=", "imul": "*=", "itruediv": "/=",
}  # fmt: skip
"""Python operators, keyed by function name."""

RESHAPING = frozenset({"view", "reshape", "flatten", "Flatten", "squeeze", "unflatten", "view_as", "reshape_as"})

_HIDDEN = frozenset({"detach", "detach_", "requires_grad_", "data", "as_subclass", "alias", "lift_fresh"})
"""Functions that return the same data in another tensor object."""

_CONVERSIONS = frozenset(
    {"contiguous", "to", "type", "type_as", "float", "double", "half", "bfloat16", "long", "int", "cpu", "cuda"}
)
"""Functions that return their argument itself if there is nothing to convert."""

_COMPUTING_PROPERTIES = frozenset({"T", "mT", "H", "mH", "real", "imag"})

_CHECKS = frozenset({"_detect_is_causal_mask", "_canonical_mask"})
"""Functions in torch that check or convert the mask of a transformer."""

_PACKING = frozenset({"_pack_padded_sequence", "_pad_packed_sequence", "pad_sequence"})
"""Functions in `torch.nn.utils.rnn` that have a row. The others only sort the sequences by length."""

_OMITTED = frozenset({"inplace", "training", "dtype", "device", "out", "layout", "memory_format"})
"""Keyword arguments that don't affect the shape, or are shown in another column."""

_ARGUMENT_NAMES = {
    "flatten": ("start_dim", "end_dim"),
    "chunk": ("chunks", "dim"),
    "split": ("size", "dim"),
    **dict.fromkeys(("cat", "stack", "unsqueeze", "squeeze", "unbind", "softmax", "log_softmax"), ("dim",)),
    **dict.fromkeys(("mean", "sum", "max", "min", "amax", "amin", "argmax", "argmin"), ("dim",)),
}
"""Names of the arguments after the first one, for functions written in C++, which have no signature.

Only arguments that have the same position in all overloads are listed.
"""

_MAX_LENGTH = 40


def function_name(func: Any) -> str:
    """Return the plain name of a function: `relu`, `max_pool2d`, `add` for `__add__`, `T` for a property getter."""
    name = str(getattr(func, "__name__", func)).split(".")[0]
    if name in {"__get__", "__set__"}:
        return str(getattr(getattr(func, "__self__", None), "__name__", name))
    return name.removeprefix("__").removesuffix("__") if name.startswith("__") else name


def operation_name(func: Any, name: str) -> str:
    """Return the function as it is written in code: `F.relu`, `torch.cat`, `view` for a method, `+` for an operator."""
    module = getattr(func, "__module__", None) or ""
    bare = name.removeprefix("linalg_").removeprefix("fft_").removeprefix("special_")
    if name in SYMBOLS and not module.startswith("torch.nn"):
        return SYMBOLS[name]
    if module.startswith("torch.nn.functional") or getattr(F, name, None) is func:
        return f"F.{name}"
    for namespace in ("linalg", "fft", "special"):
        if module == f"torch._C._{namespace}":
            return f"torch.{namespace}.{bare}"
    if module in {"torch", "torch.functional"} and hasattr(torch, name):
        return f"torch.{name}"
    return name


def is_hidden(func: Any, name: str) -> bool:
    """Return whether calls of `func` are left out of the table, because they neither change nor compute data."""
    is_property = getattr(func, "__name__", "") in {"__get__", "__set__"}
    return name in _HIDDEN or (is_property and name not in _COMPUTING_PROPERTIES)


def is_internal(frame: FrameType | None, name: str) -> bool:
    """Return whether a function is called by one of torch's own checks or helpers, and not by the user's code.

    Examples are the checks of the arguments of a distribution. `frame` is the frame of the caller.
    """
    while frame is not None and (module := str(frame.f_globals.get("__name__"))).startswith("torch."):
        if module.startswith("torch.distributions.") or frame.f_code.co_name in _CHECKS:
            return True
        if module == "torch.nn.attention.flex_attention":  # it creates a mask
            return True
        if module == "torch.nn.utils.rnn":
            return name not in _PACKING
        frame = frame.f_back
    return False


def is_no_op(name: str, args: tuple[Any, ...], result: Any) -> bool:
    """Return whether a conversion had nothing to convert and returned its argument."""
    return name in _CONVERSIONS and bool(args) and result is args[0]


def is_assignment(name: str) -> bool:
    """Return whether the function changes its first argument and returns None, as `x[0] = 1` does."""
    return name == "setitem"


def call_settings(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], model_tensors: list[str]) -> str:
    """Format the arguments other than input tensors, for example as `-1, 980`, `2×2 s2` or `[:, 0]`.

    `model_tensors` are the names of the arguments that are parameters, buffers or constants of the network.
    """
    window = window_arguments(name, args, kwargs)
    if window:
        settings = _format_window(window, axis_count(name), is_pool="pool" in name)
    elif name in {"getitem", "setitem"}:
        settings = _format_index(args[1])
    else:
        settings = ", ".join(_format_arguments(func, args, kwargs))
    settings = ", ".join(part for part in [settings, *model_tensors] if part)
    return settings if len(settings) <= _MAX_LENGTH else settings[: _MAX_LENGTH - 1] + "…"


def _format_window(arguments: dict[str, Any], axes: int, *, is_pool: bool) -> str:
    """Format a window. The stride of a pool, which defaults to the kernel size, is always included."""
    kernel = arguments.get("kernel_size", 1)
    stride = arguments.get("stride") or (kernel if is_pool else 1)
    padding, dilation = arguments.get("padding", 0), arguments.get("dilation", 1)
    kernel = (kernel,) * axes if isinstance(kernel, int) else kernel
    return format_window(kernel, stride, padding, dilation, always_stride=is_pool)


def _format_arguments(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    defaults = _defaults(func)
    names = list(defaults) or ["", *_ARGUMENT_NAMES.get(str(getattr(func, "__name__", "")), ())]
    parts = []
    for position, value in enumerate(args):
        name = names[position] if position < len(names) else ""
        if _is_literal(value) and value is not defaults.get(name, _NO_DEFAULT):
            with_name = name in {"dim", "start_dim", "end_dim"} or (name and isinstance(value, float))
            parts.append(f"{name}={_format_value(value, name)}" if with_name else _format_value(value, name))
    for name, value in kwargs.items():
        is_shown = not (name.startswith("_") or name in _OMITTED or value is None)
        if is_shown and _is_literal(value) and value != defaults.get(name, _NO_DEFAULT):
            parts.append(name if value is True else f"{name}={_format_value(value, name)}")
    return parts


_NO_DEFAULT = inspect.Parameter.empty


@functools.cache
def _defaults(func: Any) -> dict[str, Any]:
    """Return the default of each parameter of a function.

    Return an empty dict for a function written in C++, which has no signature.
    """
    try:
        parameters = inspect.signature(func).parameters
    except (TypeError, ValueError):
        return {}
    return {name: parameter.default for name, parameter in parameters.items()}


def _is_literal(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_literal, value))
    return value is None or isinstance(value, bool | int | float | str | torch.dtype)


def _format_value(value: Any, name: str) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return format_sizes(value) if name.endswith(("size", "shape")) else str(tuple(value))
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    return str(value)


def _format_index(index: Any) -> str:
    """Return an index as it is written in code, such as `[:, 0]`."""
    return f"[{', '.join(map(_format_index_part, index if isinstance(index, tuple) else (index,)))}]"


def _format_index_part(part: Any) -> str:
    if isinstance(part, slice):
        ends = ["" if end is None else _format_index_part(end) for end in (part.start, part.stop)]
        return ":".join(ends) + ("" if part.step is None else f":{_format_index_part(part.step)}")
    if part is Ellipsis:
        return "…"
    return "tensor" if isinstance(part, Tensor) else str(part)
