"""How long each step takes, forward and backward, measured in passes over values rather than counted."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from fashion_tui.schema.shapes import Shape, ShapeRow, ShapeTable

from .record import Recorder, Step
from .rows import end_of_family, keys_of
from .tensors import tensors_in
from .twin import twin_of

ROUNDS = 7
"""Passes that are measured at most. A step's time is the least of them: that is disturbed least by other work."""
PATIENCE = 3.0
"""Seconds after which no further pass is begun."""
LARGEST_BATCH = 32
MOST_MACS = 4 * 10**9
"""Of a pass; a large network gets a smaller batch."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds."""

    forward: float
    backward: float
    """0 where nothing before the step learns."""


def with_times(table: ShapeTable, model: nn.Module, dtype: torch.dtype, device: torch.device) -> ShapeTable:
    """The table with the time that each of its steps takes on a batch; what holds other steps takes as long as they do.

    A network that can't be run on values (for want of memory, say) gives the table with a warning.
    """
    batch = int(min(max(MOST_MACS // max(table.total_macs, 1), 2), LARGEST_BATCH))
    try:
        rounds = list(_rounds(model, [(batch, *size) for size in table.inputs], dtype, device))
    except (RuntimeError, MemoryError) as error:
        reason = str(error).strip().splitlines() or ["out of memory"]
        return msgspec.structs.replace(table, warnings=(*table.warnings, f"its steps can't be timed: {reason[0]}"))
    measured = rounds[1:] or rounds  # the first pass pays for what is set up once
    times = [_least([found[key] for found in measured if key in found]) for key in keys_of(table.rows)]
    rows = tuple(_timed(table.rows, index, times) for index in range(len(table.rows)))
    return msgspec.structs.replace(table, rows=rows, timed_on=str(device), timed_batch=batch)


def _rounds(
    model: nn.Module, shapes: Sequence[Shape], dtype: torch.dtype, device: torch.device
) -> Iterator[dict[tuple[str, str, int], Times]]:
    end = time.monotonic() + PATIENCE
    for number in range(ROUNDS):
        if number > 1 and time.monotonic() > end:
            return
        stopwatch = Stopwatch(twin_of(model, device), device)
        inputs = [_input(shape, dtype, device) for shape in shapes]
        yield stopwatch.measure(inputs)


def _input(shape: Shape, dtype: torch.dtype, device: torch.device) -> Tensor:
    if dtype.is_floating_point or dtype.is_complex:
        return torch.rand(shape, dtype=dtype, device=device)
    return torch.zeros(shape, dtype=dtype, device=device)


class Stopwatch(Recorder):
    """Measures each step as it runs, and at once its way back, while all that it needs is there."""

    def __init__(self, twin: nn.Module, device: torch.device) -> None:
        super().__init__(twin)
        self._twin = twin
        self._device = device
        self._times: dict[Step, Times] = {}

    def measure(self, inputs: Sequence[Tensor]) -> dict[tuple[str, str, int], Times]:
        self.know_input(tuple(inputs))
        with torch.enable_grad(), self._device, self:
            self._twin(*inputs)
        pairs = zip(keys_of(self.steps), self.steps, strict=True)
        return {key: self._times[step] for key, step in pairs if step in self._times}

    def run_step(self, step: Step, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        learned = [*tensors_in((args, kwargs)), *(step.parameters if step.is_module else ())]
        edges = [get_gradient_edge(tensor) for tensor in learned if tensor.requires_grad]
        with self._clock() as forward:
            result = call(*args, **kwargs)
        outputs = [tensor for tensor in tensors_in(result) if tensor.requires_grad]
        self._times[step] = Times(forward[0], self._backward(outputs, edges) if edges and outputs else 0.0)
        return result

    def _backward(self, outputs: list[Tensor], edges: list[GradientEdge]) -> float:
        gradients = [torch.ones_like(output) for output in outputs]
        with self._clock() as backward:
            torch.autograd.grad(outputs, edges, gradients, retain_graph=True, allow_unused=True)
        return backward[0]

    @contextmanager
    def _clock(self) -> Iterator[list[float]]:
        """A list that holds the seconds that the block took, when it is over."""
        seconds: list[float] = []
        self._wait_for_device()
        start = time.perf_counter()
        yield seconds
        self._wait_for_device()
        seconds.append(time.perf_counter() - start)

    def _wait_for_device(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def _least(times: Sequence[Times]) -> Times | None:
    if not times:
        return None
    return Times(min(one.forward for one in times), min(one.backward for one in times))


def _timed(rows: Sequence[ShapeRow], index: int, times: Sequence[Times | None]) -> ShapeRow:
    """The row with its own time, or the sum of those below it."""
    own = times[index : end_of_family(rows, index)] if rows[index].has_children else times[index : index + 1]
    known = [one for one in own if one is not None]
    if not known:
        return rows[index]
    return msgspec.structs.replace(
        rows[index],
        forward_seconds=sum(one.forward for one in known),
        backward_seconds=sum(one.backward for one in known),
    )
