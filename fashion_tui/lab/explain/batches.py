"""The size of the batches in which altered copies of one image are run."""

from torch import Tensor

MAX_IMAGES = 64
MAX_VALUES = 1 << 20
"""Maximum number of pixel values in a batch, which limits the memory that the activations take."""


def images_per_batch(image: Tensor) -> int:
    """Return how many copies of an image `[C, H, W]` to run at once: at least 1 and at most MAX_IMAGES."""
    return max(1, min(MAX_IMAGES, MAX_VALUES // max(image.numel(), 1)))
