"""Find the first call in which the samples of a batch affect each other.

The network runs twice in evaluation mode, on batches that differ in the first sample only. If values of the other
samples change, it runs once more, on a batch in which the other samples differ instead. A value that changes both times
depends on several samples.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from .batch_axis import CallKey
from .calls import Call
from .inputs import Arguments
from .model_copy import CPU
from .runner import Runner, Variant

MIN_PASSES = 2
"""Number of passes of `find_mixing_call` if no values are mixed."""
MIN_CHANGE = 1e-5
"""Changes below this fraction of a tensor's largest value are considered rounding errors."""


@dataclass(slots=True)
class _Pass:
    """The outputs of each call of a pass."""

    outputs: dict[CallKey, list[Tensor]] = field(default_factory=dict)
    """Copies of the outputs, in the order in which the calls end; empty after an error."""
    producers: dict[CallKey, list[CallKey]] = field(default_factory=dict)
    """For each call, the calls that produced its inputs."""
    results: list[CallKey] = field(default_factory=list)
    """Calls whose outputs the network returns."""


def find_mixing_call(runner: Runner, batch: int, *, is_batch_first: bool) -> CallKey | None:
    """Return the first call with an output value that depends on several samples, or None if no call has one.

    A call from which no such value gets into the network's outputs doesn't count. For example, a sum over the batch may
    only choose a branch, or only be differentiated. A loss, which is a single value that the network returns, may
    depend on all samples.

    `batch` is the number of samples in each pass. `is_batch_first` is True if the first axis of the network's outputs
    is the batch; then each row of the outputs may depend on its own sample only. Return None if a pass raises an error
    or reaches the time limit.
    """
    arguments, more = runner.arguments(batch, CPU), runner.arguments(batch + 1, CPU)
    first_differs = _replace_samples(arguments, more, range(1))
    others_differ = _replace_samples(arguments, more, range(1, batch))
    if first_differs is None or others_differ is None:
        return None
    original = _run(runner, batch, arguments)
    changed = _changed_values(original, _run(runner, batch, first_differs))
    suspects = [key for key, masks in changed.items() if not all(_is_one_sample(mask, batch) for mask in masks)]
    if suspects:
        also_changed = _changed_values(original, _run(runner, batch, others_differ))
        mixed = {key for key in suspects if _overlap(changed[key], also_changed.get(key, ()))}
        kept_apart = {
            key
            for key in changed.keys() & also_changed
            if key not in mixed and _is_kept_apart(original.outputs[key], changed[key])
        }
        marked = mixed & _calls_that_reach_results(original, mixed, kept_apart)
        key = next((key for key in suspects if key in marked), None)
        if key is not None:
            return key
    return _misplaced_result(original, changed, batch) if is_batch_first else None


def _is_kept_apart(tensors: list[Tensor], masks: list[Tensor]) -> bool:
    """Return whether a call without mixed values keeps the samples apart, given its outputs and what changed in them.

    That is uncertain if nothing changes, or if the outputs are integers, which may stay the same by chance.
    """
    return all(tensor.is_floating_point() for tensor in tensors) and any(bool(mask.any()) for mask in masks)


def _overlap(masks: list[Tensor], others: Sequence[Tensor]) -> bool:
    pairs = zip(masks, others, strict=False)
    return any(mask.shape == other.shape and bool((mask & other).any()) for mask, other in pairs)


def _calls_that_reach_results(original: _Pass, mixed: set[CallKey], kept_apart: set[CallKey]) -> set[CallKey]:
    """Return the calls whose values get into the results.

    A mixed value doesn't get through a call that keeps samples apart. For example, a softmax may subtract the mean
    of the batch, which its division cancels. But a mixed value may get through a call whose values never change, such
    as a layer whose weights are 0 until they are trained.
    """
    reaching: set[CallKey] = set()
    pending = _calls_before_losses(original)
    while pending:
        key = pending.pop()
        if key not in reaching:
            reaching.add(key)
            producers = original.producers.get(key, ())
            pending += [producer for producer in producers if key not in kept_apart or producer not in mixed]
    return reaching


def _calls_before_losses(original: _Pass) -> list[CallKey]:
    """Return the calls whose outputs the network returns. A single value is replaced with what it is computed from."""
    found: list[CallKey] = []
    seen: set[CallKey] = set()
    pending = [*original.results]
    while pending:
        key = pending.pop()
        if any(tensor.dim() for tensor in original.outputs.get(key, ())):
            found.append(key)
        elif key not in seen:
            seen.add(key)
            pending += original.producers.get(key, ())
    return found


