"""A histogram of weights: bars over an axis, or a single line."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from fashion_tui.schema.weights import Histogram

from .formatting import format_number
from .glyphs import Glyphs
from .style import ACCENT, ATTENTION, FOREGROUND, MUTED

MAX_WIDTH = 36
"""Cells, one for each bin; where there is less room, bins are taken together."""


def histogram_block(histogram: Histogram, *, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """What it is of, `height` lines of bars, and the axis below them: `height` + 2 lines of at most `width` cells."""
    columns = _regrouped(histogram.counts, min(width, MAX_WIDTH))
    bars = [Text(line, style=ACCENT) for line in _bars(columns, height, glyphs)]
    return [_caption(histogram, width, glyphs), *bars, _axis(histogram, len(columns), glyphs)]


def histogram_line(histogram: Histogram, *, width: int, glyphs: Glyphs) -> Text:
    """`weight ▁▂▅█▅▂▁ −0.21 … 0.19`."""
    low, high = format_number(histogram.low, glyphs, digits=3), format_number(histogram.high, glyphs, digits=3)
    name = f"{histogram.name.rpartition('.')[2]} "
    room = width - cell_len(name) - cell_len(low) - cell_len(high) - 4
    columns = _regrouped(histogram.counts, max(min(room, 24), 1))
    dots = "…" if glyphs.unicode else ".."
    (bars,) = _bars(columns, 1, glyphs)
    return Text.assemble((name, MUTED), (bars, ACCENT), (f" {low} {dots} {high}", FOREGROUND), _damage(histogram))


def _caption(histogram: Histogram, width: int, glyphs: Glyphs) -> Text:
    """`weight  6,000 values  mean −0.001  std 0.033`."""
    values = sum(histogram.counts) + histogram.non_finite
    caption = Text(no_wrap=True)
    caption.append(histogram.name.rpartition(".")[2], FOREGROUND)
    for label, figure in (
        ("values", f"{values:,}"),
        ("mean", format_number(histogram.mean, glyphs, digits=3)),
        ("std", format_number(histogram.std, glyphs, digits=3)),
    ):
        words = f"  {figure} {label}" if label == "values" else f"  {label} {figure}"
        if caption.cell_len + cell_len(words) <= width:
            caption.append(words, MUTED)
    return caption + _damage(histogram)


def _damage(histogram: Histogram) -> Text:
    words = f"  {histogram.non_finite:,} are NaN or infinite" if histogram.non_finite else ""
    return Text(words, style=ATTENTION)


def _axis(histogram: Histogram, width: int, glyphs: Glyphs) -> Text:
    """The least value at the left, the largest at the right, and 0 where it stands between them."""
    low, high = format_number(histogram.low, glyphs, digits=3), format_number(histogram.high, glyphs, digits=3)
    line = [" "] * width
    if histogram.low < 0 < histogram.high:
        zero = min(int(-histogram.low / (histogram.high - histogram.low) * width), width - 1)
        if len(low) + 1 < zero < width - len(high) - 2:
            line[zero] = "0"
    line[: len(low)] = low
    line[max(width - len(high), len(low) + 1) :] = high
    return Text("".join(line), style=MUTED)


def _bars(counts: Sequence[int], height: int, glyphs: Glyphs) -> list[str]:
    """Lines from the top down; a bin that holds anything shows something."""
    parts = len(glyphs.levels)
    largest = max(max(counts, default=0), 1)
    levels = [max(round(count / largest * height * parts), 1) if count else 0 for count in counts]
    lines = []
    for row in reversed(range(height)):
        filled = [min(max(level - row * parts, 0), parts) for level in levels]
        lines.append("".join(glyphs.levels[level - 1] if level else " " for level in filled))
    return lines


def _regrouped(counts: Sequence[int], most: int) -> list[int]:
    """The same values in at most so many bins, equally many of the old ones in each."""
    size = next(
        (size for size in range(1, len(counts) + 1) if len(counts) % size == 0 and len(counts) // size <= most), 1
    )
    return [sum(counts[start : start + size]) for start in range(0, len(counts), size)]
