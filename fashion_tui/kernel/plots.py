"""Convert tensors to plots. A plot's caption states which values were selected and how they were scaled.

Large tensors are sampled before anything is computed, so that a plot of any tensor takes milliseconds. This module
imports torch, so other modules import it only when they plot something.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.plots import (
    MAX_BYTES,
    MAX_IMAGES,
    MAX_LABEL,
    MAX_LEVEL,
    MAX_PRINTED,
    MAX_SIDE,
    NON_FINITE,
    Bars,
    HeatMap,
    ImageGrid,
    Plot,
)

MIN_IMAGE_SIDE = 8
"""Minimum height and width, in pixels, for a tensor to be recognised as an image."""

MAX_DENSE_VALUES = 1 << 24
"""Maximum number of values, including zeros, in a sparse tensor that can be plotted."""

FASHION_SIZE = (28, 28)

RGB_CHANNELS = 3


class CannotDraw(UserError):
    """Raised when a value can't be drawn. The message says why."""


def describe(tensor: Tensor) -> str:
    """Return a tensor's dtype, shape and device, such as `float32 [1, 28, 28] on cuda:0`. A CPU device is omitted."""
    device = "" if tensor.device.type == "cpu" else f" on {tensor.device}"
    layout = "" if tensor.layout is torch.strided else "sparse "
    return f"{layout}{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}{device}"


def image_result(tensor: Tensor) -> ImageGrid | None:
    """Return a plot of a cell's result if the tensor is clearly an image or a batch of images, else None.

    Such a tensor is float or uint8 and has the shape [28, 28], [1, 28, 28], [N, 1, 28, 28], [3, H, W] or [N, 3, H, W].
    """
    shape = tuple(tensor.shape)
    grey = shape[-2:] == FASHION_SIZE and (len(shape) == 2 or shape[:-2] == (1,) or (len(shape) == 4 and shape[1] == 1))
    rgb = len(shape) in {3, 4} and shape[-3] == RGB_CHANNELS and min(shape[-2:]) >= MIN_IMAGE_SIDE
    has_image_dtype = tensor.dtype is torch.uint8 or tensor.is_floating_point()
    if not (has_image_dtype and tensor.layout is torch.strided and tensor.numel() and (grey or rgb)):
        return None
    channels = RGB_CHANNELS if rgb else 1
    return image_grid(_dense(tensor).reshape(-1, channels, *shape[-2:]), describe(tensor))


def plot_of(tensor: Tensor, description: str, labels: Sequence[str] = ()) -> Plot:
    """Return the plot of a tensor. Raises CannotDraw if there is nothing to draw.

    A vector is drawn as bars, a 28×28 matrix as an image, and any other matrix as a heat map. A tensor with more axes
    is drawn as images of its last two axes, or of its last three axes if these contain RGB images. The caption begins
    with `description`. `labels` are the names of the images or bars.
    """
    values = _dense(tensor)
    if not values.numel():
        raise CannotDraw(f"{description} is empty; there is nothing to draw")
    if values.is_complex():
        description += " · magnitudes"
    arranged = _arrange(values)
    match arranged.dim():
        case 0:
            raise CannotDraw(f"{_format(arranged.item())} · {description} is a single number; there is nothing to draw")
        case 1:
            return bars(arranged, description, labels)
        case 2 if labels:
            raise CannotDraw(f"{description} is drawn as a heat map, which takes no labels")
        case 2:
            return heat_map(arranged, description)
    return image_grid(arranged, description, labels)


def _arrange(values: Tensor) -> Tensor:
    """Reshape a tensor for drawing: `[N]` for bars, `[R, C]` for a heat map, `[N, C, H, W]` for images."""
    if values.dim() >= 3 and values.shape[-1] == RGB_CHANNELS and min(values.shape[-3:-1]) >= MIN_IMAGE_SIDE:
        values = values.movedim(-1, -3)  # image arrays have the channel axis last; image tensors have it first
    if values.shape == FASHION_SIZE:
        return values[None, None]
    if values.dim() >= 3 and values.shape[-3] in {1, RGB_CHANNELS} and min(values.shape[-2:]) >= MIN_IMAGE_SIDE:
        return values.reshape(-1, *values.shape[-3:])
    values = values.squeeze()
    return values if values.dim() <= 2 else values.reshape(-1, 1, *values.shape[-2:])


