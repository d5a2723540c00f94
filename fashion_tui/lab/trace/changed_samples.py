"""Change one sample of the inputs of a network, to see which values depend on it."""

from typing import Literal

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from .inputs import Arguments

Change = Literal["replace", "raise", "lower"]
CHANGES: tuple[Change, ...] = ("replace", "raise", "lower")
"""How the values of a sample are changed: replaced, raised above those of all other samples, or lowered below them."""
_GAP = 0.25
"""Distance to the values of the other samples, as a fraction of the range of all values."""


def change_sample(arguments: Arguments, more: Arguments, index: int, change: Change) -> Arguments | None:
    """Return the arguments with other values for the sample at `index`. `more` contains one more sample.

    Integers and masks are always replaced, because larger or smaller ones may be invalid. Return None if no tensor has
    a batch axis, or if values can't be raised or lowered because no such tensor has a floating-point dtype.
    """
    leaves, structure = pytree.tree_flatten(tuple(arguments))
    more_leaves, more_structure = pytree.tree_flatten(tuple(more))
    if structure != more_structure:
        return None
    changed = [_change(leaf, other, index, change) for leaf, other in zip(leaves, more_leaves, strict=True)]
    deciding = [leaf for leaf in changed if leaf is not None and (change == "replace" or leaf.is_floating_point())]
    if not deciding:
        return None
    new_leaves = [leaf if new is None else new for leaf, new in zip(leaves, changed, strict=True)]
    return Arguments(*pytree.tree_unflatten(new_leaves, structure))


def _change(tensor: object, more: object, index: int, change: Change) -> Tensor | None:
    """Return the tensor with other values for one sample, or None if it has no batch axis."""
    if not isinstance(tensor, Tensor) or not isinstance(more, Tensor) or tensor.dim() != more.dim():
        return None
    axes = [axis for axis in range(tensor.dim()) if more.shape[axis] == tensor.shape[axis] + 1]
    if len(axes) != 1 or index >= tensor.shape[axes[0]]:
        return None
    new = tensor.detach().clone()
    sample = more.detach().select(axes[0], -1)
    is_shifted = change != "replace" and new.is_floating_point() and new.layout is torch.strided
    if is_shifted and new.numel() > sample.numel() > 0:
        values, sample = new.movedim(axes[0], 0).double(), sample.double()  # some dtypes don't support arithmetic
        others = values[torch.arange(len(values)) != index]
        low, high = others.min(), others.max()
        gap = _GAP * (torch.maximum(values.max(), sample.max()) - torch.minimum(values.min(), sample.min()))
        sample = sample - sample.min() + high + gap if change == "raise" else sample - sample.max() + low - gap
    new.select(axes[0], index).copy_(sample)
    return new
