"""Histograms of weights, and feature maps."""

import msgspec

from .dataset import ImageShape
from .shapes import Shape


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Distribution of the values of one parameter or tensor."""

    name: str
    """Full name in the network, such as `conv1.weight`."""
    counts: tuple[int, ...]
    """Number of finite values in each bin. The bins divide the range from `low` to `high` into equal intervals."""
    low: float
    """Smallest finite value."""
    high: float
    """Largest finite value."""
    mean: float
    std: float
    """Standard deviation; 0 for a single value."""
    non_finite: int
    """Number of values that are NaN or infinite."""


class FeatureMaps(msgspec.Struct, frozen=True, kw_only=True):
    """Output of a layer or function of a network for one image."""

    index: int
    """Index of the image in its split."""
    truth: str
    """Name of the true class."""
    predicted: str
    """Name of the predicted class."""
    image: bytes
    """Pixels of the image, as uint8 `[C, H, W]`."""
    image_shape: ImageShape
    shape: Shape
    """Shape of the output for this sample."""
    maps: tuple[bytes, ...]
    """The requested feature maps, each as uint8 with the size `map_size`: black is `low`, white is `high`."""
    map_size: tuple[int, int]
    """Height and width of the images in `maps`, in pixels."""
    total: int
    """Number of feature maps in the output."""
    low: float
    """Smallest value in all feature maps of the output."""
    high: float
    """Largest value in all feature maps of the output."""
    images: int
    """Number of images in the split."""
