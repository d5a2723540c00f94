"""Measure the time of a training step for a few batch sizes."""

import time
from collections.abc import Iterator

import torch
from msgspec.structs import replace
from torch import nn

from fashion_tui.lab.rng import preserve_rng_state
from fashion_tui.lab.throughput import synchronize
from fashion_tui.schema.training_costs import StepTime, TrainingMemory, seconds_at

from .cost import MEMORY_SHARE
from .inputs import NetworkInputs
from .model_copy import copy_model
from .tensors import tensors_in

BATCHES = (2, 4, 16, 64, 256)
"""Batch sizes that are measured, as long as the time allows. Batch normalisation needs at least 2 samples."""
REPEATS, MAX_REPEATS = 2, 8
"""Number of measured steps with each batch size. The shortest time counts, to exclude the effect of other programs."""
REPEAT_SECONDS = 0.1
"""Duration after which no more than `REPEATS` steps are measured."""
MAX_SECONDS = 4.0
"""Duration after which the measurement ends."""
MAX_STEP_SECONDS = 0.5
"""A batch size isn't measured if its step is expected to take longer. The first two are always measured, because they
show how the time grows."""


def measure_step_times(
    model: nn.Module, inputs: NetworkInputs, device: torch.device, memory: TrainingMemory, free: int | None
) -> tuple[StepTime, ...]:
    """Return the times of training steps of a copy of the model with Adam, for increasing batch sizes.

    A batch isn't measured if it would need more than half of the `free` bytes or take too long. Return an empty tuple
    if the parameters are on the meta device, or if the model fails. The loss is the sum of the outputs.
    """
    if any(parameter.is_meta for parameter in model.parameters()):
        return ()
    measured: list[StepTime] = []
    end = time.monotonic() + MAX_SECONDS
    with preserve_rng_state(), torch.enable_grad(), device:
        try:
            for batch in BATCHES:
                is_slow = len(measured) > 1 and seconds_at(measured, batch) > MAX_STEP_SECONDS
                is_late = measured and time.monotonic() > end
                if is_slow or is_late or (free is not None and memory.total(batch) > MEMORY_SHARE * free):
                    break
                measured.append(StepTime(batch=batch, seconds=min(_steps(model, inputs, device, batch, end))))
        except (Exception, SystemExit):  # noqa: BLE001 - the user's code may raise anything; the trace shows the error
            return ()
    # A smaller batch takes no longer than a larger one. If it seems to, another program slowed it down.
    shortest = [min(step.seconds for step in measured[index:]) for index in range(len(measured))]
    return tuple(replace(step, seconds=seconds) for step, seconds in zip(measured, shortest, strict=True))


def _steps(model: nn.Module, inputs: NetworkInputs, device: torch.device, batch: int, end: float) -> Iterator[float]:
    """Yield the duration of each step, at least one. No step is started after the time `end`."""
    trained = copy_model(model, device).train()
    arguments = inputs.make(batch, device)
    parameters = [parameter for parameter in trained.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(parameters) if parameters else None
    total = 0.0
    for index in range(1 + MAX_REPEATS):  # the first step includes one-time initialisation
        if index > 0 and (time.monotonic() > end or (index > REPEATS and total > REPEAT_SECONDS)):
            return
        synchronize(device)
        start = time.perf_counter()
        outputs = [
            tensor for tensor in tensors_in(trained(*arguments.args, **arguments.kwargs)) if tensor.requires_grad
        ]
        if optimizer is not None and outputs:
            optimizer.zero_grad()
            torch.stack([output.float().sum() for output in outputs]).sum().backward()
            optimizer.step()
        synchronize(device)
        duration = time.perf_counter() - start
        total += duration
        yield duration
