"""Compare the confidence of predictions with their accuracy."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fashion_tui.schema.evaluation import ReliabilityBin

BINS = 15


def reliability_bins(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Group predictions into bins of equal width by their confidence, the probability of the predicted class.

    `probabilities` is `[N, C]`, and `labels` is int64 `[N]`.
    """
    confidence, predictions = probabilities.double().max(dim=1)
    index = (confidence * bins).long().clamp(max=bins - 1)
    counts = torch.bincount(index, minlength=bins).tolist()
    correct = torch.bincount(index[predictions == labels], minlength=bins).tolist()
    confidences = torch.bincount(index, weights=confidence, minlength=bins).tolist()
    return tuple(
        ReliabilityBin(
            low=position / bins,
            high=(position + 1) / bins,
            count=count,
            confidence=confidences[position] / count if count else None,
            accuracy=correct[position] / count if count else None,
        )
        for position, count in enumerate(counts)
    )


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Return the expected calibration error, in [0, 1].

    This is the mean of |accuracy - confidence| over the bins, weighted by the number of predictions in each bin (Guo et
    al. 2017, "On Calibration of Modern Neural Networks", equation 3).
    """
    gaps = [
        part.count * abs(part.accuracy - part.confidence)
        for part in bins
        if part.accuracy is not None and part.confidence is not None
    ]
    return sum(gaps) / sum(part.count for part in bins)
