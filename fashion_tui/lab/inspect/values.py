"""Read the values of a tensor or array: statistics, a histogram and a window. Large tensors are sampled."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fashion_tui.lab.evaluation.histograms import histogram
from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.tensors import ReadTensor, Size, Statistics, TensorWindow
from fashion_tui.schema.weights import Histogram

from .namespace import TensorOrArray

MAX_VALUES = 262_144
"""Tensors with more values than this are sampled. Reading this many values takes half a millisecond."""

SAMPLE_SIZE = 32_768
"""Number of values sampled from a larger tensor. It is small enough that torch uses a single thread."""


def compute_statistics(tensor: TensorOrArray) -> Statistics | None:
    """Return the statistics of the values, or None if the tensor is empty or on the meta device.

    Raises TypeError if the dtype is not numeric.
    """
    if _has_no_values(tensor):
        return None
    values, sample_size = sample_values(tensor)
    finite = values[values.isfinite()]
    has_finite = len(finite) > 0
    return Statistics(
        low=finite.min().item() if has_finite else None,
        mean=_mean(finite) if has_finite else None,
        high=finite.max().item() if has_finite else None,
        nans=int(values.isnan().sum()),
        infinities=int(values.isinf().sum()),
        sample_size=sample_size,
    )


def compute_histogram(name: str, tensor: TensorOrArray) -> Histogram | None:
    """Return a histogram of the values, or None if the tensor has no values."""
    return None if _has_no_values(tensor) else histogram(name, sample_values(tensor)[0])


def sample_values(tensor: TensorOrArray) -> tuple[Tensor, int]:
    """Return the values of a tensor, or a sample of the values, and the sample size.

    The values are float32 or float64 `[n]` on the CPU. The sample size is 0 if all values are returned. Samples are
    drawn uniformly with replacement, from a separate generator with a fixed seed.
    """
    if isinstance(tensor, Tensor) and tensor.layout != torch.strided:
        tensor = tensor.coalesce().values() if tensor.layout == torch.sparse_coo else tensor.to_dense()
    if math.prod(tensor.shape) <= MAX_VALUES:
        return _to_float(tensor), 0
    indices = _draw_indices(tuple(tensor.shape))
    if isinstance(tensor, Tensor):
        return _to_float(tensor[tuple(index.to(tensor.device) for index in indices)]), SAMPLE_SIZE
    return _to_float(tensor[tuple(index.numpy() for index in indices)]), SAMPLE_SIZE


def read_window(tensor: TensorOrArray, request: ReadTensor) -> TensorWindow | None:
    """Return the requested window of values, or None if the tensor has no values or isn't strided."""
    if _has_no_values(tensor) or (isinstance(tensor, Tensor) and tensor.layout != torch.strided):
        return None
    block: Any = tensor if len(tensor.shape) > 1 else tensor.reshape(1, -1)
    start = _clamp_start(tuple(block.shape), request)
    for index in start[:-2]:
        block = block[index]
    rows, columns = min(request.rows, block.shape[0]), min(request.columns, block.shape[1])
    values = _to_float(block[start[-2] : start[-2] + rows, start[-1] : start[-1] + columns])
    return TensorWindow(
        start=start[len(start) - len(tensor.shape) :],  # omit the axes that `reshape` added
        rows=rows,
        columns=columns,
        values=tuple(map(encode_float, values.tolist())),
    )


def _draw_indices(shape: Size) -> list[Tensor]:
    """Return the indices of SAMPLE_SIZE random values, as one tensor for each axis."""
    positions = torch.randint(math.prod(shape), (SAMPLE_SIZE,), generator=torch.Generator().manual_seed(0))
    indices = []
    for size in reversed(shape):
        indices.append(positions % size)
        positions = positions // size
    return indices[::-1]


def _has_no_values(tensor: TensorOrArray) -> bool:
    return math.prod(tensor.shape) == 0 or (isinstance(tensor, Tensor) and tensor.is_meta)


def _clamp_start(shape: Size, request: ReadTensor) -> Size:
    """Return the index of the window's first value, clamped so that the window fits into `shape`.

    `shape` has at least two axes.
    """
    start = [*[0] * len(shape), *request.start][len(request.start) :]  # the tensor may have had more or fewer axes
    window = [1] * (len(shape) - 2) + [min(request.rows, shape[-2]), min(request.columns, shape[-1])]
    return tuple(max(0, min(index, size - length)) for index, size, length in zip(start, shape, window, strict=True))


def _to_float(tensor: TensorOrArray) -> Tensor:
    """Flatten the values and move them to the CPU.

    Complex values become magnitudes; integers and booleans become float64. Raises TypeError if the dtype is not
    numeric.
    """
    if not isinstance(tensor, Tensor):
        if tensor.dtype.kind not in "biufc":
            raise TypeError(f"dtype {tensor.dtype} is not numeric")
        tensor = torch.from_numpy(np.array(tensor, dtype=complex if tensor.dtype.kind == "c" else float))
    if tensor.is_complex():
        tensor = tensor.abs()
    if tensor.dtype not in {torch.float32, torch.float64}:
        tensor = tensor.float() if tensor.is_floating_point() else tensor.cpu().double()  # mps has no float64
    return tensor.flatten().cpu()


def _mean(finite: Tensor) -> float | None:
    mean = finite.double().mean().item()
    return mean if math.isfinite(mean) else None
