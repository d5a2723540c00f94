"""Accuracies on corrupted images."""

from typing import Literal

import msgspec

CorruptionName = Literal["noise", "shift", "rotation", "blur"]


class RobustnessCurve(msgspec.Struct, frozen=True, kw_only=True):
    """The accuracy under one kind of corruption, at increasing strengths."""

    corruption: CorruptionName
    strengths: tuple[float, ...]
    """The parameter of the corruption: a standard deviation, a distance or an angle; see `unit`."""
    unit: str
    accuracies: tuple[float, ...]
    """Accuracy at each strength. NaN if the network's outputs contain NaN."""


class Robustness(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracies of a run's checkpoint on corrupted images."""

    run: str
    n: int
    """Number of images: all images of the split, or a random sample."""
    accuracy: float
    """Accuracy on the same images without corruption."""
    curves: tuple[RobustnessCurve, ...]
