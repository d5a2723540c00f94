"""Choose the call in which samples affect each other, given which values change with each sample."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations

from torch import Tensor, arange

from .batch_axis import CallKey

_CHOOSING = frozenset({"[]", "index_select", "gather", "take_along_dim", "flip", "roll"})
"""Operations that may move a sample to the index of another one."""

Masks = dict[int, list[Tensor]]
"""For each sample, masks of the values that change with it, one for each output of a call."""


@dataclass(slots=True)
class Outputs:
    """The outputs of the calls of a pass."""

    of_calls: dict[CallKey, list[Tensor]] = field(default_factory=dict)
    """Copies of the outputs, in the order in which the calls end."""
    producers: dict[CallKey, list[CallKey]] = field(default_factory=dict)
    """For each call, the calls that produced its inputs."""
    combining: set[CallKey] = field(default_factory=set)
    """Calls with several input tensors."""
    results: list[CallKey] = field(default_factory=list)
    """Calls whose outputs the network returns."""
    returned: list[Tensor] = field(default_factory=list)
    """Copies of the results."""
    constant: set[CallKey] = field(default_factory=set)
    """Calls whose inputs don't depend on those of the network, such as `torch.zeros(3)`."""
    draws: bool = False
    """Whether the network drew random numbers."""
    is_random: bool = False
    """Whether the network drew random numbers, or would have drawn some that were replaced with their means."""


def find_mixing_call(
    original: Outputs, changed: Mapping[CallKey, Masks], batch: int, *, is_batch_first: bool
) -> CallKey | None:
    """Return the first call with an output value that depends on several samples, or None.

    `changed` has the values that change with each of the `batch` samples. If `is_batch_first` is True, a result with
    the values of a sample in the row of another sample counts too. An index that moves the samples is returned instead
    of a later call that combines the moved samples with others.
    """
    mixed = {key for key, masks in changed.items() if any(_overlap(*pair) for pair in combinations(masks.values(), 2))}
    kept_apart = {
        key
        for key, masks in changed.items()
        if len(masks) > 1 and key not in mixed and _is_kept_apart(original.of_calls[key], masks)
    }
    marked = mixed & _calls_that_reach_results(original, mixed, kept_apart)
    ordered = [key for key in original.of_calls if key in marked]
    if ordered:
        first = ordered[0]
        if first in original.combining:
            return _choosing_call(original, changed, first, batch) or first
        if any(tensor.is_floating_point() for tensor in original.of_calls[first]):
            return first
        users = (key for key in ordered if _is_choosing(key) and first in original.producers[key])
        return next(users, first)
    result = _misplaced_result(original, changed, batch) if is_batch_first else None
    return result and (_choosing_call(original, changed, result, batch) or result)


def results_decide(original: Outputs, changed: Mapping[CallKey, Masks]) -> bool:
    """Return whether `find_mixing_call` can find a call only if the results show mixing.

    `changed` has the values that changed so far. A mixed value reaches the results unnoticed only through a call that
    isn't seen to keep the samples apart, or into a loss, or as an output of a call that isn't returned with the others.
    """
    counts = Counter(original.results)
    if len(original.results) != len(original.returned) or any(
        len(original.of_calls[key]) != count or not all(tensor.dim() for tensor in original.of_calls[key])
        for key, count in counts.items()
    ):
        return False
    constant: set[CallKey] = set()
    for key in original.of_calls:
        is_same = key in original.constant and not _changes(changed.get(key, {}))
        if is_same and constant.issuperset(original.producers[key]):
            constant.add(key)
    seen = {*constant}
    pending = [*counts]
    while pending:
        key = pending.pop()
        if key in seen:
            continue
        seen.add(key)
        producers, masks = original.producers[key], changed.get(key, {})
        is_known = len(masks) > 1 and _is_kept_apart(original.of_calls[key], masks)
        if not is_known and (producers or key in counts):
            return False
        pending += producers
    return True


def _is_choosing(key: CallKey) -> bool:
    return key[1].rpartition(".")[2] in _CHOOSING


def _choosing_call(original: Outputs, changed: Mapping[CallKey, Masks], key: CallKey, batch: int) -> CallKey | None:
    """Return the first call, up to the one given, that gives the values of one sample to another, or None.

    That is an index that moves the samples, as in `x + x[torch.randperm(len(x))]`, or a single value that isn't seen to
    depend on several samples, as in `x / x.max()` if the same sample holds the maximum in all passes.
    """
    before: set[CallKey] = set()
    pending = [key]
    while pending:
        current = pending.pop()
        if current not in before:
            before.add(current)
            pending += original.producers.get(current, ())
    return next(
        (
            call
            for call in original.of_calls
            if call in before
            and (_is_choosing(call) or not any(tensor.dim() for tensor in original.of_calls[call]))
            and _is_misplaced(changed.get(call, {}), batch)
        ),
        None,
    )


def _is_misplaced(masks: Masks, batch: int) -> bool:
    """Return whether the first output of a call has no axis along which each sample changes only its own values.

    Along such an axis, a sample's own values are the contiguous part with its index, or every `batch`-th value.
    """
    firsts = {index: tensors[0] for index, tensors in masks.items() if tensors and bool(tensors[0].any())}
    if not firsts:
        return False
    shape = next(iter(firsts.values())).shape
    for axis, size in enumerate(shape):
        if size % batch == 0:
            marked = {index: mask.movedim(axis, 0).reshape(size, -1).any(1) for index, mask in firsts.items()}
            part = size // batch
            if all(rows[index * part : (index + 1) * part].sum() == rows.sum() for index, rows in marked.items()):
                return False
            if all(rows[index::batch].sum() == rows.sum() for index, rows in marked.items()):
                return False
    return True


def _is_kept_apart(tensors: list[Tensor], masks: Masks) -> bool:
    """Return whether a call without mixed values keeps the samples apart, given its outputs and what changed in them.

    That is uncertain if nothing changes, or if the outputs are integers, which may stay the same by chance.
    """
    return _changes(masks) and all(tensor.is_floating_point() for tensor in tensors)


def _changes(masks: Masks) -> bool:
    return any(bool(mask.any()) for of_sample in masks.values() for mask in of_sample)


def _overlap(masks: list[Tensor], others: list[Tensor]) -> bool:
    return any(bool((mask & other).any()) for mask, other in zip(masks, others, strict=True))


def _calls_that_reach_results(original: Outputs, mixed: set[CallKey], kept_apart: set[CallKey]) -> set[CallKey]:
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


def _calls_before_losses(original: Outputs) -> list[CallKey]:
    """Return the calls whose outputs the network returns. A single value is replaced with what it is computed from."""
    found: list[CallKey] = []
    seen: set[CallKey] = set()
    pending = [*original.results]
    while pending:
        key = pending.pop()
        if any(tensor.dim() for tensor in original.of_calls.get(key, ())):
            found.append(key)
        elif key not in seen:
            seen.add(key)
            pending += original.producers.get(key, ())
    return found


def _misplaced_result(original: Outputs, changed: Mapping[CallKey, Masks], batch: int) -> CallKey | None:
    """Return the call whose result holds values of a sample in the rows of other samples, or None."""
    for key in original.results:
        for index, masks in changed.get(key, {}).items():
            for mask in masks[:1]:
                is_batch = mask.dim() > 0 and len(mask) == batch
                if is_batch and bool(mask.reshape(batch, -1).any(1)[arange(batch) != index].any()):
                    return key
    return None
