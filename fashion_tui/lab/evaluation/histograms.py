"""Histograms of a network's weights."""

import torch
from torch import Tensor, nn

from fashion_tui.schema.weights import Histogram

BINS = 36


def weight_histograms(model: nn.Module) -> tuple[Histogram, ...]:
    """Return a histogram of each parameter of the network.

    Parameters that are empty or on the meta device are skipped.
    """
    return tuple(
        histogram(name, parameter.detach())
        for name, parameter in model.named_parameters()
        if parameter.numel() and not parameter.is_meta
    )


def histogram(name: str, values: Tensor, bins: int = BINS) -> Histogram:
    """Count the finite values in bins of equal width between their minimum and their maximum."""
    flat = values.float().flatten().cpu()
    finite = flat[flat.isfinite()]
    if not len(finite):
        return Histogram(
            name=name, counts=(0,) * bins, low=0.0, high=0.0, mean=0.0, std=0.0, non_finite=len(flat)
        )  # fmt: skip
    low, high = finite.min().item(), finite.max().item()
    if low == high:  # torch.histc would widen a range of width 0
        counts = [0] * bins
        counts[bins // 2] = len(finite)
    else:
        counts = [int(count) for count in torch.histc(finite.double(), bins, low, high).tolist()]
    return Histogram(
        name=name,
        counts=tuple(counts),
        low=low,
        high=high,
        mean=finite.mean().item(),
        std=finite.std(correction=0).item(),
        non_finite=len(flat) - len(finite),
    )
