"""How far from the training images an image must be to be called unlike them."""

import torch
from torch import Tensor

from .embedding import nearest

PERCENTILE = 99.5
"""Percentile of the distances of held-out images above which a distance is unusual."""


def novelty_threshold(training: Tensor, held_out: Tensor) -> float:
    """Return the 99.5th percentile of the distances of held-out images to their nearest training images.

    The distances are Euclidean distances between embeddings, float32 `[N, D]`, as returned by `embed`. Between two
    ranks, the percentile is interpolated linearly.
    """
    distances, _ = nearest(held_out, training, 1)
    return torch.quantile(distances[:, 0].double(), PERCENTILE / 100).item()
