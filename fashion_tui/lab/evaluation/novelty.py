"""Measure how far images are from the training images, and find the distance above which an image is unlike them.

Embeddings are scaled to unit length before they are compared, as in Y. Sun et al. 2022, "Out-of-Distribution Detection
with Deep Nearest Neighbors". Without the scaling, most images of other kinds go unnoticed, because their embeddings are
short and therefore close to other short ones.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .embedding import nearest

PERCENTILE = 99.5
"""Percentile of the distances of held-out images above which an image is unlike the training images."""


def training_distances(embedding: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distance of each image to its nearest training image, float32 `[N]`, and the index of that image.

    The embeddings, float32 `[N, D]` as returned by `embed`, are scaled to unit length, so distances are between 0 and
    2. The indices are int64 `[N]`.
    """
    distances, indices = nearest(F.normalize(embedding, dim=1), F.normalize(training, dim=1), 1)
    return distances[:, 0], indices[:, 0]


def novelty_threshold(training: Tensor, held_out: Tensor) -> float:
    """Return the 99.5th percentile of the distances of held-out images to their nearest training images.

    Between two ranks, the percentile is interpolated linearly.
    """
    distances, _ = training_distances(held_out, training)
    return torch.quantile(distances.double(), PERCENTILE / 100).item()
