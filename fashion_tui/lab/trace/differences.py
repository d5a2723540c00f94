"""Find the values that differ between passes of a network."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .batch_axis import CallKey
from .mixing_origin import Masks, Outputs

MIN_CHANGE = 1e-5
"""Changes below this fraction of a tensor's largest value are considered rounding errors."""


def add_changes(changed: dict[CallKey, Masks], original: Outputs, passes: Sequence[Outputs | None]) -> None:
    """Add the masks of the values that change with each sample. A pass that raised an error changes nothing."""
    for index, other in enumerate(passes):
        for key, masks in ({} if other is None else _changed_values(original, other)).items():
            of_call = changed.setdefault(key, {})
            known = of_call.get(index)
            of_call[index] = masks if known is None else list(map(torch.logical_or, known, masks))


def _changed_values(original: Outputs, other: Outputs) -> dict[CallKey, list[Tensor]]:
    """Return masks of the values that differ, for each call up to the first one that only one of the passes makes.

    Calls whose outputs have different shapes are left out.
    """
    changed = {}
    for (key, tensors), (other_key, others) in zip(original.of_calls.items(), other.of_calls.items(), strict=False):
        if key != other_key:
            break
        if [tensor.shape for tensor in tensors] == [tensor.shape for tensor in others]:
            changed[key] = [_differs(*pair) for pair in zip(tensors, others, strict=True)]
    return changed


def _differs(tensor: Tensor, other: Tensor) -> Tensor:
    if tensor.layout is not torch.strided or tensor.is_quantized:
        return torch.zeros(0, dtype=torch.bool)
    if not tensor.is_floating_point() or not tensor.numel():
        return tensor != other
    difference = (tensor - other).abs()
    largest = tensor.abs().max().item()
    if math.isfinite(largest):
        return ~(difference <= MIN_CHANGE * largest)  # also true for values that become NaN
    scale = tensor[tensor.isfinite()].abs().max() if bool(tensor.isfinite().any()) else torch.tensor(0.0)
    is_same = (tensor == other) | (tensor.isnan() & other.isnan()) | (difference <= MIN_CHANGE * scale)
    return ~is_same
