"""`trace`: the steps of a network, from its input to its output."""

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

from .explain import explain, line_of
from .record import Recording, record
from .remarks import remarks, unused_names
from .rows import Both, rows_of, used_parameters
from .stopwatch import with_times
from .twin import CPU, META, twin_of

BATCHES = (2, 3)
"""At least 2, since batch norm can't do with less; two, so that the batch axis shows itself."""

LARGEST_INPUT = 2**31
"""Values of one sample."""


def trace(
    model: nn.Module,
    input_size: Shape | Sequence[Shape],
    *,
    name: str | None = None,
    dtype: torch.dtype | None = None,
    measure: torch.device | None = None,
) -> ShapeTable:
    """The way of a tensor through `model`: a row for each module call and each function that changes or computes data.

    Nothing is computed and nothing of the model is changed: a twin of it runs on the meta device. Where the code asks
    for values, the twin runs on the CPU instead. An error in the model is part of the table, after the steps before it.

    `input_size` is the shape of one sample, without the batch axis, such as `(1, 28, 28)`; several of them for several
    inputs. `name` is what the table calls the model, its class if none is given; `dtype` that of the inputs, if none is
    given the one of the model's weights, or int64 where they are looked up in a table of embeddings.

    With `measure` the steps of a network without fault are also timed on that device, which takes some seconds.

    UserError where what is given is no `nn.Module`, or a shape that can't be.
    """
    if not isinstance(model, nn.Module):
        raise UserError(f"{_kind(model)} is no nn.Module; a network is an instance of a class derived from nn.Module")
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise UserError(f"{type(model).__name__} is compiled by TorchScript, whose steps can't be seen; give its class")
    sizes = _checked(input_size)
    with preserve_rng_state():
        for number in (dtype,) if dtype is not None else (_dtype_of(model), torch.int64):
            both, twin = _record_both(model, sizes, number)
            if not _wants_indices(both.few):
                break
        table = _table(both, twin, sizes, name or type(model).__name__)
        return table if measure is None or table.error else with_times(table, model, number, measure)


def _record_both(model: nn.Module, sizes: tuple[Shape, ...], dtype: torch.dtype) -> tuple[Both, nn.Module]:
    """Two passes, on meta where that is possible, and the twin that ran the first of them."""
    for device in (META, CPU):
        twins = [twin_of(model, device) for _ in BATCHES]
        recordings = []
        for twin, batch in zip(twins, BATCHES, strict=True):
            _start_generators()
            inputs = tuple(_input((batch, *size), dtype, device) for size in sizes)
            _settle_lazy_layers(twin, inputs)
            recordings.append(record(twin, inputs, batch))
        if not any(_needs_values(recording.error) for recording in recordings):
            break
    few, many = recordings
    if many.error is not None and few.error is None:  # what can be made of two samples, but not of three
        return Both(many, few), twins[1]
    return Both(few, many), twins[0]


def _table(both: Both, twin: nn.Module, sizes: tuple[Shape, ...], name: str) -> ShapeTable:
    recording = both.few
    rows = rows_of(both)
    parameters = [parameter for parameter in twin.parameters() if not is_lazy(parameter)]
    unused = set(parameters) - used_parameters(recording) if recording.error is None else set()
    file, line = line_of(recording.error)
    return ShapeTable(
        model=name,
        inputs=sizes,
        outputs=both.shapes_for_one(recording.outputs, both.many.outputs),
        rows=rows,
        total_params=sum(parameter.numel() for parameter in parameters),
        trainable_params=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        total_macs=_total_macs(both, rows),
        unused=unused_names(twin, unused),
        unused_params=sum(parameter.numel() for parameter in unused),
        traced_on=recording.device,
        warnings=remarks(rows, both),
        error=explain(recording, rows),
        error_file=file,
        error_line=line,
    )


def _total_macs(both: Both, rows: tuple[ShapeRow, ...]) -> int:
    if both.few.error is not None:
        return sum(row.macs for row in rows if row.depth == 0)
    return both.for_one(both.few.macs, both.many.macs)


def _checked(input_size: Any) -> tuple[Shape, ...]:
    """One shape or several, as a tuple of shapes."""
    sizes = tuple(input_size) if isinstance(input_size, Sequence) and not isinstance(input_size, str) else ()
    if not sizes or not isinstance(sizes[0], Sequence):
        sizes = (sizes,)
    for size in sizes:
        if not size or not all(type(axis) is int and axis > 0 for axis in size):
            raise UsageError(
                f"the input size {input_size!r} makes no sense; it is the shape of one sample, without the batch axis: "
                "positive whole numbers, such as 1x28x28"
            )
        if math.prod(size) > LARGEST_INPUT:
            raise UsageError(
                f"the input size {'x'.join(map(str, size))} is {math.prod(size):,} values; 2³¹ are the most"
            )
    return tuple(tuple(size) for size in sizes)


def _input(shape: Shape, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    if dtype.is_floating_point or dtype.is_complex:
        return torch.rand(shape, dtype=dtype, device=device)
    return torch.zeros(shape, dtype=dtype, device=device)  # 0 is an index into any table


def _dtype_of(model: nn.Module) -> torch.dtype:
    return next((parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()), torch.float32)


def _wants_indices(recording: Recording) -> bool:
    """True where the input of the network was to be looked up in a table, and was no whole number."""
    step = recording.steps[recording.failed[-1]] if recording.failed else None
    return (
        step is not None and step.op in {"Embedding", "EmbeddingBag", "F.embedding"} and NETWORK_INPUT in step.sources
    )


def _needs_values(error: BaseException | None) -> bool:
    """True for what torch raises where a tensor on the meta device is asked for its values."""
    while error is not None:
        if isinstance(error, NotImplementedError) or "meta" in str(error).lower():
            return True
        error = error.__cause__ or error.__context__
    return False


def _settle_lazy_layers(twin: nn.Module, inputs: tuple[Any, ...]) -> None:
    """Layers such as nn.LazyLinear take their shape from the first pass."""
    if any(is_lazy(tensor) for tensor in [*twin.parameters(), *twin.buffers()]):
        with suppress(Exception):  # the recorded pass meets it again
            twin(*inputs)


def _start_generators() -> None:
    """The same random choices in both passes."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - the generator that other people's code draws from
    torch.default_generator.manual_seed(0)


def _kind(value: Any) -> str:
    return f"the class {value.__name__} itself" if isinstance(value, type) else f"a {type(value).__name__}"
