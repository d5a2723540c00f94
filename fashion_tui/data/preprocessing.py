"""Convert an image of any size to the shape of a data set's images, step by step."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from fashion_tui.schema.dataset import Fit, ImageShape
from fashion_tui.schema.picture import Picture
from fashion_tui.schema.prediction import PreprocessingStep, StepName

from .border import border_brightness
from .decoding import fit_to
from .stored import Pixels

PICTURE_SIDE = 128
"""Maximum height and width of the picture of a step, in pixels."""

BRIGHT = 128
"""Minimum value of a bright pixel. Pixels below it are dark."""


@dataclass(frozen=True)
class Target:
    """Properties of the images of a run's data set."""

    image_shape: ImageShape
    fit: Fit
    """How images are made square."""
    border: float | None
    """`DatasetInfo.border`, or None if it is unknown."""


@dataclass(frozen=True)
class Preprocessed:
    """An image in the shape of a data set's images, and the steps by which it was converted."""

    pixels: Pixels
    """uint8 `[C, H, W]`."""
    steps: tuple[PreprocessingStep, ...]


def preprocess(image: Pixels, target: Target) -> Preprocessed:
    """Convert a decoded image to the shape of a data set's images.

    The image becomes grey if the set's images are grey, and is resized as the set's images were. A grey image is
    inverted if its border is bright and the border of the set's images is dark. An image in colour is never inverted.
    """
    decoded = _describe("decoded", "8 bits per channel, upright", image)
    converted, grey = _convert(image, target.image_shape[0])
    invert, reason = _inversion(converted, target)
    side = target.image_shape[-1]
    # The image is resized once, so that the inverted image is exactly the negative of the resized one.
    fitted = fit_to(255 - converted if invert else converted, side, target.fit)
    resized = _describe_resized(converted, 255 - fitted if invert else fitted, target.fit)
    inverted = _describe("inverted", reason, fitted, applied=invert)
    return Preprocessed(_planes(fitted).copy(), (decoded, grey, resized, inverted))


def _describe(name: StepName, caption: str, result: Pixels, *, applied: bool = True) -> PreprocessingStep:
    """Return a preprocessing step, described by the image that results from it and the statistics of this image."""
    return PreprocessingStep(
        name=name,
        caption=caption,
        applied=applied,
        dtype=str(result.dtype),
        shape=result.shape,
        minimum=float(result.min()),
        mean=float(result.mean()),
        maximum=float(result.max()),
        picture=picture_of(result),
    )


def picture_of(image: Pixels) -> Picture:
    """Return an image `[H, W]` or `[H, W, 3]` for display. A large image is reduced, keeping its aspect ratio."""
    if max(image.shape[:2]) > PICTURE_SIDE:
        reduced = Image.fromarray(image)
        reduced.thumbnail((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BOX)
        image = np.asarray(reduced)
    planes = _planes(image)
    channels, height, width = planes.shape
    return Picture(planes.tobytes(), (channels, height, width))


def _planes(image: Pixels) -> Pixels:
    """Return an image `[H, W]` or `[H, W, 3]` as `[C, H, W]`."""
    return np.ascontiguousarray(image[np.newaxis] if image.ndim == 2 else image.transpose(2, 0, 1))


def _convert(image: Pixels, channels: int) -> tuple[Pixels, PreprocessingStep]:
    """Convert an image to grey or to RGB."""
    is_grey = image.ndim == 2
    if channels == 1 and not is_grey:
        grey = np.asarray(Image.fromarray(image).convert("L"))
        return grey, _describe("grey", "0.299 R + 0.587 G + 0.114 B", grey)
    if channels == 3 and is_grey:
        colour = np.repeat(image[..., None], 3, axis=2)
        return colour, _describe("grey", "repeated as R, G and B", colour)
    caption = "already grey" if is_grey else "kept in colour, as in training"
    return image, _describe("grey", caption, image, applied=False)


def _inversion(image: Pixels, target: Target) -> tuple[bool, str]:
    """Return whether to invert an image, and why."""
    if image.ndim == 3:
        return False, "never for images in colour"
    # The border is as thick as one pixel of the resized image.
    border = border_brightness(image[np.newaxis], max(min(image.shape) // target.image_shape[-1], 1))
    if border < BRIGHT:
        return False, f"not needed: dark border ({border:g})"
    if target.border is None:
        return (
            False,
            f"bright border ({border:g}), but it is unknown whether the training images have a dark border",
        )
    if target.border >= BRIGHT:
        return False, f"not needed: bright border ({border:g}), as in training ({target.border:g})"
    return True, f"bright border ({border:g}), but dark in training ({target.border:g})"


def _describe_resized(before: Pixels, after: Pixels, fit: Fit) -> PreprocessingStep:
    if before.shape == after.shape:
        return _describe("resized", "already this size", after, applied=False)
    is_square = before.shape[0] == before.shape[1]
    caption = "bilinear" if is_square else {"pad": "bilinear, padded", "crop": "cropped, bilinear"}[fit]
    return _describe("resized", caption, after)
