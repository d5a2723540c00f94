"""The window settings of convolutions and pools, for both layers and functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)

_AFTER_WEIGHT = {
    "conv": ("bias", "stride", "padding", "dilation", "groups"),
    "conv_transpose": ("bias", "stride", "padding", "output_padding", "groups", "dilation"),
}
"""Names of a convolution's positional arguments after the input and the weight, for any number of axes."""
_AFTER_INPUT = {
    "max_pool": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "avg_pool": ("kernel_size", "stride", "padding", "ceil_mode"),
}
"""Names of a pool's positional arguments after the input, for any number of axes."""


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """Settings of a sliding window, with one number for each spatial axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | str
    """Padding on each side, or the string `same` or `valid`."""
    dilation: tuple[int, ...]
    ceil_mode: bool = False
    transposed: bool = False


def layer_window(module: nn.Module) -> WindowSettings | None:
    """Return the window of a convolution or pool, or None for any other layer."""
    layer: Any = module
    if isinstance(module, CONVOLUTIONS):
        padding = layer.padding if isinstance(layer.padding, str) else tuple(layer.padding)
        return WindowSettings(layer.kernel_size, layer.stride, padding, layer.dilation, transposed=layer.transposed)
    if isinstance(module, POOLS):
        axes = int(type(module).__name__[-2])
        return _window_settings(
            _per_axis(layer.kernel_size, axes), layer.stride, layer.padding, getattr(layer, "dilation", 1),
            ceil_mode=layer.ceil_mode,
        )  # fmt: skip
    return None


def function_window(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> WindowSettings | None:
    """Return the window of a convolution or pool, or None for any other function or invalid arguments."""
    arguments = window_arguments(name, args, kwargs)
    kernel = arguments.get("kernel_size")
    if kernel is None:
        return None
    try:
        return _window_settings(
            _per_axis(kernel, axis_count(name)),
            arguments.get("stride") or (1 if name.startswith("conv") else kernel),
            arguments.get("padding", 0),
            arguments.get("dilation", 1),
            ceil_mode=bool(arguments.get("ceil_mode", False)),
            transposed=name.startswith("conv_transpose"),
        )
    except (TypeError, ValueError):
        return None


def window_arguments(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a convolution or pool, keyed by name.

    The result includes a convolution's `kernel_size`. Return an empty dict for any other function.
    """
    kind = _base_name(name).rstrip("123d")
    if kind in _AFTER_INPUT:
        return {**dict(zip(_AFTER_INPUT[kind], args[1:], strict=False)), **kwargs}
    weight = args[1] if len(args) > 1 else kwargs.get("weight")
    if kind in _AFTER_WEIGHT and isinstance(weight, Tensor):
        arguments = dict(zip(_AFTER_WEIGHT[kind], args[2:], strict=False))
        return {**arguments, **kwargs, "kernel_size": tuple(weight.shape[2:])}
    return {}


def axis_count(name: str) -> int:
    """Return the number of spatial axes of a convolution or pool: 2 for `max_pool2d`."""
    return int(_base_name(name)[-2])


def _base_name(name: str) -> str:
    """Return the name without the suffix `_with_indices`: `max_pool2d` for `max_pool2d_with_indices`."""
    return name.removesuffix("_with_indices")


def _window_settings(  # noqa: PLR0913
    kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any, *, ceil_mode: bool, transposed: bool = False
) -> WindowSettings:
    axes = len(kernel)
    padding = padding if isinstance(padding, str) else _per_axis(padding, axes)
    return WindowSettings(kernel, _per_axis(stride, axes), padding, _per_axis(dilation, axes), ceil_mode, transposed)


def _per_axis(size: Any, axes: int) -> tuple[int, ...]:
    """Return one number for each axis. A single number is repeated.

    Raises ValueError if `size` has any other length.
    """
    sizes = (size,) * axes if isinstance(size, int) else tuple(size)
    if len(sizes) == 1:
        sizes *= axes
    if len(sizes) != axes or not all(isinstance(one, int) for one in sizes):
        raise ValueError(f"size is {size!r}; expected one number, or {axes}")
    return sizes
