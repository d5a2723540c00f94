"""Files to which a trained network is exported: their formats, and what they state about the network."""

from pathlib import PurePath
from typing import Literal, get_args

import msgspec

from .dataset import ImageShape

ExportFormat = Literal["safetensors", "state-dict", "onnx", "exported-program"]

EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)

SUFFIXES: dict[str, ExportFormat] = {
    ".safetensors": "safetensors",
    ".pt": "state-dict",
    ".pth": "state-dict",
    ".onnx": "onnx",
    ".pt2": "exported-program",
}
"""The format that the suffix of a file name stands for."""

METADATA_KEY = "fashion_tui"
"""Key of the metadata in a safetensors and in an ONNX file. Its value is an ExportMetadata as JSON."""

METADATA_FILE = f"{METADATA_KEY}.json"
"""Name of the extra file in an exported program that contains an ExportMetadata as JSON."""

INPUT = "float32 [N, C, H, W], each channel (pixels / 255 - mean) / std"
"""The input that every exported network expects."""


class ExportMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a program that uses an exported network needs to know. Every format except `state-dict` contains it."""

    run: str
    """Id of the run."""
    step: int
    """Number of training steps after which the weights were stored."""
    dataset: str
    classes: tuple[str, ...]
    """Class names, in the order of the logits."""
    image_shape: ImageShape
    """Channels, height and width of an image."""
    mean: tuple[float, ...]
    """Mean of each channel, subtracted from pixels in [0, 1]."""
    std: tuple[float, ...]
    """Standard deviation of each channel, by which the difference is divided."""
    weights_sha256: str
    """SHA-256 of the bytes of all weights and buffers, in the order of their names. Tied tensors count once, under
    their first name."""
    input: str = INPUT


class ExportResult(msgspec.Struct, frozen=True, kw_only=True):
    """A file written by an export, and how it was checked."""

    path: str
    format: ExportFormat
    images: int
    """Number of test images with which the file was checked."""
    max_difference: float
    """Largest absolute difference between the logits of the run's network and those of the file. NaN if only one of
    the two is NaN for an image."""
    metadata: ExportMetadata


def format_of(file: PurePath) -> ExportFormat | None:
    """Return the format that a file's suffix stands for, or None if the suffix is unknown."""
    return SUFFIXES.get(file.suffix.lower())
