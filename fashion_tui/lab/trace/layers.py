"""How a call of a layer reads in the table, and which layers are one step."""

import functools
import inspect
from collections.abc import Sequence
from typing import Any

from torch import nn

from .windows import CONVOLUTIONS, POOLS

_SAID_IN_WORDS = {"inplace": "in place", "batch_first": "batch first"}
_COUNTED = {"num_layers": "layers"}
_UNSAID = frozenset({"device", "dtype", "bias", "track_running_stats"})


def is_one_step(module: nn.Module) -> bool:
    """True for torch's own layers that hold no others: what they call inside is their own business.

    Attention holds a projection, but computes it together with the rest.
    """
    if isinstance(module, nn.MultiheadAttention):
        return True
    return _is_torchs_own(module) and not any(module.children())


def _is_torchs_own(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn.modules.")


def settings_of_layer(module: nn.Module) -> str:
    """Kernel, stride, padding and what else differs from the default."""
    if not _is_torchs_own(module):
        return ""
    words: list[str] = []
    if isinstance(module, CONVOLUTIONS):
        words.append(window(module.kernel_size, module.stride, module.padding, module.dilation))
        words += [f"g{module.groups}"] if module.groups != 1 else []
        words += [f"{module.padding_mode} padding"] if module.padding_mode != "zeros" else []
        words += [f"+{by(module.output_padding)}"] if any(module.output_padding) else []
    elif isinstance(module, POOLS):
        dilation = getattr(module, "dilation", 1)
        kernel = _on_all_axes(module.kernel_size, module)
        words.append(window(kernel, module.stride, module.padding, dilation, says_stride=True))
        words += ["ceil"] if module.ceil_mode else []
    elif isinstance(module, nn.MultiheadAttention):
        words.append(f"{module.num_heads} heads")
    elif isinstance(module, nn.GroupNorm):
        words.append(f"{module.num_groups} groups")
    elif isinstance(module, nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d | nn.AlphaDropout):
        words.append(f"p={module.p:g}")
    elif type(module).__name__.startswith("Adaptive"):
        words.append(f"to {by(_on_all_axes(module.output_size, module))}")
    else:
        words += _other_than_default(module)
    if getattr(module, "bias", True) is None or getattr(module, "bias", True) is False:
        words.append("no bias")
    return " ".join(words) if isinstance(module, CONVOLUTIONS + POOLS) else ", ".join(words)


def window(kernel: Any, stride: Any, padding: Any, dilation: Any, *, says_stride: bool = False) -> str:
    """`5×5 p2`, `2×2 s2`: the kernel, and of stride, padding and dilation those that aren't the default.

    A single number stands for a square.
    """
    parts = [by(kernel)]
    parts += [_short("s", stride)] if says_stride or not _all(stride, 1) else []
    parts += [_short("p", padding)] if not _all(padding, 0) else []
    parts += [_short("d", dilation)] if not _all(dilation, 1) else []
    return " ".join(parts)


def by(sizes: Any) -> str:
    """`5×5`; a single number stands for a square, None for the size that there is."""
    if isinstance(sizes, int) or sizes is None:
        sizes = (sizes, sizes)
    return "×".join("·" if size is None else str(size) for size in sizes)


def _on_all_axes(size: Any, module: nn.Module) -> Any:
    """A single number for each axis of a layer such as MaxPool2d."""
    return (size,) * int(type(module).__name__[-2]) if isinstance(size, int) else size


def _short(letter: str, value: Any) -> str:
    if isinstance(value, str):
        return f"p {value}"
    if isinstance(value, Sequence):
        return f"{letter}{value[0]}" if len(set(value)) == 1 else letter + "×".join(map(str, value))
    return f"{letter}{value}"


def _all(value: Any, expected: int) -> bool:
    return all(item == expected for item in value) if isinstance(value, Sequence) else bool(value == expected)


def _other_than_default(module: nn.Module) -> list[str]:
    words = []
    for name, default in _defaults(type(module).__mro__).items():
        value = getattr(module, name, default)
        if value is None or isinstance(value, nn.Module) or callable(value) or _same(value, default):
            continue
        if isinstance(value, bool):
            words.append(_SAID_IN_WORDS.get(name, name) if value else f"no {name}")
        elif name in _COUNTED:
            words.append(f"{value} {_COUNTED[name]}")
        elif isinstance(value, int | float | str):
            words.append(f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}")
        elif isinstance(value, tuple | list):
            words.append(f"{name}={by(value)}")
    return words


def _same(value: Any, default: Any) -> bool:
    return type(value) in {bool, int, float, str, tuple, list} and bool(value == default)


@functools.cache
def _defaults(kinds: tuple[type, ...]) -> dict[str, Any]:
    """Of the arguments that a layer can be made without."""
    parameters: dict[str, inspect.Parameter] = {}
    for kind in reversed(kinds):  # nn.LSTM hands most of its arguments on to nn.RNNBase
        if "__init__" in vars(kind) and kind not in {nn.Module, object}:
            parameters |= inspect.signature(vars(kind)["__init__"]).parameters
    return {
        name: parameter.default
        for name, parameter in parameters.items()
        if parameter.default is not inspect.Parameter.empty and name not in _UNSAID
    }
