"""Decide whether a network can be run on real values, given its memory and the number of operations."""

from dataclasses import dataclass

import psutil
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from .structure import named_buffers, named_parameters

MAX_MACS = 10**10
"""Maximum number of multiply-accumulates of a pass on real values. Two CPU cores take about a second for them."""
SMALL_MODEL = 50 * 2**20
"""Maximum size of the weights of a small network, in bytes."""
LIVE_MODEL = 4 * 2**20
"""Maximum size of the weights, in bytes, for which a live trace runs the network on real values."""
SMALL_INPUT = 50_000
"""Maximum number of values in one sample for a small network."""
MAX_CHECK_BYTES = 4 * 2**30
"""Maximum memory that the calls of all passes of a check allocate, in bytes. Filling it takes about two seconds."""
MAX_CHECK_CALLS = 50_000
"""Maximum number of calls, times samples, in all passes of a check. Recording them takes about three seconds."""
MEMORY_SHARE = 0.5
"""Maximum share of the free memory that parameters and activations may take."""
COPIES = 4
"""Maximum number of copies of the parameters at the same time: the network itself, and those that run."""


class TooExpensive(BaseException):
    """Raised when a pass exceeds the limits. Not an Exception, which the network might catch."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a pass with one sample."""

    activation_bytes: int
    macs: int
    calls: int

    def allows(self, samples: int) -> bool:
        """Return whether additional passes with this total number of samples are affordable.

        The answer depends on the amount of work, not on the measured time. The time depends on what else the machine
        does, so the same network would sometimes get another table. Slow Python code in the network isn't counted; it
        ends at the time limit of the trace.
        """
        work = (self.macs, MAX_MACS), (self.activation_bytes, MAX_CHECK_BYTES), (self.calls, MAX_CHECK_CALLS)
        return all(amount * samples <= limit for amount, limit in work)


def is_small(model: nn.Module, input_values: int) -> bool:
    """Return whether a pass may be tried without an estimate of its cost, given the number of values in one sample."""
    return parameter_bytes(model) <= SMALL_MODEL and input_values <= SMALL_INPUT


def is_affordable(model: nn.Module, cost: Cost) -> bool:
    """Return whether a pass of this cost fits into the limits."""
    memory = COPIES * parameter_bytes(model) + cost.activation_bytes
    return memory <= MEMORY_SHARE * free_memory() and cost.macs <= MAX_MACS


def max_parameter_bytes() -> float:
    """Return the size of the largest network that can be run on real values."""
    return MEMORY_SHARE * free_memory() / COPIES


def free_memory() -> int:
    """Return the free memory in bytes."""
    return int(psutil.virtual_memory().available)


def parameter_bytes(model: nn.Module) -> int:
    tensors = [tensor for _, tensor in [*named_parameters(model), *named_buffers(model)] if not is_lazy(tensor)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


class Budget:
    """Ends a pass that costs more than the limits allow. Use this if the cost couldn't be estimated."""

    def __init__(self, model: nn.Module) -> None:
        self._memory = MEMORY_SHARE * free_memory() - COPIES * parameter_bytes(model)
        self._bytes = 0

    def check(self, macs: int, outputs: list[Tensor]) -> None:
        """Add the outputs of a call. Raises TooExpensive if they or the MACs of the pass exceed the limits."""
        self._bytes += sum(tensor.numel() * tensor.element_size() for tensor in outputs)
        if macs > MAX_MACS or self._bytes > self._memory:
            raise TooExpensive
