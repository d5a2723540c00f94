"""Draw a histogram of weights or values: bars over an axis, or a single line."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from fashion_tui.schema.weights import Histogram

from .formatting import format_number
from .glyphs import Glyphs
from .style import ACCENT, ATTENTION, FOREGROUND, MUTED

MAX_WIDTH = 36
"""Maximum number of bars. Each bar is one cell wide. If fewer bars fit, neighbouring bins are merged."""
MAX_LINE_WIDTH = 24
"""Maximum number of bars of a single-line histogram."""


def histogram_block(histogram: Histogram, *, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return a caption, `height` lines of bars and an axis, at most `width` cells wide."""
    counts = _merge_bins(histogram.counts, min(width, MAX_WIDTH))
    bars = [Text(line, style=ACCENT) for line in _bars(counts, height, glyphs)]
    return [_caption(histogram, width, glyphs), *bars, _axis(histogram, len(counts), glyphs)]


def histogram_line(histogram: Histogram, *, width: int, glyphs: Glyphs) -> Text:
    """Return a one-line histogram, such as `weight ▁▂▅█▅▂▁ −0.21 … 0.19`."""
    low, high = _format_range(histogram, glyphs)
    name = f"{_parameter_name(histogram)} "
    available = width - cell_len(name) - cell_len(low) - cell_len(high) - 4
    counts = _merge_bins(histogram.counts, max(min(available, MAX_LINE_WIDTH), 1))
    (bars,) = _bars(counts, 1, glyphs)
    return Text.assemble(
        (name, MUTED), (bars, ACCENT), (f" {low} {glyphs.ellipsis} {high}", FOREGROUND), _non_finite_note(histogram)
    )


def _caption(histogram: Histogram, width: int, glyphs: Glyphs) -> Text:
    """Return a caption such as `weight  6,000 values  mean −0.001  std 0.033`. Parts that don't fit are left out."""
    count = sum(histogram.counts) + histogram.non_finite
    caption = Text(_parameter_name(histogram), style=FOREGROUND, no_wrap=True)
    for part in (
        f"  {count:,} {'value' if count == 1 else 'values'}",
        f"  mean {format_number(histogram.mean, glyphs, digits=3)}",
        f"  std {format_number(histogram.std, glyphs, digits=3)}",
    ):
        if caption.cell_len + cell_len(part) <= width:
            caption.append(part, MUTED)
    return caption + _non_finite_note(histogram)


def _parameter_name(histogram: Histogram) -> str:
    """Return `weight` for `conv1.weight`."""
    return histogram.name.rpartition(".")[2]


def _format_range(histogram: Histogram, glyphs: Glyphs) -> tuple[str, str]:
    return format_number(histogram.low, glyphs, digits=3), format_number(histogram.high, glyphs, digits=3)


def _non_finite_note(histogram: Histogram) -> Text:
    note = f"  {histogram.non_finite:,} are NaN or infinite" if histogram.non_finite else ""
    return Text(note, style=ATTENTION)


def _axis(histogram: Histogram, width: int, glyphs: Glyphs) -> Text:
    """Return a line with the smallest value on the left, the largest on the right, and 0 between them if it fits."""
    low, high = _format_range(histogram, glyphs)
    line = [" "] * width
    if histogram.low < 0 < histogram.high:
        zero = min(int(-histogram.low / (histogram.high - histogram.low) * width), width - 1)
        if len(low) + 1 < zero < width - len(high) - 2:
            line[zero] = "0"
    line[: len(low)] = low
    line[max(width - len(high), len(low) + 1) :] = high
    return Text("".join(line), style=MUTED)


def _bars(counts: Sequence[int], height: int, glyphs: Glyphs) -> list[str]:
    """Return the lines of the bars from top to bottom. Every nonempty bin is visible."""
    parts = len(glyphs.levels)
    largest = max(max(counts, default=0), 1)
    levels = [max(round(count / largest * height * parts), 1) if count else 0 for count in counts]
    lines = []
    for row in reversed(range(height)):
        filled = [min(max(level - row * parts, 0), parts) for level in levels]
        lines.append("".join(glyphs.levels[level - 1] if level else " " for level in filled))
    return lines


def _merge_bins(counts: Sequence[int], max_bins: int) -> list[int]:
    """Merge neighbouring bins in groups of equal size. Return at most `max_bins` counts."""
    sizes = (size for size in range(1, len(counts) + 1) if len(counts) % size == 0 and len(counts) // size <= max_bins)
    size = next(sizes, 1)
    return [sum(counts[start : start + size]) for start in range(0, len(counts), size)]