def _misplaced_result(original: _Pass, changed: dict[CallKey, list[Tensor]], batch: int) -> CallKey | None:
    """Return the call whose result holds values of the first sample in the rows of other samples, or None."""
    for key in original.results:
        for mask in changed.get(key, ())[:1]:
            if mask.dim() and len(mask) == batch and bool(mask[1:].any()):
                return key
    return None


def _run(runner: Runner, batch: int, arguments: Arguments) -> _Pass:
    kept = _Pass()
    seen: Counter[tuple[str, str]] = Counter()
    keys: dict[Call, CallKey] = {}

    def keep(call: Call, tensors: list[Tensor]) -> None:
        key = (call.path, call.op, seen[call.path, call.op])
        seen[call.path, call.op] += 1
        # A later call may change them in place. A tensor inside vmap can't be kept.
        kept.outputs[key] = [
            tensor.detach().clone()
            for tensor in tensors
            if not torch._C._functorch.is_functorch_wrapped_tensor(tensor)  # noqa: SLF001
        ]
        keys[call] = key

    run = runner.run(batch, CPU, Variant(evaluate=True), arguments=arguments, on_output=keep)
    if run.recording.error is not None:
        return _Pass()
    calls = run.recording.calls

    def keys_of(producers: Sequence[int | None]) -> list[CallKey]:
        known = [calls[index] for index in producers if index is not None and index >= 0]
        return [keys[call] for call in known if call in keys]

    kept.producers = {key: keys_of(call.producers) for call, key in keys.items()}
    kept.results = keys_of(run.recording.output_producers)
    return kept


def _replace_samples(arguments: Arguments, more: Arguments, indices: range) -> Arguments | None:
    """Return the arguments with other values for some samples. `more` are the arguments for one more sample.

    Return None if no tensor has a batch axis.
    """
    leaves, structure = pytree.tree_flatten(tuple(arguments))
    more_leaves, more_structure = pytree.tree_flatten(tuple(more))
    if structure != more_structure:
        return None
    replaced = [_replace_in(leaf, other, indices) for leaf, other in zip(leaves, more_leaves, strict=True)]
    if all(leaf is None for leaf in replaced):
        return None
    new_leaves = [leaf if new is None else new for leaf, new in zip(leaves, replaced, strict=True)]
    return Arguments(*pytree.tree_unflatten(new_leaves, structure))


def _replace_in(tensor: object, more: object, indices: range) -> Tensor | None:
    """Return the tensor with other values for some samples, or None if it has no batch axis."""
    if not isinstance(tensor, Tensor) or not isinstance(more, Tensor) or tensor.dim() != more.dim():
        return None
    axes = [axis for axis in range(tensor.dim()) if more.shape[axis] == tensor.shape[axis] + 1]
    if len(axes) != 1:
        return None
    new = tensor.detach().clone()
    for index in indices:
        new.select(axes[0], index).copy_(more.select(axes[0], -1))
    return new


def _changed_values(original: _Pass, other: _Pass) -> dict[CallKey, list[Tensor]]:
    """Return masks of the values that differ, for each call up to the first one that only one of the passes makes.

    Calls whose outputs have different shapes are left out.
    """
    changed = {}
    for (key, tensors), (other_key, others) in zip(original.outputs.items(), other.outputs.items(), strict=False):
        if key != other_key:
            break
        if [tensor.shape for tensor in tensors] == [tensor.shape for tensor in others]:
            changed[key] = [_differs(*pair) for pair in zip(tensors, others, strict=True)]
    return changed


def _differs(tensor: Tensor, other: Tensor) -> Tensor:
    if tensor.layout is not torch.strided or tensor.is_quantized:
        return torch.zeros(0, dtype=torch.bool)
    if not tensor.is_floating_point():
        return tensor != other
    difference = (tensor - other).abs()
    scale = tensor[tensor.isfinite()].abs().max() if bool(tensor.isfinite().any()) else torch.tensor(0.0)
    is_same = (tensor == other) | (tensor.isnan() & other.isnan()) | (difference <= MIN_CHANGE * scale)
    return ~is_same


def _is_one_sample(mask: Tensor, batch: int) -> bool:
    """Return whether the marked values can belong to the first of `batch` samples only.

    That is so if they are in the first part of an axis, or at every `batch`-th index of an axis.
    """
    if not bool(mask.any()):
        return True
    for axis, size in enumerate(mask.shape):
        if size % batch == 0:
            marked = mask.movedim(axis, 0).reshape(size, -1).any(1)
            if not bool(marked[size // batch :].any()) or int(marked.sum()) == int(marked[::batch].sum()):
                return True
    return False
