"""The texts beside an enlarged image."""

from rich.text import Text

from fashion_tui.data.image_statistics import ChannelStatistics, channel_statistics
from fashion_tui.report.formatting import format_shape, shorten
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.schema.picture import Picture

from .summary import SPLIT_NAMES
from .view import SelectedImage

BINS = 32
"""Number of bins in the histogram of a channel."""
CHANNELS = {1: ("grey",), 3: ("red", "green", "blue")}


def image_name(image: SelectedImage, path: str | None, width: int) -> list[Text]:
    """Return an image's class, its index and, for an image of a folder, the path of its file."""
    glyphs = terminal_glyphs()
    where = f"image {image.index:,} of the {SPLIT_NAMES[image.split]}"
    lines = [Text(shorten(image.class_name, width, glyphs), f"bold {FOREGROUND}"), Text(where, MUTED)]
    return lines if path is None else [*lines, Text(shorten(path, width, glyphs), MUTED)]


def image_details(image: SelectedImage, path: str | None, width: int) -> list[Text]:
    """Return an image's class, index and shape, and the statistics and histogram of each channel."""
    glyphs, picture = terminal_glyphs(), image.picture
    return [
        *image_name(image, path, width),
        Text(f"uint8 {format_shape(picture.shape, glyphs)}, 0 black, 255 white", MUTED),
        *statistics_lines(picture, width, glyphs),
        Text(),
    ]


def statistics_lines(picture: Picture, width: int, glyphs: Glyphs) -> list[Text]:
    """Return two lines for each channel: its statistics and its histogram.

    The height of a bar is proportional to the square root of the number of pixels.
    """
    lines = []
    names = CHANNELS[picture.channels]
    for name, statistics in zip(names, channel_statistics(picture), strict=True):
        lines += [_numbers(name, statistics), _histogram(statistics, width, glyphs)]
    return lines


def _numbers(name: str, statistics: ChannelStatistics) -> Text:
    line = Text(f"{name:<6}", MUTED, no_wrap=True)
    values = (f"{statistics.low}", f"{statistics.mean:.1f}", f"{statistics.std:.1f}", f"{statistics.high}")
    for label, value in zip(("min", "mean", "std", "max"), values, strict=True):
        line.append(f"{label} ", MUTED)
        line.append(f"{value:<6}" if label != "max" else value, FOREGROUND)
    return line


def _histogram(statistics: ChannelStatistics, width: int, glyphs: Glyphs) -> Text:
    size = 256 // BINS
    bins = [sum(statistics.counts[start : start + size]) for start in range(0, 256, size)]
    black = statistics.counts[0] / sum(statistics.counts)
    line = Text.assemble((glyphs.sparkline([count**0.5 for count in bins]), ACCENT), no_wrap=True)
    share = f" {black * 100:.0f} % at 0"
    return line.append(share, MUTED) if line.cell_len + len(share) <= width else line
