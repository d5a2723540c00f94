"""Find labels that are probably wrong, by confident learning.

The definitions are those of Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset
Labels": the confident joint of section 3.1, and the method "prune by class" of section 3.2. The predicted probabilities
must come from networks that haven't seen the image that they predict, because a network learns wrong labels, too.
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
    """int64 [K], the most probable label of each image."""
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


def count_errors(joint: Tensor, labels: Tensor) -> Tensor:
    """Return the estimated number of wrong labels among the images of each class, int64 `[C]`.

    The off-diagonal share of each row of the confident joint is scaled to the number of images with that label
    (equation 3), since some images have no confident label.
    """
    joint = joint.double()
    rows = joint.sum(dim=1)
    share = torch.where(rows > 0, 1 - joint.diagonal() / rows.clamp(min=1), 0.0)
    return (share * torch.bincount(labels, minlength=len(joint))).round().long()


def find_label_issues(probabilities: Tensor, labels: Tensor) -> LabelIssues:
    """Return the images whose label is probably wrong: in each class, as many as there are estimated errors.

    The self-confidence of an image is the probability of its given label. The images with the lowest self-confidence
    are chosen, except those whose given label is the most probable one. They are sorted by self-confidence and then by
    index. `probabilities` is float32 `[N, C]`, and `labels` is int64 `[N]`.
    """
    classes = probabilities.shape[1]
    confident = confident_labels(probabilities, class_thresholds(probabilities, labels))
    errors = count_errors(confident_joint(labels, confident, classes), labels)
    own = probabilities.gather(1, labels[:, None]).squeeze(1).double()
    ranked = own.argsort(stable=True)
    chosen = torch.cat([ranked[labels[ranked] == label][: errors[label]] for label in range(classes)])
    predicted = probabilities.argmax(dim=1)
    chosen = chosen[predicted[chosen] != labels[chosen]].sort().values
    indices = chosen[own[chosen].argsort(stable=True)]
    return LabelIssues(indices, predicted[indices], 1 - own[indices])