def image_grid(batch: Tensor, description: str, labels: Sequence[str] = ()) -> ImageGrid:
    """Return a plot of the first images of a batch, `[N, C, H, W]` with C in {1, 3}. All images share one scale."""
    total = len(batch)
    batch = batch[:MAX_IMAGES]
    count, channels, height, width = batch.shape
    _check_labels(labels, "images", total, count)
    scale = min(1.0, MAX_SIDE / max(height, width), math.sqrt(MAX_BYTES / (count * channels * height * width)))
    size = max(int(height * scale), 1), max(int(width * scale), 1)
    # Sample very large images, so that a drawn pixel is the average of at most four values along each axis.
    batch = batch[:, :, :: max(height // (2 * size[0]), 1), :: max(width // (2 * size[1]), 1)]
    values = _as_float64(batch)
    low, high, non_finite = _finite_range(values)
    caption = [description]
    if batch.dtype is torch.uint8:
        low, high = 0.0, 255.0
    elif low >= 0 and high <= 1:
        low, high = 0.0, 1.0
        caption += ["in [0, 1]"] if batch.is_floating_point() else []
    else:
        caption.append(f"· {_format(low)} … {_format(high)} shown as black … white".replace("-", "−"))
    if non_finite:
        caption.append(f"· {non_finite:,} NaN or infinite, drawn black")
    if scale < 1:
        caption.append(f"· {height}×{width} drawn as {size[0]}×{size[1]}")
    brightness = _normalised(values, low, high)
    if non_finite:
        brightness = brightness.nan_to_num(0.0, 0.0, 0.0)
    if brightness.shape[-2:] != size:
        brightness = F.adaptive_avg_pool2d(brightness, size)
    pixels = brightness.mul(255).round().to(torch.uint8).movedim(1, -1)
    return ImageGrid(
        count=count,
        height=size[0],
        width=size[1],
        channels=3 if channels == RGB_CHANNELS else 1,
        pixels=pixels.contiguous().numpy().tobytes(),
        total=total,
        labels=tuple(label[:MAX_LABEL] for label in labels[:count]),
        caption=" ".join(caption),
    )


def heat_map(matrix: Tensor, description: str) -> HeatMap:
    """Return a plot of a matrix, `[R, C]`. If the matrix is large, only evenly spaced rows and columns are drawn."""
    row_stride, column_stride = (-(-side // MAX_SIDE) for side in matrix.shape)
    matrix = matrix[::row_stride, ::column_stride]
    caption = [description]
    if row_stride > 1:
        caption.append(f"· 1 row in {row_stride:,}")
    if column_stride > 1:
        caption.append(f"· 1 column in {column_stride:,}")
    values = _as_float64(matrix)
    low, high, non_finite = _finite_range(values)
    levels = _normalised(values, low, high).mul(MAX_LEVEL).round().nan_to_num(0.0, 0.0, 0.0).to(torch.uint8)
    if non_finite:
        levels[~values.isfinite()] = NON_FINITE
    rows, columns = values.shape
    return HeatMap(
        rows=rows,
        columns=columns,
        levels=levels.contiguous().numpy().tobytes(),
        low=low,
        high=high,
        value_strings=_formatted(matrix) if max(rows, columns) <= MAX_PRINTED else (),
        caption=" ".join(caption),
    )


def bars(vector: Tensor, description: str, labels: Sequence[str] = ()) -> Bars:
    """Return a plot of a vector, `[N]`. If the vector is long, only evenly spaced values are drawn."""
    _check_labels(labels, "values", len(vector))
    stride = -(-len(vector) // MAX_SIDE)
    vector = vector[::stride]
    return Bars(
        values=tuple(value if math.isfinite(value) else None for value in _as_float64(vector).tolist()),
        stride=stride,
        value_strings=_formatted(vector) if len(vector) <= MAX_PRINTED else (),
        labels=tuple(label[:MAX_LABEL] for label in labels[::stride]),
        caption=f"{description} · 1 value in {stride:,}" if stride > 1 else description,
    )


def _dense(tensor: Tensor) -> Tensor:
    """Detach and dequantize a tensor, and make it dense. Raises CannotDraw if it is a meta tensor or too large."""
    tensor = tensor.detach()
    if tensor.is_meta:
        raise CannotDraw(f"{describe(tensor)} has a shape, but no values to draw")
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout is not torch.strided:
        if tensor.numel() > MAX_DENSE_VALUES:
            raise CannotDraw(f"{describe(tensor)} is too large to convert to a dense tensor; show a part of it")
        tensor = tensor.to_dense()
    return tensor


def _as_float64(tensor: Tensor) -> Tensor:
    """Convert a tensor to float64 on the CPU. Complex numbers are replaced with their magnitudes."""
    tensor = tensor.cpu()
    if tensor.is_complex():
        tensor = tensor.to(torch.complex128).abs()
    return tensor.to(torch.float64)


def _finite_range(values: Tensor) -> tuple[float, float, int]:
    """Return the minimum and maximum of the finite values (0 if there are none) and the number of non-finite values."""
    low, high = (end.item() for end in values.aminmax())
    if math.isfinite(low) and math.isfinite(high):
        return low, high, 0
    finite = values[values.isfinite()]
    non_finite = values.numel() - finite.numel()
    return (finite.min().item(), finite.max().item(), non_finite) if finite.numel() else (0.0, 0.0, non_finite)


def _normalised(values: Tensor, low: float, high: float) -> Tensor:
    """Scale values from [low, high] to [0, 1]. First, halve all numbers, because `high - low` could overflow."""
    if (low, high) == (0.0, 1.0):
        return values
    span = (high / 2 - low / 2) or 1.0
    return (values / 2 - low / 2) / span


def _formatted(tensor: Tensor) -> tuple[str, ...]:
    """Format each value with three significant digits, or in full if the value is an integer below a million."""
    if tensor.is_floating_point() or tensor.is_complex():
        return tuple(map(_format, _as_float64(tensor).flatten().tolist()))
    return tuple(map(_format, tensor.flatten().tolist()))


def _format(number: complex) -> str:
    if isinstance(number, int) and abs(number) < 1_000_000:
        return str(int(number))
    return f"{abs(number) if isinstance(number, complex) else number:.3g}"


def _check_labels(labels: Sequence[str], what: str, *allowed: int) -> None:
    if labels and len(labels) not in allowed:
        raise CannotDraw(f"there are {len(labels)} labels for {allowed[0]} {what}; give one for each")
