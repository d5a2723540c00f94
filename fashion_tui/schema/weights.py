"""What a network holds and what it makes of a picture: its weights as histograms, its feature maps as pictures."""

import msgspec

from .shapes import Shape


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """The values of one parameter."""

    name: str
    """From the network down: `conv1.weight`."""
    counts: tuple[int, ...]
    """Of the finite values, in bins of equal width between `low` and `high`."""
    low: float
    high: float
    mean: float
    std: float
    """0 where there is a single value."""
    not_finite: int
    """Values that are NaN or infinite."""


class FeatureMaps(msgspec.Struct, frozen=True, kw_only=True):
    """What a step of a network gives for one test picture."""

    index: int
    """Of the picture, in the test set."""
    truth: str
    """The picture's class."""
    predicted: str
    picture: bytes
    """uint8 [28, 28]."""
    shape: Shape
    """Of what the step gives for this one sample."""
    maps: tuple[bytes, ...]
    """Those asked for, each as uint8 [28, 28]: black is `low`, white is `high`."""
    total: int
    """How many maps there are in all."""
    low: float
    """Over all maps."""
    high: float
    test_images: int
    """How many test pictures there are."""
