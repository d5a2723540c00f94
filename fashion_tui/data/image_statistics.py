"""Statistics of the pixel values of one image, for each channel."""

from dataclasses import dataclass

import numpy as np

from fashion_tui.schema.picture import Picture


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """Statistics of the pixel values of one channel, which are between 0 and 255."""

    low: int
    high: int
    mean: float
    std: float
    """Population standard deviation."""
    counts: tuple[int, ...]
    """Number of pixels with each value from 0 to 255."""


def channel_statistics(picture: Picture) -> tuple[ChannelStatistics, ...]:
    """Return the statistics of each channel of an image."""
    channels = np.frombuffer(picture.pixels, np.uint8).reshape(picture.channels, -1)
    return tuple(
        ChannelStatistics(
            int(values.min()),
            int(values.max()),
            float(values.mean()),
            float(values.std()),
            tuple(np.bincount(values, minlength=256).tolist()),
        )
        for values in channels
    )
