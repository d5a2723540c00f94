"""Parse the files of published data sets into arrays. Nothing is unpickled."""

import math
from collections.abc import Iterable

import numpy as np

from .published import DatasetSource, IdxFormat, Part, RecordFormat
from .stored import Pixels, StoredImages


def parse(source: DatasetSource, part: Part, contents: Iterable[Pixels]) -> StoredImages:
    """Return the images and labels of a part.

    `contents` has one array for each file of the part: the values after the header, uint8 `[size]`. If
    `is_mappable(source)` is true, the returned pixels are a view of the first array. Raises ValueError if a label is
    invalid.
    """
    match source.format:
        case IdxFormat() as idx:
            images = _parse_idx(idx, source, part, *contents)
        case RecordFormat() as records:
            images = _parse_records(records, source, part, contents)
    _check_labels(images, len(source.classes))
    return images


def is_mappable(source: DatasetSource) -> bool:
    """Return whether the pixels can be memory-mapped in the published files, without a copy."""
    return isinstance(source.format, IdxFormat) and not source.format.transposed


def _parse_idx(idx: IdxFormat, source: DatasetSource, part: Part, pixels: Pixels, labels: Pixels) -> StoredImages:
    pixels = pixels.reshape(part.images, *source.image_shape)
    if idx.transposed:
        pixels = np.ascontiguousarray(pixels.swapaxes(2, 3))
    return StoredImages(pixels, labels.astype(np.int64) - idx.first_label)


def _parse_records(
    records: RecordFormat, source: DatasetSource, part: Part, contents: Iterable[Pixels]
) -> StoredImages:
    pixels = np.empty((part.images, *source.image_shape), np.uint8)
    labels = np.empty(part.images, np.int64)
    start = 0
    for content in contents:
        rows = content.reshape(-1, records.labels + math.prod(source.image_shape))
        end = start + len(rows)
        labels[start:end] = rows[:, records.labels - 1]
        pixels[start:end] = rows[:, records.labels :].reshape(-1, *source.image_shape)
        start = end
    return StoredImages(pixels, labels)


def _check_labels(images: StoredImages, classes: int) -> None:
    invalid = np.flatnonzero((images.labels < 0) | (images.labels >= classes))
    if invalid.size:
        index = int(invalid[0])
        raise ValueError(
            f"the label of image {index:,} is {images.labels[index]}; it must be between 0 and {classes - 1}"
        )
