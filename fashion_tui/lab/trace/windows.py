"""The sliding windows of convolutions and pools: how they are placed, whether a layer or a function slides them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)

_AFTER_THE_WEIGHT = {
    "conv": ("bias", "stride", "padding", "dilation", "groups"),
    "conv_transpose": ("bias", "stride", "padding", "output_padding", "groups", "dilation"),
}
_AFTER_THE_INPUT = {
    "max_pool": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "avg_pool": ("kernel_size", "stride", "padding", "ceil_mode"),
}
"""The order of arguments, whatever the number of axes."""


@dataclass(frozen=True, slots=True)
class Window:
    """One number for each axis that it slides along."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | str
    """On each side; or `same` or `valid`."""
    dilation: tuple[int, ...]
    ceil_mode: bool = False
    transposed: bool = False


def window_of_layer(module: nn.Module) -> Window | None:
    """None for a layer that slides no window."""
    layer: Any = module
    if isinstance(module, CONVOLUTIONS):
        padding = layer.padding if isinstance(layer.padding, str) else tuple(layer.padding)
        return Window(layer.kernel_size, layer.stride, padding, layer.dilation, transposed=layer.transposed)
    if isinstance(module, POOLS):
        axes = int(type(module).__name__[-2])
        return _window(
            _on_axes(layer.kernel_size, axes), layer.stride, layer.padding, getattr(layer, "dilation", 1),
            ceil_mode=layer.ceil_mode,
        )  # fmt: skip
    return None


def window_of_call(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Window | None:
    """None for a function that slides no window, and for one that was called in a way that makes no sense."""
    given = window_arguments(name, args, kwargs)
    kernel = given.get("kernel_size")
    if kernel is None:
        return None
    try:
        return _window(
            _on_axes(kernel, int(_plain(name)[-2])),
            given.get("stride") or (1 if name.startswith("conv") else kernel),
            given.get("padding", 0),
            given.get("dilation", 1),
            ceil_mode=bool(given.get("ceil_mode", False)),
            transposed=name.startswith("conv_transpose"),
        )
    except (TypeError, ValueError):
        return None


def window_arguments(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What a convolution or a pool was called with, by the arguments' names; of a convolution also its kernel's size.

    Empty for other functions.
    """
    kind = _plain(name).rstrip("123d")
    if kind in _AFTER_THE_INPUT:
        return {**dict(zip(_AFTER_THE_INPUT[kind], args[1:], strict=False)), **kwargs}
    weight = args[1] if len(args) > 1 else kwargs.get("weight")
    if kind in _AFTER_THE_WEIGHT and isinstance(weight, Tensor):
        given = dict(zip(_AFTER_THE_WEIGHT[kind], args[2:], strict=False))
        return {**given, **kwargs, "kernel_size": tuple(weight.shape[2:])}
    return {}


def _plain(name: str) -> str:
    """`max_pool2d` also of the function that tells where it found the largest."""
    return name.removesuffix("_with_indices")


def _window(  # noqa: PLR0913
    kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any, *, ceil_mode: bool, transposed: bool = False
) -> Window:
    axes = len(kernel)
    padding = padding if isinstance(padding, str) else _on_axes(padding, axes)
    return Window(kernel, _on_axes(stride, axes), padding, _on_axes(dilation, axes), ceil_mode, transposed)


def _on_axes(size: Any, axes: int) -> tuple[int, ...]:
    """A single number stands for all axes. ValueError where there are too few or too many."""
    sizes = (size,) * axes if isinstance(size, int) else tuple(size)
    if len(sizes) == 1:
        sizes *= axes
    if len(sizes) != axes or not all(isinstance(one, int) for one in sizes):
        raise ValueError(f"{size!r} for {axes} axes")
    return sizes
