"""Describe a layer for the table of the shape trace: its settings, and whether calls inside it get their own rows."""

import functools
import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from .structure import children_of
from .windows import CONVOLUTIONS, POOLS

_FLAG_NAMES = {"inplace": "in place", "batch_first": "batch first"}
_COUNT_NAMES = {"num_layers": "layers"}
_OMITTED = frozenset({"device", "dtype", "bias", "track_running_stats"})


def is_atomic(module: nn.Module) -> bool:
    """Return whether `module` is atomic, which means that the shape trace has no rows for the calls inside it.

    torch's own layers without children are atomic. nn.MultiheadAttention is also atomic, because it never calls its
    only child, the output projection. So are quantized layers, whose children hold their weights, and scripted modules,
    whose calls Python doesn't see.
    """
    if isinstance(module, nn.MultiheadAttention | torch.jit.ScriptModule) or _is_quantized(module):
        return True
    return _is_from_torch(module) and not children_of(module)


def layer_type(module: nn.Module) -> str:
    """Return the name of the module's class, which is the original class of a scripted module."""
    return str(module.original_name if isinstance(module, torch.jit.ScriptModule) else type(module).__name__)


def _is_from_torch(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn.modules.")


def _is_quantized(module: nn.Module) -> bool:
    return type(module).__module__.startswith(("torch.ao.nn.quantized.", "torch.ao.nn.intrinsic.quantized."))


def layer_settings(module: nn.Module) -> str:
    """Return a layer's settings, such as `5×5 p2 no bias`. Most settings are omitted if they are the default."""
    if not _is_from_torch(module):
        return ""
    parts: list[str] = []
    if isinstance(module, CONVOLUTIONS):
        parts.append(format_window(module.kernel_size, module.stride, module.padding, module.dilation))
        parts += [f"g{module.groups}"] if module.groups != 1 else []
        parts += [f"{module.padding_mode} padding"] if module.padding_mode != "zeros" else []
        parts += [f"+{format_sizes(module.output_padding)}"] if any(module.output_padding) else []
    elif isinstance(module, POOLS):
        dilation = getattr(module, "dilation", 1)
        kernel = _per_axis(module.kernel_size, module)
        parts.append(format_window(kernel, module.stride, module.padding, dilation, always_stride=True))
        parts += ["ceil"] if module.ceil_mode else []
    elif isinstance(module, nn.MultiheadAttention):
        parts.append(f"{module.num_heads} heads")
    elif isinstance(module, nn.GroupNorm):
        parts.append(f"{module.num_groups} groups")
    elif isinstance(module, nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d | nn.AlphaDropout):
        parts.append(f"p={module.p:g}")
    elif type(module).__name__.startswith("Adaptive") and hasattr(module, "output_size"):
        parts.append(f"to {format_sizes(_per_axis(module.output_size, module))}")
    else:
        parts += _non_default_arguments(module)
    if getattr(module, "bias", True) is None or getattr(module, "bias", True) is False:
        parts.append("no bias")
    return " ".join(parts) if isinstance(module, CONVOLUTIONS + POOLS) else ", ".join(parts)


def format_window(kernel: Any, stride: Any, padding: Any, dilation: Any, *, always_stride: bool = False) -> str:
    """Return the kernel size and the non-default settings of a window, such as `5×5 p2` or `2×2 s2`.

    A single number is used for both axes. If `always_stride` is True, the stride is included even if it is 1.
    """
    parts = [format_sizes(kernel)]
    parts += [_format_letter("s", stride)] if always_stride or not _is_all(stride, 1) else []
    parts += [_format_letter("p", padding)] if not _is_all(padding, 0) else []
    parts += [_format_letter("d", dilation)] if not _is_all(dilation, 1) else []
    return " ".join(parts)


def format_sizes(sizes: Any) -> str:
    """Format sizes as `5×5`. A single number stands for both axes. None, which means the input's size, becomes `·`."""
    if isinstance(sizes, int) or sizes is None:
        sizes = (sizes, sizes)
    return "×".join("·" if size is None else str(size) for size in sizes)


def _per_axis(size: Any, module: nn.Module) -> Any:
    """Repeat a single number for each spatial axis of a layer such as MaxPool2d."""
    return (size,) * int(type(module).__name__[-2]) if isinstance(size, int) else size


def _format_letter(letter: str, value: Any) -> str:
    if isinstance(value, str):
        return f"p {value}"
    if isinstance(value, Sequence):
        return f"{letter}{value[0]}" if len(set(value)) == 1 else letter + "×".join(map(str, value))
    return f"{letter}{value}"


def _is_all(value: Any, expected: int) -> bool:
    return all(item == expected for item in value) if isinstance(value, Sequence) else bool(value == expected)


def _non_default_arguments(module: nn.Module) -> list[str]:
    parts = []
    for name, default in _defaults(type(module).__mro__).items():
        value = getattr(module, name, default)
        if value is None or isinstance(value, nn.Module) or callable(value) or _equals(value, default):
            continue
        if isinstance(value, bool):
            parts.append(_FLAG_NAMES.get(name, name) if value else f"no {name}")
        elif name in _COUNT_NAMES:
            parts.append(f"{value} {_COUNT_NAMES[name]}")
        elif isinstance(value, int | float | str):
            parts.append(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}")
        elif isinstance(value, tuple | list):
            parts.append(f"{name}={format_sizes(value)}")
    return parts


def _equals(value: Any, default: Any) -> bool:
    return type(value) in {bool, int, float, str, tuple, list} and bool(value == default)


@functools.cache
def _defaults(classes: tuple[type, ...]) -> dict[str, Any]:
    """Return the default values of a layer's optional constructor arguments.

    `classes` is the `__mro__` of the layer's class.
    """
    parameters: dict[str, inspect.Parameter] = {}
    for cls in reversed(classes):  # nn.LSTM passes most of its arguments on to nn.RNNBase
        if "__init__" in vars(cls) and cls not in {nn.Module, object}:
            parameters |= inspect.signature(vars(cls)["__init__"]).parameters
    return {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.default is not inspect.Parameter.empty and name not in _OMITTED
    }
