"""Choose the passes from which the table is made.

If a pass on real values is affordable, the rows come from such a pass with one sample. Only real values take the
branches and loops that they take in training, and raise the errors that torch raises. Unless the network is small, it
runs on the meta device first. This takes little time and memory, and shows how expensive a pass on real values is.
"""

import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import torch
from torch import nn

from fashion_tui.schema.errors import TimeLimitReached, UserError

from .batch_axis import Passes
from .calls import Recording
from .cost import Cost, TooExpensive, is_affordable, is_small
from .functions import RESHAPING
from .model_copy import CPU, META, has_values
from .runner import Run, Runner

BATCH_PAIRS = ((2, 3), (2, 4), (3, 4), (3, 6))
"""Batch sizes that are compared to find the batch axis. The first pair that runs without an error is used.

A network that fails with both sizes of the first pair is assumed to have no such pair.
"""

GROUP_PAIRS = ((4, 8), (5, 10), (8, 16))
"""Batch sizes of a network that regroups its samples, which are tried if a view or reshape fails."""

LIVE_PAIRS = ((1, 2), *BATCH_PAIRS)
"""Batch sizes that are compared in a live trace. A pass with one sample is needed anyway."""

_ONE_SAMPLE_ONLY = ("is ambiguous", "only one element tensors", "cannot be converted to Scalar", "to convert to scalar")
"""Parts of the messages of errors that are raised if code reads a single value and gets one for each sample."""


@dataclass(frozen=True, slots=True)
class ChosenPasses:
    passes: Passes
    model: nn.Module
    """The copy of the network that made the main pass."""
    cost: Cost | None
    """The cost of a pass with one sample, or None if no more passes on real values are wanted."""
    simulated: "_Attempts | None" = None
    """Passes on the meta device."""
    error_with_more: BaseException | None = None
    """The error for several samples, if the network is made for one sample."""

    @property
    def takes_one_sample(self) -> bool:
        return self.error_with_more is not None

    def reads_values(self) -> bool:
        """Return whether the network can't be simulated, most likely because its code reads the values of tensors."""
        return self.simulated is not None and self.simulated.working_pair(BATCH_PAIRS) is None

    def allows(self, samples: int) -> bool:
        """Return whether more passes on real values, with this total number of samples, are affordable."""
        return self.cost is not None and self.cost.allows(samples)


class NeedsValues(UserError):
    """Raised if a network can only be run on the meta device, and its code reads the values of tensors."""


def record_passes(runner: Runner, *, live: bool) -> ChosenPasses:
    """Record the passes for a table.

    If `live` is True, the network makes as few passes as possible, on the meta device unless it is small.

    Raises NeedsValues if the network would have to run on real values, but `live` is True or its weights have no
    values.
    """
    simulated = _Attempts(runner, META)
    can_run = has_values(runner.model)
    if can_run and is_small(runner.model, runner.inputs.sample_values):
        with suppress(TooExpensive):
            real = _Attempts(runner, CPU, is_limited=True)
            return replace(_real(real, simulated, None, LIVE_PAIRS), cost=None) if live else _real(real, simulated)
    pair = simulated.working_pair(BATCH_PAIRS[:1] if live else BATCH_PAIRS)
    cost = None if pair is None else _cost(simulated.recording(pair[0]))
    if live or simulated.timed_out or not can_run or (cost is not None and not is_affordable(runner.model, cost)):
        return _simulated(simulated, pair, live=live)
    try:
        return _real(_Attempts(runner, CPU, is_limited=cost is None), simulated, pair)
    except TooExpensive:
        error = simulated.recording(2).error
        raise UserError(
            f"this network is too large to run on real values here, and it can't be simulated: {error}"
        ) from None


