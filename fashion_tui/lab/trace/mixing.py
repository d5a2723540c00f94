"""Find the first call in which the samples of a batch affect each other.

The network runs in evaluation mode on batches in which one sample differs. Each sample in turn gets other values,
then values above those of the other samples, then values below them. A value that changes with several samples
depends on them.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .batch_axis import CallKey
from .calls import Call
from .changed_samples import CHANGES, change_sample
from .differences import add_changes
from .inputs import Arguments
from .means import MeansInsteadOfSamples
from .mixing_origin import Masks, Outputs, find_mixing_call, results_decide
from .model_copy import CPU
from .recurrent import without_modes
from .result_comparison import ResultComparison, copies_of_results
from .runner import Runner, Variant, seed_generators

MIN_PASSES = 2
"""Number of passes of `compare_samples` that must be affordable."""
_SORTED_BY_LENGTH = "torch._pad_packed_sequence"
"""A call whose outputs are sorted by the lengths of the sequences. Code in torch then restores their order."""
_SEEDS = (0, 1)
"""Seeds of the global generators in the two rounds."""


class Compared(NamedTuple):
    """What the comparison of the samples found."""

    mixing: CallKey | None
    """The first call in which the samples affect each other, or None if there is no such call."""
    is_complete: bool
    """Whether the samples could be compared."""


def compare_samples(
    runner: Runner, batches: Sequence[int], allows: Callable[[int], bool], *, is_batch_first: bool
) -> Compared:
    """Find the first call with an output value that depends on several samples.

    A call from which no such value gets into the network's outputs doesn't count. For example, a sum over the batch may
    only choose a branch, or only be differentiated. A loss, which is a single value that the network returns, may
    depend on all samples. `is_batch_first` is True if the first axis of the network's outputs is the batch; then each
    row of the outputs may depend on its own sample only.

    The first of the two `batches` is the number of samples in each pass of the first round. If the first round finds
    nothing and the network draws random numbers, a second round uses other random numbers and the second number.
    `allows` returns whether passes with a total number of samples are affordable. If not, the comparison ends there.

    Recording a pass takes several times as long as running the network. The passes after the first change are recorded
    only if the results alone don't show that the samples stay apart.

    Raises TimeLimitReached if an earlier pass reached the time limit.
    """
    is_complete = False
    samples = 0
    for batch, seed in zip(batches, _SEEDS, strict=True):
        variant = Variant(inputs_seed=seed, chance_seed=seed, evaluate=True)
        arguments, more = (runner.arguments(size, CPU, variant) for size in (batch, batch + 1))
        original = _run(runner, batch, arguments, variant)
        if original is None:
            break
        samples += batch
        changed: dict[CallKey, Masks] = {}
        results: ResultComparison | None = None
        unrecorded: list[list[Arguments]] = []
        for change in CHANGES:
            differing = [change_sample(arguments, more, index, change) for index in range(batch)]
            known = [other for other in differing if other is not None]
            if len(known) < batch or (is_complete and not allows(samples + batch * batch)):
                break
            samples += batch * batch
            if results is not None and results.stay_apart(runner, known, variant):
                unrecorded.append(known)
                continue
            for group in [*unrecorded, known]:
                passes = [_run(runner, batch, other, variant) for other in group]
                is_complete = is_complete or None not in passes
                add_changes(changed, original, passes)
            results, unrecorded = None, []
            if change == CHANGES[0] and is_complete and not original.is_random and results_decide(original, changed):
                results = ResultComparison(original, passes, is_batch_first=is_batch_first)
        key = find_mixing_call(original, changed, batch, is_batch_first=is_batch_first)
        if key is not None or not original.draws or not allows(samples + batches[-1]):
            return Compared(key, is_complete)
    return Compared(None, is_complete)


def _run(runner: Runner, batch: int, arguments: Arguments, variant: Variant) -> Outputs | None:
    """Run the network and keep the outputs of its calls. Return None if it raises an error."""
    kept = Outputs()
    seen: Counter[tuple[str, str]] = Counter()
    keys: dict[Call, CallKey] = {}

    def keep(call: Call, tensors: list[Tensor]) -> None:
        key = (call.path, call.op, seen[call.path, call.op])
        seen[call.path, call.op] += 1
        # A later call may change them in place. A tensor inside vmap can't be kept.
        with without_modes():  # the copies aren't the network's operations
            kept.of_calls[key] = [
                tensor.detach().clone()
                for tensor in tensors
                if call.op != _SORTED_BY_LENGTH and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)  # noqa: SLF001
            ]
        keys[call] = key

    with MeansInsteadOfSamples() as means:
        run = runner.run(batch, CPU, variant, arguments=arguments, on_output=keep)
    if run.recording.error is not None:
        return None
    kept.draws = _drew_numbers(variant.chance_seed)
    kept.is_random = kept.draws or means.is_used
    calls = run.recording.calls

    def keys_of(producers: Sequence[int | None]) -> list[CallKey]:
        known = [calls[index] for index in producers if index is not None and index >= 0]
        return [keys[call] for call in known if call in keys]

    kept.producers = {key: keys_of(call.producers) for call, key in keys.items()}
    kept.combining = {key for call, key in keys.items() if len(call.producers) > 1}
    kept.results = keys_of(run.recording.output_producers)
    kept.returned = copies_of_results(run.result)
    for call, key in keys.items():
        known = [calls[index] for index in call.producers if index is not None and index >= 0]
        if len(known) == len(call.producers) and kept.constant.issuperset(keys.get(other) for other in known):
            kept.constant.add(key)
    return kept


def _drew_numbers(seed: int) -> bool:
    """Return whether numbers were drawn from the global generators since they were seeded. Seed them again."""
    numbers = _next_numbers()
    seed_generators(seed)
    return numbers != _next_numbers()


def _next_numbers() -> tuple[float, ...]:
    return random.random(), float(np.random.random()), float(torch.rand(()))  # noqa: NPY002, S311 - the global ones
