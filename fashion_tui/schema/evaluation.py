"""Results of evaluating a trained network on the test set."""

import math

import msgspec

from .dataset import ImageShape


class ClassReport(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics of one class. `precision`, `recall` and `f1` are in [0, 1], and 0 if their denominator is 0."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    """Number of images of this class."""


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics of a network on a set of images."""

    n: int
    """Number of images."""
    accuracy: float
    top2: float
    """Fraction of images, in [0, 1], whose true class is among the two most probable classes."""
    loss: float
    """Mean cross-entropy, in nats."""
    ece: float
    """Expected calibration error with 15 bins of equal width and the L1 norm (Guo et al. 2017, "On Calibration of
    Modern Neural Networks")."""
    per_class: tuple[ClassReport, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Confusion matrix: one row per true class, one column per predicted class."""
    invalid: int = 0
    """Number of images for which the predicted probabilities are NaN. If there are any, all scores are NaN."""


class Evaluation(Metrics, frozen=True, kw_only=True):
    """Metrics of a run's checkpoint on the test set."""

    run: str
    dataset: str
    checkpoint: str
    """Path of the checkpoint file."""
    step: int
    epoch: int


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """A test image with the network's prediction."""

    index: int
    """Index in the test set."""
    truth: int
    """Label of the true class."""
    probabilities: tuple[float, ...]
    """Probability of each class; NaN if the network's outputs aren't numbers."""
    pixels: bytes
    """Pixels of the image, as uint8 `[C, H, W]`."""
    image_shape: ImageShape

    @property
    def predicted(self) -> int | None:
        """Label of the most probable class, or None if the probabilities aren't numbers."""
        if any(map(math.isnan, self.probabilities)):
            return None
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """Probability of the predicted class."""
        return max(self.probabilities)


class PredictionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive predictions, after filtering and sorting."""

    predictions: tuple[Prediction, ...]
    total: int
    """Number of predictions that match the filter, on all pages."""
