"""Tensors as figures: what is drawn of them, how it is scaled, and what the caption says of that.

Large ones are sampled before anything is computed: a figure costs milliseconds, whatever it is of. Imports torch, so
the kernel imports it once something is to be drawn.
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

LEAST_SIDE = 8
"""Pixels; what is smaller in height or width isn't taken for a picture."""

MOST_OF_SPARSE = 1 << 24
"""Values of a sparse tensor that is written out to be drawn."""

GARMENT = (28, 28)

COLOURS = 3


class CannotDraw(UserError):
    """Why there is no figure of a value."""


def describe(tensor: Tensor) -> str:
    """`float32 [1, 28, 28]`, and where it is, unless that is the CPU."""
    place = "" if tensor.device.type == "cpu" else f" on {tensor.device}"
    layout = "" if tensor.layout is torch.strided else "sparse "
    return f"{layout}{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}{place}"


def image_result(tensor: Tensor) -> ImageGrid | None:
    """The figure of a cell's result, where it is plainly a picture or a batch of them; else None.

    That is float or uint8 [28, 28], [1, 28, 28] and [N, 1, 28, 28], and in colour [3, H, W] and [N, 3, H, W].
    """
    shape = tuple(tensor.shape)
    grey = shape[-2:] == GARMENT and (len(shape) == 2 or shape[:-2] == (1,) or (len(shape) == 4 and shape[1] == 1))
    colour = len(shape) in {3, 4} and shape[-3] == COLOURS and min(shape[-2:]) >= LEAST_SIDE
    is_shade = tensor.dtype is torch.uint8 or tensor.is_floating_point()
    if not (is_shade and tensor.layout is torch.strided and tensor.numel() and (grey or colour)):
        return None
    channels = COLOURS if colour else 1
    return image_grid(_values(tensor).reshape(-1, channels, *shape[-2:]), describe(tensor))


def plot_of(tensor: Tensor, name: str, labels: Sequence[str] = ()) -> Plot:
    """The figure of any tensor. CannotDraw where there is nothing to be drawn.

    A vector gives bars, a matrix a heat map, whatever has more axes pictures: of its last two axes, or in colour.
    `name` begins the caption; `labels` are those of the pictures or of the bars.
    """
    values = _values(tensor)
    if not values.numel():
        raise CannotDraw(f"{name} is empty: there is nothing to draw")
    if values.is_complex():
        name += " · magnitudes"
    arranged = _arranged(values)
    match arranged.dim():
        case 0:
            raise CannotDraw(f"{_text(arranged.item())} · {name}, a single number: there is nothing to draw")
        case 1:
            return bars(arranged, name, labels)
        case 2 if labels:
            raise CannotDraw(f"{name} is drawn as a heat map, which has no labels")
        case 2:
            return heat_map(arranged, name)
    return image_grid(arranged, name, labels)


def _arranged(values: Tensor) -> Tensor:
    """The values by the axes that are drawn: `[N]` as bars, `[R, C]` as a heat map, `[N, C, H, W]` as pictures."""
    if values.dim() >= 3 and values.shape[-1] == COLOURS and min(values.shape[-3:-1]) >= LEAST_SIDE:
        values = values.movedim(-1, -3)  # images in arrays have their colours last
    if values.shape == GARMENT:
        return values[None, None]
    if values.dim() >= 3 and values.shape[-3] in {1, COLOURS} and min(values.shape[-2:]) >= LEAST_SIDE:
        return values.reshape(-1, *values.shape[-3:])
    values = values.squeeze()
    return values if values.dim() <= 2 else values.reshape(-1, 1, *values.shape[-2:])


