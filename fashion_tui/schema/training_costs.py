"""What it costs to train a network: the memory and the time for one step, for any batch size."""

import math
import re
from collections.abc import Sequence

import msgspec

from .shapes import ShapeRow, ShapeTable

VALUE_BYTES = 4
"""Size of a float32 value."""
ADAM_TRAFFIC = 7
"""Number of values that Adam reads or writes for each parameter: it reads the parameter, its gradient and two moments,
and writes the parameter and both moments."""
BACKWARD_WORK = 2
"""MACs of the backward pass for each MAC of the forward pass: one for the gradient of the input, and one for
that of the weights."""

_GROUPS = re.compile(r"\bg\d+\b|groups=\d+")
"""Matches the number of groups in a convolution's settings, such as `3×3 p1 g32`."""


class TrainingMemory(msgspec.Struct, frozen=True, kw_only=True):
    """Memory that is in use at the end of the forward pass, in bytes."""

    parameters: int
    """Parameters and buffers."""
    gradients: int
    """Gradients of the trainable parameters."""
    adam_state: int
    """Both moments of each trainable parameter, and the step counts."""
    fixed_activations: int
    """Tensors kept for the backward pass that don't grow with the batch, except parameters and buffers."""
    sample_activations: int
    """Tensors kept for the backward pass for each sample of the batch, in bytes."""

    @property
    def fixed(self) -> int:
        """Memory that doesn't depend on the batch size."""
        return self.parameters + self.gradients + self.adam_state + self.fixed_activations

    def activations(self, batch: int) -> int:
        return self.fixed_activations + batch * self.sample_activations

    def total(self, batch: int) -> int:
        return self.fixed + batch * self.sample_activations

    def largest_batch(self, memory: int) -> int | None:
        """Return the largest batch that fits into this many bytes: 0 if no batch fits, or None if all batches fit."""
        if self.sample_activations <= 0:
            return None if self.fixed <= memory else 0
        return max((memory - self.fixed) // self.sample_activations, 0)


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """The measured speed of a device."""

    device: str
    """Name of the device, such as `cpu` or `cuda:0`."""
    description: str
    convolution: float
    """MACs per second in convolutions."""
    grouped_convolution: float
    """MACs per second in convolutions with one group per channel, which are much slower per MAC."""
    product: float
    """MACs per second in matrix products."""
    bandwidth: float
    """Number of bytes that are read or written per second."""
    call_seconds: float
    """Time to call an operation on a single value, in seconds."""
    free_memory: int | None
    """Free memory of the device, in bytes, or None if unknown."""

    def step_seconds(self, table: ShapeTable, batch: int) -> float:
        """Estimate the time of a training step: forward and backward passes, and an update by Adam.

        Each row takes the time for its MACs or the time to read its inputs and write its outputs, whichever is longer.
        """
        rows = sum(self._row_seconds(row, batch) for row in table.rows if not row.has_children)
        update = ADAM_TRAFFIC * VALUE_BYTES * table.trainable_params / self.bandwidth
        return rows + update

    def _row_seconds(self, row: ShapeRow, batch: int) -> float:
        work = batch * (row.macs or 0) / self._rate(row)
        traffic = batch * _moved_bytes(row) / self.bandwidth
        return (1 + BACKWARD_WORK) * (max(work, traffic) + self.call_seconds)

    def _rate(self, row: ShapeRow) -> float:
        if "conv" not in row.op.lower():
            return self.product
        return self.grouped_convolution if _GROUPS.search(row.settings) else self.convolution


class StepTime(msgspec.Struct, frozen=True, kw_only=True):
    """The measured time of a training step."""

    batch: int
    seconds: float


class TrainingCosts(msgspec.Struct, frozen=True, kw_only=True):
    """The memory that a network needs for training, and the speed of the device that would train it."""

    memory: TrainingMemory
    throughput: Throughput
    steps: tuple[StepTime, ...] = ()
    """Measured steps of this network, in the order of their batch sizes; empty if none could be run."""

    def step_seconds(self, table: ShapeTable, batch: int) -> float:
        """Estimate the time of a training step.

        Interpolate between the measured steps. A single one only scales the estimate from the device's throughput.
        """
        estimate = self.throughput.step_seconds(table, batch)
        if len(self.steps) < 2:
            return estimate * math.prod(
                step.seconds / self.throughput.step_seconds(table, step.batch) for step in self.steps
            )
        return seconds_at(self.steps, batch)

    @property
    def largest_batch(self) -> int | None:
        """The largest batch that fits into the free memory of the device; None if unknown or unlimited."""
        free = self.throughput.free_memory
        return None if free is None else self.memory.largest_batch(free)


def _moved_bytes(row: ShapeRow) -> int:
    """Return the size of a row's inputs and outputs for one sample, or 0 for a view of its input."""
    is_view = not row.macs and not row.activation_bytes and not row.is_module and not row.op.endswith(("=", "_"))
    if is_view:
        return 0
    return VALUE_BYTES * sum(math.prod(shape) for shape in (*row.inputs, *row.outputs))


def seconds_at(steps: Sequence[StepTime], batch: int) -> float:
    """Return the time of a step with a batch size, given the times with at least two other sizes in increasing order.

    The time is constant up to the first size, linear between the sizes, and extrapolated beyond the last one.
    """
    after = next((index for index, step in enumerate(steps) if batch <= step.batch), len(steps) - 1)
    first, second = steps[max(after - 1, 0)], steps[max(after, 1)]
    slope = (second.seconds - first.seconds) / (second.batch - first.batch)
    return first.seconds + max(batch - first.batch, 0) * slope
