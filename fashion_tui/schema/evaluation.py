"""What a trained network makes of the test set."""

import msgspec


class ClassReport(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    precision: float
    """All in [0, 1]; 0 where the share is of nothing."""
    recall: float
    f1: float
    support: int
    """Test images of this class."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    run: str
    dataset: str
    checkpoint: str
    """The file that the weights came from."""
    step: int
    epoch: int
    n: int
    accuracy: float
    top2: float
    """Share of images whose class is among the two likeliest."""
    loss: float
    """Mean cross entropy, in nats."""
    ece: float
    """Expected calibration error: 15 equal bins, L1 (Guo et al. 2017, On Calibration of Modern Neural Networks)."""
    per_class: tuple[ClassReport, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Rows truth, columns prediction."""


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One test image, as the network sees it."""

    index: int
    """Place in the test set."""
    truth: int
    probabilities: tuple[float, ...]
    """One for each class."""
    pixels: bytes
    """uint8 [28, 28]."""

    @property
    def predicted(self) -> int:
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        return max(self.probabilities)


class PredictionPage(msgspec.Struct, frozen=True, kw_only=True):
    predictions: tuple[Prediction, ...]
    total: int
    """How many predictions the filter leaves in all."""
