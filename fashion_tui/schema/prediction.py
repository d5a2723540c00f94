"""Predictions for image files: how each image was preprocessed, its most probable classes, and how unusual it is."""

from typing import Literal

import msgspec

from .picture import Picture

MAX_TOP = 5
"""Maximum number of classes in a prediction."""

StepName = Literal["decoded", "grey", "resized", "inverted", "normalised"]


class PreprocessingStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step between an image file and the network's input, with statistics of the step's result."""

    name: StepName
    caption: str
    """What the step does to this image, or why the step is skipped."""
    applied: bool
    """Whether the step changes the image. If False, the result is that of the previous step."""
    dtype: str
    """Element type of the result: `uint8` or `float32`."""
    shape: tuple[int, ...]
    """Shape of the result: `[H, W]` or `[H, W, 3]` and, after normalisation, `[C, H, W]`."""
    minimum: float
    mean: float
    maximum: float
    picture: Picture
    """The result, reduced if it is large."""


class ClassProbability(msgspec.Struct, frozen=True, kw_only=True):
    """A class with its predicted probability."""

    label: int
    """Index of the class."""
    name: str
    probability: float


class Novelty(msgspec.Struct, frozen=True, kw_only=True):
    """How far an image is from the training images, compared with images that the network wasn't trained on.

    Distances are Euclidean distances to the nearest training image, between the inputs of the last linear layer, which
    are scaled to unit length.
    """

    distance: float
    """Distance between the image and the nearest training image."""
    threshold: float
    """The 99.5th percentile of the distances of the held-out images."""
    held_out: Literal["validation", "test"]
    """Part of the data set that the held-out images belong to."""
    held_out_images: int
    nearest: int
    """Index of the nearest image in the training set."""

    @property
    def unlike_training(self) -> bool:
        """Whether the image is farther from the training images than 99.5 % of the held-out images."""
        return self.distance > self.threshold


class PredictedImage(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A prediction for an image file."""

    image: str
    """Path of the file, as in the request."""
    steps: tuple[PreprocessingStep, ...]
    top: tuple[ClassProbability, ...]
    """The most probable classes, at most MAX_TOP, the most probable first."""
    novelty: Novelty | None
    """None if the distance can't be computed; `Predicted.novelty_obstacle` then says why."""


class FailedImage(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An image file for which there is no prediction."""

    image: str
    """Path of the file, as in the request."""
    error: str
    """One-line reason."""


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """Predictions of a run's checkpoint for image files."""

    run: str
    dataset: str
    checkpoint: str
    """Path of the checkpoint file."""
    step: int
    epoch: int
    images: tuple[PredictedImage | FailedImage, ...]
    """One for each image of the request, in the same order."""
    novelty_obstacle: str | None
    """Why it is unknown whether the images are unlike the training images, or None if it is known."""
