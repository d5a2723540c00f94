"""Plots that a kernel displays: images, heat maps and bars, small enough to send and store.

An output contains its plot as JSON under MIME_TYPE, in addition to `text/plain`. Decoding validates the plot.
"""

import math
from collections.abc import Mapping
from typing import Literal

import msgspec

MIME_TYPE = "application/vnd.fashion-tui.plot+json"

MAX_SIDE = 160
"""Maximum height and width of an image, maximum size of a matrix along each axis, and maximum length of a vector."""

MAX_IMAGES = 64
"""Maximum number of images in a grid."""

MAX_BYTES = 200_000
"""Maximum size of a grid's pixels in bytes, enough for 64 RGB images of 32×32."""

MAX_PRINTED = 16
"""Maximum number of rows, columns or bars for which a plot also contains its values as strings (`value_strings`)."""

MAX_CAPTION = 400
"""Maximum length of a caption, in characters."""

MAX_LABEL = 40
"""Maximum length of a label or a value string, in characters."""

NON_FINITE = 255
"""Level in `HeatMap.levels` that stands for NaN and infinity."""

MAX_LEVEL = 254
"""Level in `HeatMap.levels` that stands for the largest finite value."""


class ImageGrid(msgspec.Struct, frozen=True, kw_only=True, tag="images"):
    """One image, or several of the same size."""

    count: int
    height: int
    width: int
    channels: Literal[1, 3]
    """Number of channels: 1 for greyscale, 3 for RGB."""
    pixels: bytes
    """Pixels as uint8 [count, height, width, channels]: 0 is black, 255 is white."""
    total: int
    """Number of images in the whole batch. The grid contains the first `count` images."""
    labels: tuple[str, ...] = ()
    """Labels of the images; empty if they are unknown or given in the caption."""
    caption: str = ""

    def __post_init__(self) -> None:
        _check_range("images", self.count, MAX_IMAGES)
        _check_range("height", self.height, MAX_SIDE)
        _check_range("width", self.width, MAX_SIDE)
        size = self.count * self.height * self.width * self.channels
        _check_range("bytes", size, MAX_BYTES)
        if len(self.pixels) != size:
            raise ValueError(f"pixels has {len(self.pixels)} bytes; expected {size}")
        if self.total < self.count:
            raise ValueError(f"total is {self.total}; it must be at least {self.count}, the number of images")
        _check_strings(self.caption, self.labels, (0, self.count))

    def image(self, index: int) -> bytes:
        """Return the pixels of one image, as uint8 [height, width, channels]."""
        size = self.height * self.width * self.channels
        return self.pixels[index * size : (index + 1) * size]


class HeatMap(msgspec.Struct, frozen=True, kw_only=True, tag="heat map"):
    """A matrix, drawn as a heat map."""

    rows: int
    columns: int
    levels: bytes
    """Values as uint8 [rows, columns]: 0 stands for `low`, MAX_LEVEL for `high`, and NON_FINITE for NaN or infinity."""
    low: float
    """Smallest finite value; `low` and `high` are 0 if no value is finite."""
    high: float
    """Largest finite value."""
    value_strings: tuple[str, ...] = ()
    """Values as strings, row by row; empty if there are more than MAX_PRINTED rows or columns."""
    caption: str = ""

    def __post_init__(self) -> None:
        _check_range("rows", self.rows, MAX_SIDE)
        _check_range("columns", self.columns, MAX_SIDE)
        if len(self.levels) != self.rows * self.columns:
            raise ValueError(f"levels has {len(self.levels)} values; expected {self.rows * self.columns}")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"the range from {self.low} to {self.high} is invalid")
        _check_strings(self.caption, self.value_strings, (0, self.rows * self.columns))


class Bars(msgspec.Struct, frozen=True, kw_only=True, tag="bars"):
    """A vector, drawn as bars."""

    values: tuple[float | None, ...]
    """The values, with None for NaN and infinity."""
    stride: int = 1
    """Distance between the indices of neighbouring bars in the vector; 1 if all values are shown."""
    value_strings: tuple[str, ...] = ()
    """Values as strings; empty if there are more than MAX_PRINTED."""
    labels: tuple[str, ...] = ()
    """Labels of the values; if empty, the indices are shown."""
    caption: str = ""

    def __post_init__(self) -> None:
        _check_range("values", len(self.values), MAX_SIDE)
        if self.stride < 1:
            raise ValueError(f"stride is {self.stride}; it must be 1 or more")
        if not all(value is None or math.isfinite(value) for value in self.values):
            raise ValueError("a value is not finite; use null instead")
        _check_strings(self.caption, self.value_strings, (0, len(self.values)))
        _check_strings("", self.labels, (0, len(self.values)))


Plot = ImageGrid | HeatMap | Bars


def plot_in(data: Mapping[str, object]) -> Plot | None:
    """Return the plot in an output's data (a dict keyed by MIME type), or None if the output contains no plot.

    Raises ValueError, with a one-line message, if the plot is invalid.
    """
    encoded = data.get(MIME_TYPE)
    if encoded is None:
        return None
    try:
        plot: Plot = msgspec.convert(encoded, Plot)
    except msgspec.ValidationError as error:
        raise ValueError(f"invalid plot: {' '.join(str(error).split())}") from None
    return plot


def size_of(plot: Plot) -> int:
    """Return the approximate memory that a plot occupies, in bytes."""
    match plot:
        case ImageGrid(pixels=pixels, labels=labels):
            return len(pixels) + _size_of_strings(labels)
        case HeatMap(levels=levels, value_strings=strings):
            return len(levels) + _size_of_strings(strings)
        case Bars(values=values, value_strings=strings, labels=labels):
            return 32 * len(values) + _size_of_strings(strings) + _size_of_strings(labels)


def _size_of_strings(strings: tuple[str, ...]) -> int:
    return sum(60 + len(string) for string in strings)


def _check_range(name: str, value: int, maximum: int) -> None:
    if not 1 <= value <= maximum:
        raise ValueError(f"{name} is {value}; it must be between 1 and {maximum}")


def _check_strings(caption: str, strings: tuple[str, ...], allowed_counts: tuple[int, ...]) -> None:
    if len(caption) > MAX_CAPTION:
        raise ValueError(f"the caption has {len(caption)} characters; the maximum is {MAX_CAPTION}")
    if len(strings) not in allowed_counts:
        raise ValueError(f"there are {len(strings)} labels; expected {allowed_counts[-1]}")
    if max(map(len, strings), default=0) > MAX_LABEL:
        raise ValueError(f"a label has more than {MAX_LABEL} characters")
