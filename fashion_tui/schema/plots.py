"""Figures that a kernel shows: pictures, heat maps and bars, small enough to cross and to be kept.

They travel beside an output's `text/plain`, as JSON under MIME_TYPE. Whoever decodes one gets a valid figure or an
error.
"""

import math
from collections.abc import Mapping
from typing import Literal

import msgspec

MIME_TYPE = "application/vnd.fashion-tui.figure+json"

MAX_SIDE = 160
"""Of a picture's side, and the most values of a row, a column or a vector: far more than a terminal has room for."""

MAX_IMAGES = 64
"""Of a batch."""

MAX_BYTES = 200_000
"""Of the pixels of a batch: sixty-four coloured pictures of 32×32."""

MAX_PRINTED = 16
"""Rows, and columns, of a heat map that can have its numbers printed; also values of a vector."""

MAX_CAPTION = 400
"""Characters."""

MAX_LABEL = 40

NOT_FINITE = 255
"""The level of a value that is NaN or infinite."""

MAX_LEVEL = 254


class ImageGrid(msgspec.Struct, frozen=True, kw_only=True, tag="pictures"):
    """One picture, or a batch of them in the same size."""

    count: int
    height: int
    width: int
    channels: Literal[1, 3]
    """Grey, or red, green and blue."""
    pixels: bytes
    """uint8 [count, height, width, channels]: 0 black, 255 white."""
    total: int
    """Of how many pictures these are the first."""
    labels: tuple[str, ...] = ()
    """What each one shows; empty where that isn't known, or stands in the caption."""
    caption: str = ""

    def __post_init__(self) -> None:
        _check_within("pictures", self.count, MAX_IMAGES)
        _check_within("height", self.height, MAX_SIDE)
        _check_within("width", self.width, MAX_SIDE)
        size = self.count * self.height * self.width * self.channels
        _check_within("bytes", size, MAX_BYTES)
        if len(self.pixels) != size:
            raise ValueError(f"{len(self.pixels)} bytes in place of {size}")
        if self.total < self.count:
            raise ValueError(f"{self.count} pictures of {self.total}")
        _check_texts(self.caption, self.labels, (0, self.count))

    def picture(self, place: int) -> bytes:
        """uint8 [height, width, channels] of one of them."""
        size = self.height * self.width * self.channels
        return self.pixels[place * size : (place + 1) * size]


class HeatMap(msgspec.Struct, frozen=True, kw_only=True, tag="heat map"):
    """A matrix."""

    rows: int
    columns: int
    levels: bytes
    """uint8 [rows, columns]: 0 is `low`, HIGHEST_LEVEL `high`, NO_NUMBER what is NaN or infinite."""
    low: float
    """The least finite value; 0, as `high`, where there is none."""
    high: float
    numbers: tuple[str, ...] = ()
    """The values as texts, row by row, where there are at most MOST_NUMBERS rows and columns; else empty."""
    caption: str = ""

    def __post_init__(self) -> None:
        _check_within("rows", self.rows, MAX_SIDE)
        _check_within("columns", self.columns, MAX_SIDE)
        if len(self.levels) != self.rows * self.columns:
            raise ValueError(f"{len(self.levels)} levels in place of {self.rows * self.columns}")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"a range from {self.low} to {self.high}")
        _check_texts(self.caption, self.numbers, (0, self.rows * self.columns))


class Bars(msgspec.Struct, frozen=True, kw_only=True, tag="bars"):
    """A vector."""

    values: tuple[float | None, ...]
    """None: NaN or infinite."""
    step: int = 1
    """Every how many-th value of the vector these are."""
    numbers: tuple[str, ...] = ()
    """The values as texts, where there are at most MOST_NUMBERS; else empty."""
    labels: tuple[str, ...] = ()
    """What each value belongs to; empty: its index."""
    caption: str = ""

    def __post_init__(self) -> None:
        _check_within("values", len(self.values), MAX_SIDE)
        if self.step < 1:
            raise ValueError(f"every {self.step}-th value")
        if not all(value is None or math.isfinite(value) for value in self.values):
            raise ValueError("a value that is no finite number")
        _check_texts(self.caption, self.numbers, (0, len(self.values)))
        _check_texts("", self.labels, (0, len(self.values)))


Plot = ImageGrid | HeatMap | Bars


def plot_in(data: Mapping[str, object]) -> Plot | None:
    """The figure among an output's representations by their MIME types; None where there is none.

    ValueError, in one line, where what is there is no figure.
    """
    found = data.get(MIME_TYPE)
    if found is None:
        return None
    try:
        figure: Plot = msgspec.convert(found, Plot)
    except msgspec.ValidationError as error:
        raise ValueError(f"no figure that can be shown: {' '.join(str(error).split())}") from None
    return figure


def size_of(figure: Plot) -> int:
    """About how many bytes it takes to keep."""
    match figure:
        case ImageGrid(pixels=pixels, labels=labels):
            return len(pixels) + _weight_of(labels)
        case HeatMap(levels=levels, numbers=numbers):
            return len(levels) + _weight_of(numbers)
        case Bars(values=values, numbers=numbers, labels=labels):
            return 32 * len(values) + _weight_of(numbers) + _weight_of(labels)


def _weight_of(texts: tuple[str, ...]) -> int:
    return sum(60 + len(text) for text in texts)


def _check_within(what: str, count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise ValueError(f"{what}: {count}; there must be from 1 to {most}")


def _check_texts(caption: str, texts: tuple[str, ...], counts: tuple[int, ...]) -> None:
    if len(caption) > MAX_CAPTION:
        raise ValueError(f"a caption of {len(caption)} characters; there may be {MAX_CAPTION}")
    if len(texts) not in counts:
        raise ValueError(f"{len(texts)} texts in place of {counts[-1]}")
    if max(map(len, texts), default=0) > MAX_LABEL:
        raise ValueError(f"a text of more than {MAX_LABEL} characters")