class _Attempts:
    """Passes with different batch sizes on one device. Each is made when it is needed."""

    def __init__(self, runner: Runner, device: torch.device, *, is_limited: bool = False) -> None:
        self._runner = runner
        self._device = device
        self._is_limited = is_limited
        self._runs: dict[int, Run] = {}

    def run(self, batch: int) -> Run:
        if batch not in self._runs:
            run = self._runner.run(batch, self._device, is_limited=self._is_limited)
            self._runs[batch] = replace(run, result=None)
        return self._runs[batch]

    def recording(self, batch: int) -> Recording:
        return self.run(batch).recording

    def works(self, batch: int) -> bool:
        return self.recording(batch).error is None

    def fail_with_several_samples(self) -> bool:
        """Return whether no pair of batch sizes works and the error doesn't say that the network takes one sample."""
        first, second = BATCH_PAIRS[0]
        if self.works(first) or self.timed_out or _takes_one_sample(self.recording(first).error):
            return False
        return not self.works(second)

    def working_pair(self, pairs: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
        """Return the first pair of batch sizes with which the network runs without an error, or None."""
        for pair in pairs:
            if self.timed_out:
                return None
            if all(map(self.works, pair)):
                return pair
        return None

    def pair_of_groups(self) -> tuple[int, int] | None:
        """Return a pair of larger batch sizes with which the network returns something for each sample, or None.

        If the network returns less, the failing view is more likely to have a wrong size.
        """
        recording = self.recording(BATCH_PAIRS[0][0])
        if self.timed_out or not recording.failed or recording.calls[recording.failed[-1]].op not in RESHAPING:
            return None
        pair = self.working_pair(GROUP_PAIRS)
        outputs = () if pair is None else tuple(self.recording(batch).outputs[:1] for batch in pair)
        is_per_sample = all(
            shapes and shapes[0][:1] == (batch,) for shapes, batch in zip(outputs, pair or (), strict=True)
        )
        return pair if is_per_sample else None

    @property
    def timed_out(self) -> bool:
        return any(isinstance(run.recording.error, TimeLimitReached) for run in self._runs.values())

    def passes(self, main: int, pair: tuple[int, int]) -> Passes:
        return Passes(self.recording(main), *map(self.recording, pair))

    def failed(self) -> tuple[Passes, nn.Module]:
        """Return the passes that show the error."""
        late = next((run for run in self._runs.values() if isinstance(run.recording.error, TimeLimitReached)), None)
        if late is not None:
            return Passes(late.recording, late.recording, late.recording), late.model
        main = 3 if self.works(2) else 2
        return self.passes(main, (main, 5 - main)), self.run(main).model


def _simulated(attempts: _Attempts, pair: tuple[int, int] | None, *, live: bool) -> ChosenPasses:
    if pair is None:
        if not attempts.timed_out and _needs_values(attempts.recording(2).error):
            raise NeedsValues("the network's code reads the values of tensors, which the meta device lacks")
        return ChosenPasses(*attempts.failed(), None)
    main = pair[0] if live or not attempts.works(1) else 1
    return ChosenPasses(attempts.passes(main, pair), attempts.run(main).model, None)


def _real(
    real: _Attempts,
    simulated: _Attempts,
    simulated_pair: tuple[int, int] | None = None,
    pairs: Sequence[tuple[int, int]] = BATCH_PAIRS,
) -> ChosenPasses:
    """Choose from passes on real values. The pair for the batch axis is simulated if it is given."""
    main = None
    if simulated_pair is not None or not real.fail_with_several_samples():
        main = next((batch for batch in (1, 2, 3, 4) if not real.timed_out and real.works(batch)), None)
    group = real.pair_of_groups() if main is None and pairs != LIVE_PAIRS else None
    if group is not None:
        main, pairs, simulated_pair = group[0], (group,), None
    if main is None:
        return ChosenPasses(*real.failed(), None)
    recording, model = real.recording(main), real.run(main).model
    cost = _cost(recording)
    if simulated_pair is not None:
        return ChosenPasses(Passes(recording, *map(simulated.recording, simulated_pair)), model, cost, simulated)
    pair = real.working_pair(pairs)
    if pair is not None:
        return ChosenPasses(real.passes(main, pair), model, cost, simulated)
    if main == 1 and _takes_one_sample(real.recording(2).error):
        return ChosenPasses(real.passes(1, (1, 1)), model, cost, simulated, real.recording(2).error)
    return ChosenPasses(*real.failed(), None)


def _cost(recording: Recording) -> Cost:
    """Return the cost of a pass with one sample, given a recorded pass."""
    activation_bytes = sum(call.new_bytes for call in recording.calls)
    amounts = (activation_bytes, recording.macs, len(recording.calls))
    return Cost(*(amount // recording.batch for amount in amounts))


def _takes_one_sample(error: BaseException | None) -> bool:
    """Return whether an error for several samples shows that the code is made for one: it says so, or reads a value."""
    if isinstance(error, AssertionError):
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        module = frame.f_globals.get("__name__", "")
        return not module.startswith("torch.nn.")  # a layer asserts the shapes of its inputs
    return any(part in str(error) for part in _ONE_SAMPLE_ONLY)


def _needs_values(error: BaseException | None) -> bool:
    """Return whether torch raised the error because code read the values of a tensor on the meta device."""
    while error is not None:
        if isinstance(error, NotImplementedError) or "meta" in str(error).lower():
            return True
        error = error.__cause__ or error.__context__
    return False
