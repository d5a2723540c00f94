"""Explanations of a network's prediction for one image: heat maps and the nearest training images."""

from typing import Literal

import msgspec

from .dataset import ImageShape

Method = Literal["gradient", "smoothgrad", "grad-cam", "occlusion"]
"""A method that computes a heat map: gradient × input, SmoothGrad, Grad-CAM or occlusion."""


class HeatMap(msgspec.Struct, frozen=True, kw_only=True):
    """How much each pixel of an image matters for the network's score of one class."""

    method: Method
    target: int
    """Label of the class that is explained."""
    truth: int
    """Label of the image's true class."""
    probabilities: tuple[float, ...]
    """Predicted probability of each class."""
    image: bytes
    """Pixels of the image: uint8 [C, H, W]."""
    image_shape: ImageShape
    values: bytes
    """The map divided by `scale`: float32 [H, W] in the machine's byte order. The values of `gradient` and `occlusion`
    are in [-1, 1], where a positive value means that the pixel supports the class. Those of `smoothgrad` and
    `grad-cam` are in [0, 1]."""
    scale: float
    """Largest absolute value of the map, or 0 if the map is 0 everywhere. Its unit is a probability for `occlusion`,
    and a logit or its derivative for the other methods."""
    layer: str | None = None
    """Path of the layer for `grad-cam`, or None."""
    layers: tuple[str, ...] = ()
    """For `grad-cam`, the paths of all layers that can be chosen, in the order in which the network calls them."""


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """A training image that is close to the image that is explained."""

    index: int
    """Index in the training set."""
    label: int
    distance: float
    """Euclidean distance between the inputs of the last linear layer."""
    image: bytes
    """Pixels of the image: uint8 [C, H, W]."""


class Neighbours(msgspec.Struct, frozen=True, kw_only=True):
    """The training images that are nearest to an image in the input of the network's last linear layer."""

    dimensions: int
    """Number of values in the input of the layer."""
    training_images: int
    """Number of training images that were compared. Held-out images are left out."""
    image_shape: ImageShape
    neighbours: tuple[Neighbour, ...]
    """The nearest images, nearest first, without the image itself."""
