"""Time the forward and backward pass of each call."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from fashion_tui.schema.shapes import Remark, ShapeRow, ShapeTable

from .batch_axis import CallKey, call_keys
from .calls import Call
from .inputs import Arguments, NetworkInputs
from .model_copy import copy_model
from .recorder import RECORDED_ERRORS, Recorder
from .rows import end_of_children
from .tensors import tensors_in

MAX_PASSES = 7
"""Maximum number of measured passes. A call's time is the minimum over all passes, to exclude the effect of other
programs."""
MAX_SECONDS = 3.0
"""Seconds after which no further pass is started. At least two passes are measured."""
MAX_BATCH = 32
MAX_MACS = 4 * 10**9
"""Maximum number of MACs in a pass. Large networks are timed with smaller batches to stay below this limit."""


@dataclass(frozen=True, slots=True)
class CallTimes:
    """Times of a call, in seconds."""

    forward: float
    backward: float
    """Time of the backward pass; 0 if neither the call nor any call before it has trainable parameters."""


def add_times(table: ShapeTable, model: nn.Module, inputs: NetworkInputs, device: torch.device) -> ShapeTable:
    """Return the table with the time of each row, measured on a batch.

    The time of a row with children is the sum of the children's times. If the network can't be run, for example because
    memory runs out, the returned table contains a remark instead.
    """
    batch = int(min(max(MAX_MACS // max(table.total_macs, 1), 2), MAX_BATCH))
    try:
        passes = list(_measure_passes(model, inputs, batch, device))
    except RECORDED_ERRORS as error:
        reason = str(error).strip().splitlines() or ["out of memory"]
        remark = Remark(None, f"no times measured: {reason[0]}")
        return msgspec.structs.replace(table, remarks=(*table.remarks, remark))
    measured = passes[1:] or passes  # the first pass includes one-time initialisation
    times = [_minimum([by_call[key] for by_call in measured if key in by_call]) for key in call_keys(table.rows)]
    rows = tuple(_with_times(table.rows, index, times) for index in range(len(table.rows)))
    return msgspec.structs.replace(table, rows=rows, timed_on=str(device), timed_batch=batch)


def _measure_passes(
    model: nn.Module, inputs: NetworkInputs, batch: int, device: torch.device
) -> Iterator[dict[CallKey, CallTimes]]:
    end = time.monotonic() + MAX_SECONDS
    for index in range(MAX_PASSES):
        if index > 1 and time.monotonic() > end:
            return
        yield _measure_pass(copy_model(model, device), inputs.make(batch, device), device)


def _measure_pass(model: nn.Module, arguments: Arguments, device: torch.device) -> dict[CallKey, CallTimes]:
    timer = _Timer(device)
    recorder = Recorder(model, arguments, run=timer.run)
    with torch.enable_grad(), device, recorder:
        model(*arguments.args, **arguments.kwargs)
    keys = zip(call_keys(recorder.calls), recorder.calls, strict=True)
    return {key: timer.times[call] for key, call in keys if call in timer.times}


class _Timer:
    """Times each call and its backward pass.

    The backward pass runs directly after the call, while the saved tensors still exist.
    """

    def __init__(self, device: torch.device) -> None:
        self.times: dict[Call, CallTimes] = {}
        self._device = device

    def run(self, call: Call, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        differentiable = [*tensors_in((args, kwargs)), *(call.parameters if call.is_module else ())]
        edges = [get_gradient_edge(tensor) for tensor in differentiable if tensor.requires_grad]
        with self._clock() as forward:
            result = function(*args, **kwargs)
        outputs = [tensor for tensor in tensors_in(result) if tensor.requires_grad]
        self.times[call] = CallTimes(forward[0], self._backward(outputs, edges) if edges and outputs else 0.0)
        return result

    def _backward(self, outputs: list[Tensor], edges: list[GradientEdge]) -> float:
        gradients = [torch.ones_like(output) for output in outputs]
        with self._clock() as backward:
            torch.autograd.grad(outputs, edges, gradients, retain_graph=True, allow_unused=True)
        return backward[0]

    @contextmanager
    def _clock(self) -> Iterator[list[float]]:
        """Measure the duration of the `with` block.

        Yield an empty list, to which the duration in seconds is appended when the block ends.
        """
        seconds: list[float] = []
        self._synchronize()
        start = time.perf_counter()
        yield seconds
        self._synchronize()
        seconds.append(time.perf_counter() - start)

    def _synchronize(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def _minimum(times: Sequence[CallTimes]) -> CallTimes | None:
    if not times:
        return None
    return CallTimes(min(time.forward for time in times), min(time.backward for time in times))


def _with_times(rows: Sequence[ShapeRow], index: int, times: Sequence[CallTimes | None]) -> ShapeRow:
    """Return the row with its own times or, if it has children, with the sum of its children's times."""
    own = times[index : end_of_children(rows, index)] if rows[index].has_children else times[index : index + 1]
    known = [call_times for call_times in own if call_times is not None]
    if not known:
        return rows[index]
    return msgspec.structs.replace(
        rows[index],
        forward_seconds=sum(call_times.forward for call_times in known),
        backward_seconds=sum(call_times.backward for call_times in known),
    )
