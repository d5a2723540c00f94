"""Results of evaluating a trained network on test images or on held-out training images."""

import math
from typing import Literal

import msgspec

from .dataset import ImageShape

EvaluationSplit = Literal["test", "validation"]
"""The images on which a run is evaluated: the test set, or the training images that the run held out."""

PredictionOrder = Literal["index", "loss", "confidence", "margin"]
"""The order of predictions: by index; by decreasing loss; by decreasing confidence; or by increasing margin between the
probabilities of the two most probable classes, which puts the closest decisions first."""


class ClassReport(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics of one class. `precision`, `recall` and `f1` are in [0, 1], and 0 if their denominator is 0."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    """Number of images of this class."""


class Averages(msgspec.Struct, frozen=True, kw_only=True):
    """Means over the classes of the metrics in ClassReport."""

    precision: float
    recall: float
    f1: float


class ReliabilityBin(msgspec.Struct, frozen=True, kw_only=True):
    """The predictions whose confidence is at least `low` and less than `high`; the last bin includes 1."""

    low: float
    high: float
    count: int
    """Number of predictions in the bin."""
    confidence: float | None
    """Mean confidence, or None if the bin is empty."""
    accuracy: float | None
    """Fraction of correct predictions, or None if the bin is empty."""


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics of a network on a set of images."""

    n: int
    """Number of images."""
    accuracy: float
    interval: tuple[float, float]
    """Ends of the accuracy's 95 % confidence interval (Wilson 1927)."""
    top2: float
    """Fraction of images, in [0, 1], whose true class is among the two most probable classes."""
    loss: float
    """Mean cross-entropy, in nats."""
    ece: float
    """Expected calibration error with 15 bins of equal width and the L1 norm (Guo et al. 2017, "On Calibration of
    Modern Neural Networks")."""
    reliability: tuple[ReliabilityBin, ...]
    """The bins from which `ece` is computed, by increasing confidence. Empty if there are no scores."""
    macro: Averages
    """Means over the classes, all with the same weight. Classes without images and predictions are left out."""
    weighted: Averages
    """Means over the classes, weighted by the number of images."""
    per_class: tuple[ClassReport, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Confusion matrix: one row per true class, one column per predicted class."""
    invalid: int = 0
    """Number of images for which the predicted probabilities are NaN. If there are any, all scores are NaN."""


class Evaluation(Metrics, frozen=True, kw_only=True):
    """Metrics of a run's checkpoint on one split."""

    run: str
    dataset: str
    split: EvaluationSplit
    checkpoint: str
    """Path of the checkpoint file."""
    step: int
    epoch: int
    accuracy_with_flips: float | None
    """Accuracy of the mean probabilities of each image and its mirror image. None if the recipe doesn't flip images."""


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """An image with the network's prediction."""

    index: int
    """Index in the test set or, for a held-out image, in the training set."""
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


class PredictionsFile(msgspec.Struct, frozen=True, kw_only=True):
    """A CSV file with the predictions for all images of a split."""

    path: str
    rows: int
    """Number of images."""


class PredictionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive predictions, after filtering and sorting."""

    predictions: tuple[Prediction, ...]
    total: int
    """Number of predictions that match the filter, on all pages."""
