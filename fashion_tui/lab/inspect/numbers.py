"""The numbers of a tensor: least, mean, largest, and what is no number. Of a large one a sample is looked at."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fashion_tui.lab.evaluation.histograms import histogram
from fashion_tui.schema.tensors import ReadTensor, Size, Statistics, TensorWindow
from fashion_tui.schema.weights import Histogram

from .names import Values

MOST_READ = 262_144
"""Values up to which all are looked at: half a millisecond."""

SAMPLE = 32_768
"""Values that are drawn from a larger tensor. Few enough for torch to stay within one thread."""


def numbers_of(values: Values) -> Statistics | None:
    """None where it holds no values: an empty one, or one on the meta device.

    TypeError where its values are no numbers.
    """
    if _is_without_values(values):
        return None
    looked_at, sampled = read(values)
    finite = looked_at[looked_at.isfinite()]
    some = len(finite) > 0
    return Statistics(
        low=finite.min().item() if some else None,
        mean=_mean(finite) if some else None,
        high=finite.max().item() if some else None,
        nans=int(looked_at.isnan().sum()),
        infinities=int(looked_at.isinf().sum()),
        sample_size=sampled,
    )


def histogram_of(name: str, values: Values) -> Histogram | None:
    """How the values are spread; None where there are none."""
    return None if _is_without_values(values) else histogram(name, read(values)[0])


def read(values: Values) -> tuple[Tensor, int]:
    """Real numbers to count with, on the CPU, [n] of float32 or float64; and how many were drawn, 0 for all.

    The sample is drawn evenly and with replacement by a generator of its own: always the same one.
    """
    if isinstance(values, Tensor) and values.layout != torch.strided:
        values = values.coalesce().values() if values.layout == torch.sparse_coo else values.to_dense()
    total = math.prod(values.shape)
    if total <= MOST_READ:
        return _real(values), 0
    places = _drawn(tuple(values.shape))
    if isinstance(values, Tensor):
        return _real(values[tuple(place.to(values.device) for place in places)]), SAMPLE
    return _real(values[tuple(place.numpy() for place in places)]), SAMPLE


def window_of(values: Values, wanted: ReadTensor) -> TensorWindow | None:
    """The values in a window; None where there are none to see."""
    if _is_without_values(values) or (isinstance(values, Tensor) and values.layout != torch.strided):
        return None
    grid: Any = values if len(values.shape) > 1 else values.reshape(1, -1)
    at = _within(tuple(grid.shape), wanted)
    for index in at[:-2]:
        grid = grid[index]
    rows, columns = min(wanted.rows, grid.shape[0]), min(wanted.columns, grid.shape[1])
    seen = _real(grid[at[-2] : at[-2] + rows, at[-1] : at[-1] + columns])
    own_axes = at[len(at) - len(values.shape) :]
    return TensorWindow(start=own_axes, rows=rows, columns=columns, values=tuple(map(_told, seen.tolist())))


def _drawn(shape: Size) -> list[Tensor]:
    """For each axis the indices of SAMPLE values."""
    drawn = torch.randint(math.prod(shape), (SAMPLE,), generator=torch.Generator().manual_seed(0))
    places = []
    for size in reversed(shape):
        places.append(drawn % size)
        drawn = drawn // size
    return places[::-1]


def _is_without_values(values: Values) -> bool:
    return math.prod(values.shape) == 0 or (isinstance(values, Tensor) and values.is_meta)


def _within(shape: Size, wanted: ReadTensor) -> Size:
    """The index of the window's first value, such that the window lies within the shape of two axes at least."""
    at = [0] * (len(shape) - len(wanted.start)) + list(wanted.start)
    room = [1] * (len(shape) - 2) + [min(wanted.rows, shape[-2]), min(wanted.columns, shape[-1])]
    return tuple(max(0, min(index, size - seen)) for index, size, seen in zip(at, shape, room, strict=True))


def _real(values: Values) -> Tensor:
    """A copy, [n], on the CPU: complex numbers by their magnitude, whole ones as float64.

    TypeError where they are no numbers.
    """
    if not isinstance(values, Tensor):
        if values.dtype.kind not in "biufc":
            raise TypeError(f"values of {values.dtype} are no numbers")
        values = torch.from_numpy(np.array(values, dtype=complex if values.dtype.kind == "c" else float))
    if values.is_complex():
        values = values.abs()
    if values.dtype not in {torch.float32, torch.float64}:
        values = values.float() if values.is_floating_point() else values.double()
    return values.flatten().cpu()


def _mean(finite: Tensor) -> float | None:
    mean = finite.double().mean().item()
    return mean if math.isfinite(mean) else None


def _told(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