def image_grid(batch: Tensor, name: str, labels: Sequence[str] = ()) -> ImageGrid:
    """The first of a batch, `[N, C, H, W]` with one channel or three, all in one scale."""
    total = len(batch)
    batch = batch[:MAX_IMAGES]
    count, channels, height, width = batch.shape
    _check_labels(labels, "pictures", total, count)
    share = min(1.0, MAX_SIDE / max(height, width), math.sqrt(MAX_BYTES / (count * channels * height * width)))
    size = max(int(height * share), 1), max(int(width * share), 1)
    # What is far too large isn't read whole: the mean below is taken of at most four values along each axis.
    batch = batch[:, :, :: max(height // (2 * size[0]), 1), :: max(width // (2 * size[1]), 1)]
    values = _real(batch)
    low, high, odd = _range(values)
    words = [name]
    if batch.dtype is torch.uint8:
        low, high = 0.0, 255.0
    elif low >= 0 and high <= 1:
        low, high = 0.0, 1.0
        words += ["in [0, 1]"] if batch.is_floating_point() else []
    else:
        words.append(f"· {_text(low)} … {_text(high)} shown as black … white".replace("-", "−"))
    if odd:
        words.append(f"· {odd:,} NaN or infinite, drawn black")
    if share < 1:
        words.append(f"· {height}×{width} drawn as {size[0]}×{size[1]}")
    shades = _shares(values, low, high)
    if odd:
        shades = shades.nan_to_num(0.0, 0.0, 0.0)
    if shades.shape[-2:] != size:
        shades = F.adaptive_avg_pool2d(shades, size)
    pixels = shades.mul(255).round().to(torch.uint8).movedim(1, -1)
    return ImageGrid(
        count=count,
        height=size[0],
        width=size[1],
        channels=3 if channels == COLOURS else 1,
        pixels=pixels.contiguous().numpy().tobytes(),
        total=total,
        labels=tuple(label[:MAX_LABEL] for label in labels[:count]),
        caption=" ".join(words),
    )


def heat_map(matrix: Tensor, name: str) -> HeatMap:
    """A matrix, `[R, C]`; of a large one some rows and columns, evenly spread."""
    row_step, column_step = (-(-side // MAX_SIDE) for side in matrix.shape)
    matrix = matrix[::row_step, ::column_step]
    words = [name]
    if row_step > 1:
        words.append(f"· 1 row in {row_step:,}")
    if column_step > 1:
        words.append(f"· 1 column in {column_step:,}")
    values = _real(matrix)
    low, high, odd = _range(values)
    levels = _shares(values, low, high).mul(MAX_LEVEL).round().nan_to_num(0.0, 0.0, 0.0).to(torch.uint8)
    if odd:
        levels[~values.isfinite()] = NON_FINITE
    rows, columns = values.shape
    return HeatMap(
        rows=rows,
        columns=columns,
        levels=levels.contiguous().numpy().tobytes(),
        low=low,
        high=high,
        value_strings=_texts(matrix) if max(rows, columns) <= MAX_PRINTED else (),
        caption=" ".join(words),
    )


def bars(vector: Tensor, name: str, labels: Sequence[str] = ()) -> Bars:
    """A vector, `[N]`; of a long one some values, evenly spread."""
    _check_labels(labels, "values", len(vector))
    step = -(-len(vector) // MAX_SIDE)
    vector = vector[::step]
    return Bars(
        values=tuple(value if math.isfinite(value) else None for value in _real(vector).tolist()),
        stride=step,
        value_strings=_texts(vector) if len(vector) <= MAX_PRINTED else (),
        labels=tuple(label[:MAX_LABEL] for label in labels[::step]),
        caption=f"{name} · 1 value in {step:,}" if step > 1 else name,
    )


def _values(tensor: Tensor) -> Tensor:
    """The tensor without its history and in the plain layout, whatever its kind; CannotDraw where it has no values."""
    tensor = tensor.detach()
    if tensor.is_meta:
        raise CannotDraw(f"{describe(tensor)}: there it has a shape, and no values to draw")
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout is not torch.strided:
        if tensor.numel() > MOST_OF_SPARSE:
            raise CannotDraw(f"{describe(tensor)} is too large to be written out: show a part of it")
        tensor = tensor.to_dense()
    return tensor


def _real(tensor: Tensor) -> Tensor:
    """float64 on the CPU; of complex numbers the magnitudes."""
    tensor = tensor.cpu()
    if tensor.is_complex():
        tensor = tensor.to(torch.complex128).abs()
    return tensor.to(torch.float64)


def _range(values: Tensor) -> tuple[float, float, int]:
    """The least and the largest of the finite values, 0 and 0 where there are none; and how many others there are."""
    low, high = (end.item() for end in values.aminmax())
    if math.isfinite(low) and math.isfinite(high):
        return low, high, 0
    finite = values[values.isfinite()]
    odd = values.numel() - finite.numel()
    return (finite.min().item(), finite.max().item(), odd) if finite.numel() else (0.0, 0.0, odd)


def _shares(values: Tensor, low: float, high: float) -> Tensor:
    """0 for `low`, 1 for `high`. In halves, since the difference of two numbers may be none any more."""
    if (low, high) == (0.0, 1.0):
        return values
    span = (high / 2 - low / 2) or 1.0
    return (values / 2 - low / 2) / span


def _texts(tensor: Tensor) -> tuple[str, ...]:
    """Each value in a few characters; whole numbers in full."""
    if tensor.is_floating_point() or tensor.is_complex():
        return tuple(map(_text, _real(tensor).flatten().tolist()))
    return tuple(map(_text, tensor.flatten().tolist()))


def _text(number: complex) -> str:
    if isinstance(number, int) and abs(number) < 1_000_000:
        return str(int(number))
    return f"{abs(number) if isinstance(number, complex) else number:.3g}"


def _check_labels(labels: Sequence[str], what: str, *counts: int) -> None:
    if labels and len(labels) not in counts:
        raise CannotDraw(f"there are {len(labels)} labels for {counts[0]} {what}")
