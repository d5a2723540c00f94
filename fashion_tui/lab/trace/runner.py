"""Run copies of a network, on the meta device or on real values, with different batch sizes."""

import random
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from fashion_tui.schema.errors import TimeLimitReached

from .calls import Call, OnOutput, Recording
from .cost import Budget
from .inputs import Arguments, Distribution, NetworkInputs
from .model_copy import copy_model
from .record import create_tensors_on, record
from .recorder import RECORDED_ERRORS, Recorder
from .structure import named_buffers, named_modules, named_parameters

MAX_CALLS = 500
"""Maximum number of recorded calls if the network is stopped at the time limit."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The random numbers and the mode of a pass."""

    inputs_seed: int = 0
    distribution: Distribution = "uniform"
    chance_seed: int = 0
    """Seed of the global generators, from which the network itself draws."""
    evaluate: bool = False
    """Whether the network runs in evaluation mode. Otherwise, it runs in its own mode."""


MAIN = Variant()


@dataclass(frozen=True, slots=True)
class Run:
    recording: Recording
    model: nn.Module
    """The copy of the network that was run."""
    result: object
    """What the network returned; None after an error."""


class Runner:
    """Runs copies of a network. The global generators are seeded before each pass, so its values are reproducible."""

    def __init__(self, model: nn.Module, inputs: NetworkInputs) -> None:
        self.model = model
        self.inputs = inputs
        self._late: TimeLimitReached | None = None

    def arguments(self, batch: int, device: torch.device, variant: Variant = MAIN) -> Arguments:
        return self.inputs.make(batch, device, seed=variant.inputs_seed, distribution=variant.distribution)

    def run(  # noqa: PLR0913 - each is an independent choice
        self,
        batch: int,
        device: torch.device,
        variant: Variant = MAIN,
        *,
        arguments: Arguments | None = None,
        on_output: OnOutput | None = None,
        is_limited: bool = False,
    ) -> Run:
        """Record a pass.

        `arguments` replace those for `batch` samples. `on_output` is called with each completed call and its outputs.

        Raises TimeLimitReached if an earlier pass reached the time limit, and TooExpensive if `is_limited` is True and
        the pass costs more than the limits allow.
        """
        arguments = arguments or self.arguments(batch, device, variant)
        model = self._prepare(device, variant, arguments)
        budget = Budget(model) if is_limited else None

        def check_output(call: Call, outputs: list[Tensor]) -> None:
            if budget is not None:
                budget.check(counter.total, outputs)
            if on_output is not None:
                on_output(call, outputs)

        recorder = Recorder(model, arguments, on_output=check_output)
        counter = recorder.counter
        recording, result = record(recorder, arguments, batch, device)
        recorder.remove_wrappers()
        if isinstance(recording.error, TimeLimitReached):
            self._late = recording.error
            recording = _shorten(recording)
        return Run(recording, model, result)

    def result(self, device: torch.device, variant: Variant, arguments: Arguments) -> object:
        """Return the network's result, or None after an error. The pass isn't recorded.

        Raises TimeLimitReached if an earlier pass reached the time limit.
        """
        model = self._prepare(device, variant, arguments)
        try:
            with torch.enable_grad(), create_tensors_on(device):
                return model(*arguments.args, **arguments.kwargs)
        except RECORDED_ERRORS as error:
            if isinstance(error, TimeLimitReached):
                self._late = error
            return None

    def _prepare(self, device: torch.device, variant: Variant, arguments: Arguments) -> nn.Module:
        """Return a copy of the network, after seeding the global generators."""
        if self._late is not None:
            raise self._late
        model = copy_model(self.model, device)
        if variant.evaluate:
            for _, module in named_modules(model):
                module.training = False
        seed_generators(variant.chance_seed)
        _initialise_lazy_layers(model, arguments)
        seed_generators(variant.chance_seed)
        return model


def seed_generators(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the global generator, which user code may draw from
    torch.default_generator.manual_seed(seed)


def _initialise_lazy_layers(model: nn.Module, arguments: Arguments) -> None:
    """Run the model once if it has layers such as nn.LazyLinear, which get their shapes in the first pass."""
    if any(is_lazy(tensor) for _, tensor in [*named_parameters(model), *named_buffers(model)]):
        with suppress(Exception, SystemExit):  # the recorded pass raises the same error
            model(*arguments.args, **arguments.kwargs)


def _shorten(recording: Recording) -> Recording:
    """Return a recording with the first calls and the innermost failed call. An endless loop makes too many calls."""
    if len(recording.calls) <= MAX_CALLS:
        return recording
    calls, failed = recording.calls[:MAX_CALLS], recording.failed[-1:]
    for call in (recording.calls[index] for index in failed):
        call.depth = min(call.depth, calls[-1].depth + 1)
        call.sources, call.producers = [
            [index if index is not None and index < MAX_CALLS else None for index in indices]
            for indices in (call.sources, call.producers)
        ]
        calls.append(call)
    return replace(recording, calls=calls, failed=[MAX_CALLS] if failed else [])
