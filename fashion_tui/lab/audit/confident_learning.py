"""Find labels that are probably wrong, by confident learning.

The definitions are those of Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset
Labels", section 3.1. The predicted probabilities must come from networks that haven't seen the image that they predict,
because a network learns wrong labels, too.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LabelIssues:
    """Images whose label is probably wrong, the most certain first."""

    indices: Tensor
    """int64 [K], indices of the images."""
    suggested: Tensor
    """int64 [K], the label that each image should probably have."""
    scores: Tensor
    """float64 [K], 1 minus the probability of the given label, in descending order."""


def class_thresholds(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Return the threshold of each class, float32 `[C]`: the mean probability of the class over its images.

    This is equation 2. `probabilities` is float32 `[N, C]`, and `labels` is int64 `[N]`. The threshold of a class
    without images is infinite.
    """
    classes = probabilities.shape[1]
    own = probabilities.gather(1, labels[:, None]).squeeze(1).double()
    sums = torch.zeros(classes, dtype=torch.float64).index_add_(0, labels, own)
    counts = torch.bincount(labels, minlength=classes)
    return torch.where(counts > 0, sums / counts, torch.inf).float()


def confident_labels(probabilities: Tensor, thresholds: Tensor) -> Tensor:
    """Return the label that each image probably has, int64 `[N]`, or -1 if no probability reaches its threshold.

    If several probabilities reach the thresholds of their classes, the largest of them determines the label.
    """
    confident = torch.where(probabilities >= thresholds, probabilities, -1.0)
    highest, labels = confident.max(dim=1)
    return torch.where(highest >= 0, labels, -1)


def confident_joint(labels: Tensor, confident: Tensor, classes: int) -> Tensor:
    """Return the confident joint, int64 `[C, C]`: the number of images with each given label and confident label.

    Rows are given labels. `confident` is the result of `confident_labels`.
    """
    is_confident = confident >= 0
    pairs = labels[is_confident] * classes + confident[is_confident]
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes)


def find_label_issues(probabilities: Tensor, labels: Tensor) -> LabelIssues:
    """Return the images that are off the diagonal of the confident joint: their confident label differs from the label.

    They are ranked by their self-confidence, the probability of the given label. Images with the same self-confidence
    are in the order of their indices. `probabilities` is float32 `[N, C]`, and `labels` is int64 `[N]`.
    """
    suggested = confident_labels(probabilities, class_thresholds(probabilities, labels))
    indices = ((suggested >= 0) & (suggested != labels)).nonzero().squeeze(1)
    own = probabilities[indices].gather(1, labels[indices][:, None]).squeeze(1).double()
    order = own.argsort(stable=True)
    return LabelIssues(indices[order], suggested[indices][order], 1 - own[order])
