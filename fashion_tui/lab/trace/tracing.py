"""The entry point of the shape trace."""

import math
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from fashion_tui.lab.rng import preserve_rng_state
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.shapes import NETWORK_INPUT, Shape, ShapeRow, ShapeTable

from .explain import Repair, explain
from .model_copy import CPU, META, copy_model
from .record import Recording, record
from .remarks import find_remarks, unused_names
from .rows import RecordingPair, rows_of, used_parameters
from .structure import named_buffers, named_modules, named_parameters, parameters_of
from .timing import add_times

BATCHES = (2, 3)
"""Batch sizes of the two recordings. Batch normalisation needs at least 2 samples in training mode."""

MAX_VALUES = 2**31
"""Maximum number of values in one sample."""


def trace(  # noqa: PLR0913 - each is an independent choice
    model: nn.Module,
    input_size: Shape | Sequence[Shape],
    *,
    name: str | None = None,
    dtype: torch.dtype | None = None,
    measure: torch.device | None = None,
    repair: Repair | None = None,
) -> ShapeTable:
    """Return a table with a row for each call of a module, or of a function that changes or computes data.

    The model is not changed and no values are computed: a copy of the model runs on the meta device. If the model's
    code needs values, the copy runs on the CPU instead. If the model raises an error, the table contains the error and
    the calls up to that point.

    `input_size` is the shape of one sample, without the batch axis, such as `(1, 28, 28)`, or a sequence of shapes for
    several inputs. `name` is the model's name in the table and defaults to the name of its class. `dtype` is the dtype
    of the inputs. It defaults to the dtype of the model's weights, or to int64 if an embedding receives the input. If
    `measure` is given and the model raises no error, the calls are also timed on that device, which takes a few
    seconds. If `repair` is given and the model raises an error, the table contains an edit that fixes it, if one is
    found.

    Raises UserError if `model` is not an `nn.Module`, and UsageError if `input_size` is invalid.
    """
    if not isinstance(model, nn.Module):
        raise UserError(f"expected an instance of nn.Module, got {_describe(model)}")
    sizes = _check_sizes(input_size)
    with preserve_rng_state():
        for input_dtype in (dtype,) if dtype is not None else (_dtype_of(model), torch.int64):
            pair, model_copy = _record_pair(model, sizes, input_dtype)
            if not _needs_indices(pair.first):
                break
        table = _table(pair, model_copy, sizes, name or type(model).__name__, repair)
        return table if measure is None or table.error else add_times(table, model, input_dtype, measure)


def _record_pair(model: nn.Module, sizes: tuple[Shape, ...], dtype: torch.dtype) -> tuple[RecordingPair, nn.Module]:
    """Record two passes, on the meta device if possible.

    Return both recordings, and the copy of the model that was used for the first one.
    """
    has_scripts = any(isinstance(module, torch.jit.ScriptModule) for _, module in named_modules(model))
    for device in (CPU,) if has_scripts else (META, CPU):
        copies = [copy_model(model, device) for _ in BATCHES]
        recordings = []
        for model_copy, batch in zip(copies, BATCHES, strict=True):
            _seed_generators()
            inputs = tuple(_input((batch, *size), dtype, device) for size in sizes)
            _initialise_lazy_layers(model_copy, inputs)
            recordings.append(record(model_copy, inputs, batch))
        if not any(_needs_values(recording.error) for recording in recordings):
            break
    first, second = recordings
    if second.error is not None and first.error is None:  # for example, if a view fits two samples but not three
        return RecordingPair(second, first), copies[1]
    return RecordingPair(first, second), copies[0]


def _table(
    pair: RecordingPair, model: nn.Module, sizes: tuple[Shape, ...], name: str, repair: Repair | None
) -> ShapeTable:
    recording = pair.first
    rows = rows_of(pair)
    parameters = [parameter for parameter in parameters_of(model) if not is_lazy(parameter)]
    unused = set(parameters) - used_parameters(recording) if recording.error is None else set()
    explained = explain(recording, pair.second, rows, model, repair)
    return ShapeTable(
        model=name,
        inputs=sizes,
        outputs=pair.sample_shapes(recording.outputs, pair.second.outputs),
        output_producers=tuple(recording.output_producers),
        rows=rows,
        total_params=sum(parameter.numel() for parameter in parameters),
        trainable_params=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        total_macs=_total_macs(pair, rows),
        unused=unused_names(model, unused),
        unused_params=sum(parameter.numel() for parameter in unused),
        ran="meta" if recording.device == "meta" else "real",
        remarks=find_remarks(rows, pair),
        error=None if explained is None else explained.text,
        error_file=None if explained is None else explained.file,
        error_line=None if explained is None else explained.line,
        fix=None if explained is None else explained.fix,
    )


def _total_macs(pair: RecordingPair, rows: tuple[ShapeRow, ...]) -> int:
    if pair.first.error is not None:
        return sum(row.macs or 0 for row in rows if row.depth == 0)
    return pair.per_sample(pair.first.macs, pair.second.macs)


def _check_sizes(input_size: Any) -> tuple[Shape, ...]:
    """Convert one or more shapes to a tuple of shapes. Raises UsageError if a shape is invalid."""
    sizes = tuple(input_size) if isinstance(input_size, Sequence) and not isinstance(input_size, str) else ()
    if not sizes or not isinstance(sizes[0], Sequence):
        sizes = (sizes,)
    for size in sizes:
        if not size or not all(type(axis) is int and axis > 0 for axis in size):
            raise UsageError(
                f"invalid input size {input_size!r}; give the shape of one sample as positive integers, "
                "without the batch axis, such as 1x28x28"
            )
        if math.prod(size) > MAX_VALUES:
            raise UsageError(
                f"the input size {'x'.join(map(str, size))} has {math.prod(size):,} values; it may have at most 2**31"
            )
    return tuple(tuple(size) for size in sizes)


def _input(shape: Shape, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    if dtype.is_floating_point or dtype.is_complex:
        return torch.rand(shape, dtype=dtype, device=device)
    return torch.zeros(shape, dtype=dtype, device=device)  # 0 is a valid index into any embedding


def _dtype_of(model: nn.Module) -> torch.dtype:
    return next((parameter.dtype for parameter in parameters_of(model) if parameter.is_floating_point()), torch.float32)


def _needs_indices(recording: Recording) -> bool:
    """Return whether the recording failed because an embedding received the network's floating-point input."""
    call = recording.calls[recording.failed[-1]] if recording.failed else None
    return (
        call is not None and call.op in {"Embedding", "EmbeddingBag", "F.embedding"} and NETWORK_INPUT in call.sources
    )


def _needs_values(error: BaseException | None) -> bool:
    """Return whether torch raised the error because the model's code read the values of a tensor on the meta device."""
    while error is not None:
        if isinstance(error, NotImplementedError) or "meta" in str(error).lower():
            return True
        error = error.__cause__ or error.__context__
    return False


def _initialise_lazy_layers(model: nn.Module, inputs: tuple[Any, ...]) -> None:
    """Run the model once if it has layers such as nn.LazyLinear, which get their shapes in the first pass."""
    if any(is_lazy(tensor) for tensor in [tensor for _, tensor in [*named_parameters(model), *named_buffers(model)]]):
        with suppress(Exception):  # the recorded pass raises the same error
            model(*inputs)


def _seed_generators() -> None:
    """Seed all generators, so that both recordings make the same random choices."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the global generator, which user code may draw from
    torch.default_generator.manual_seed(0)


def _describe(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
