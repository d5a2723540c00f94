"""How a call of a function of torch reads in the table: its name, its operation, its settings."""

import functools
import inspect
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .layers import by, window
from .windows import window_arguments

SYMBOLS = {
    "add": "+", "radd": "+", "sub": "-", "rsub": "-", "mul": "*", "rmul": "*", "div": "/", "truediv": "/", "rdiv": "/",
    "rtruediv": "/", "floordiv": "//", "floor_divide": "//", "rfloordiv": "//", "remainder": "%", "mod": "%",
    "matmul": "@", "rmatmul": "@", "pow": "**", "rpow": "**", "neg": "-", "getitem": "[]", "setitem": "[]=",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "&", "or": "|", "invert": "~",
    "add_": "+=", "sub_": "-=", "mul_": "*=", "div_": "/=", "iadd": "+=", "isub": "-=", "imul": "*=", "itruediv": "/=",
}  # fmt: skip
"""As they are written between tensors."""

RESHAPING = frozenset({"view", "reshape", "flatten", "Flatten", "squeeze", "unflatten", "view_as", "reshape_as"})

_OUT_OF_SIGHT = frozenset({"detach", "detach_", "requires_grad_", "data", "as_subclass", "alias", "lift_fresh"})
"""They give the same data under a new name."""

_MAY_DO_NOTHING = frozenset(
    {"contiguous", "to", "type", "type_as", "float", "double", "half", "bfloat16", "long", "int", "cpu", "cuda"}
)
"""Where they have nothing to do they give back the very tensor."""

_SHAPED_PROPERTIES = frozenset({"T", "mT", "H", "mH", "real", "imag"})

_UNSAID = frozenset({"inplace", "training", "dtype", "device", "out", "layout", "memory_format"})
"""Arguments that tell nothing about the shape, and what the columns show anyway."""

_NAMES = {
    "flatten": ("start_dim", "end_dim"),
    "chunk": ("chunks", "dim"),
    "split": ("size", "dim"),
    **dict.fromkeys(("cat", "stack", "unsqueeze", "squeeze", "unbind", "softmax", "log_softmax"), ("dim",)),
    **dict.fromkeys(("mean", "sum", "max", "min", "amax", "amin", "argmax", "argmin"), ("dim",)),
}
"""Of arguments of functions written in C++, which don't tell; of those in the same place for all their overloads."""

_LONGEST = 40


def name_of(func: Any) -> str:
    """`relu`, `max_pool2d`, `add`, `getitem`; of a property its name."""
    name = str(getattr(func, "__name__", func)).split(".")[0]
    if name in {"__get__", "__set__"}:
        return str(getattr(getattr(func, "__self__", None), "__name__", name))
    return name.removeprefix("__").removesuffix("__") if name.startswith("__") else name


def operation_of(func: Any, name: str) -> str:
    """`F.relu` and `torch.cat` as one writes them, `view` of a method, `+` of an operator."""
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


def stays_out_of_sight(func: Any, name: str) -> bool:
    """True for what is neither a change nor a computation of data, though it may give a tensor."""
    is_property = getattr(func, "__name__", "") in {"__get__", "__set__"}
    return name in _OUT_OF_SIGHT or (is_property and name not in _SHAPED_PROPERTIES)


def does_nothing(name: str, args: tuple[Any, ...], result: Any) -> bool:
    """True where a conversion found its tensor as it should be."""
    return name in _MAY_DO_NOTHING and bool(args) and result is args[0]


def changes_in_place(name: str) -> bool:
    """True for what gives nothing back, but changes its first argument."""
    return name == "setitem"


def settings_of_call(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], held: list[str]) -> str:
    """What was asked for beside the tensors that flow, as short as it can be said.

    `held` names the tensors of the network itself among the arguments.
    """
    slid = window_arguments(name, args, kwargs)
    if slid:
        words = _window(slid, is_pool="pool" in name)
    elif name in {"getitem", "setitem"}:
        words = _index(args[1])
    else:
        words = ", ".join(_arguments(func, args, kwargs))
    words = ", ".join(part for part in [words, *held] if part)
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _window(given: dict[str, Any], *, is_pool: bool) -> str:
    """A pool's stride, if none is given, is its kernel's size; it is always said."""
    kernel = given.get("kernel_size", 1)
    stride = given.get("stride") or (kernel if is_pool else 1)
    padding, dilation = given.get("padding", 0), given.get("dilation", 1)
    return window(kernel, stride, padding, dilation, says_stride=is_pool)


def _arguments(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[str]:
    defaults = _defaults(func)
    names = list(defaults) or ["", *_NAMES.get(str(getattr(func, "__name__", "")), ())]
    words = []
    for position, value in enumerate(args):
        name = names[position] if position < len(names) else ""
        if _can_be_said(value) and value is not defaults.get(name, _NO_DEFAULT):
            says_name = name in {"dim", "start_dim", "end_dim"} or (name and isinstance(value, float))
            words.append(f"{name}={_value(value, name)}" if says_name else _value(value, name))
    for name, value in kwargs.items():
        said = not (name.startswith("_") or name in _UNSAID or value is None)
        if said and _can_be_said(value) and value != defaults.get(name, _NO_DEFAULT):
            words.append(name if value is True else f"{name}={_value(value, name)}")
    return words


_NO_DEFAULT = inspect.Parameter.empty


@functools.cache
def _defaults(func: Any) -> dict[str, Any]:
    """Of the parameters of a function written in Python; those written in C++ don't tell."""
    try:
        parameters = inspect.signature(func).parameters
    except (TypeError, ValueError):
        return {}
    return {name: parameter.default for name, parameter in parameters.items()}


def _can_be_said(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_can_be_said, value))
    return value is None or isinstance(value, bool | int | float | str | torch.dtype)


def _value(value: Any, name: str) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return by(value) if name.endswith(("size", "shape")) else str(tuple(value))
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    return str(value)


def _index(index: Any) -> str:
    """`[:, 0]` as it was written."""
    return f"[{', '.join(map(_one_index, index if isinstance(index, tuple) else (index,)))}]"


def _one_index(part: Any) -> str:
    if isinstance(part, slice):
        ends = ["" if end is None else _one_index(end) for end in (part.start, part.stop)]
        return ":".join(ends) + ("" if part.step is None else f":{_one_index(part.step)}")
    if part is Ellipsis:
        return "…"
    return "tensor" if isinstance(part, Tensor) else str(part)
