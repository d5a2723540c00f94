"""The texts of the Data pane: title, class counts, download progress, and the details of an image."""

from collections.abc import Sequence

from rich.text import Text

from fashion_tui.report.formatting import format_shape, printable
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED
from fashion_tui.schema.dataset import DatasetInfo, Split
from fashion_tui.schema.picture import Picture
from fashion_tui.schema.recipe import GUIDE
from fashion_tui.tui.actions import key_hints, key_of
from fashion_tui.tui.widgets.grid_cursor import GridCursor
from fashion_tui.tui.widgets.image_tiles import short_class_name

SPLIT_NAMES: dict[Split, str] = {"train": "training set", "test": "test set"}

PROGRESS_WIDTH = 14
COUNT_WIDTH = 6
CLASSES_PER_LINE = 5
"""Number of classes per line in the multi-column layout of the class list."""
FOLDED_WIDTH = 50
"""Minimum width of the class list, in columns, for its multi-column layout. It is narrower beside the images."""
BINS = 16
"""Number of bins in an image's histogram."""


def title_line(info: DatasetInfo, split: Split, label: str | None, cursor: GridCursor, width: int) -> Text:
    """Return a title such as `Fashion-MNIST · training set · 60,000 images · page 3/2,500`, shortened to fit."""
    total = f"{cursor.total:,} images"
    parts = [SPLIT_NAMES[split]]
    if cursor.total:
        parts += [total, f"page {cursor.page:,}/{cursor.pages:,}"]
    line = Text.assemble((printable(info.title, terminal_glyphs()), f"bold {FOREGROUND}"), no_wrap=True)
    if info.ref.name == "synthetic":
        line.append(" (not Fashion-MNIST)", style=ATTENTION)
    if label is not None:
        parts.insert(1, label)
    if cursor.total and line.cell_len + sum(len(part) + 3 for part in parts) > width:
        parts.remove(total)
    for part in parts:
        line.append(" · ", style=MUTED)
        line.append(part, style=ACCENT if part == label else MUTED)
    line.truncate(width, overflow="ellipsis")
    return line


def progress_line(title: str, done: int, total: int, glyphs: Glyphs) -> Text:
    """Return a line such as `downloading Fashion-MNIST  12.3 / 30.9 MB  ████▌       40 %   esc cancel`.

    `done` and `total` are in bytes.
    """
    share = done / total if total else 0.0
    return Text.assemble(
        (f"downloading {title}  ", FOREGROUND),
        (f"{done / 1e6:4.1f} / {total / 1e6:.1f} MB  ", MUTED),
        (f"{glyphs.bar(share, PROGRESS_WIDTH):<{PROGRESS_WIDTH}}", ACCENT),
        (f" {share * 100:3.0f} %   ", FOREGROUND),
        key_hints((key_of("data", "back"), "cancel")),
        no_wrap=True,
    )


def reading_line(done: int, total: int, folder: str, glyphs: Glyphs) -> Text:
    """Return a line such as `reading my-photos  1,234 of 50,000 images  ██   2 %   esc cancel`."""
    share = done / total if total else 0.0
    return Text.assemble(
        (f"reading {printable(folder, glyphs)}  ", FOREGROUND),
        (f"{done:,} of {total:,} images  " if total else "", MUTED),
        (f"{glyphs.bar(share, PROGRESS_WIDTH):<{PROGRESS_WIDTH}}", ACCENT),
        (f" {share * 100:3.0f} %   ", FOREGROUND),
        key_hints((key_of("data", "back"), "cancel")),
        no_wrap=True,
    )


def class_counts(names: Sequence[str], counts: Sequence[int], chosen: int | None, width: int) -> list[Text]:
    """Return the list of classes, with the number of images of each class.

    `chosen` is the class selected by the filter, if any.
    """
    if width >= FOLDED_WIDTH:
        return _folded_counts(names, counts, chosen, width)
    return _count_bars(names, counts, chosen, width, terminal_glyphs())


def _count_bars(
    names: Sequence[str], counts: Sequence[int], chosen: int | None, width: int, glyphs: Glyphs
) -> list[Text]:
    """Return a line for each class: `T-shirt/top  ████████  6,000`."""
    name_width = max((len(name) for name in names), default=0)
    bar_width = max(width - name_width - COUNT_WIDTH - 2, 0)
    largest = max(counts, default=0) or 1
    lines = []
    for index, (name, count) in enumerate(zip(names, counts, strict=True)):
        line = Text(no_wrap=True)
        line.append(name.ljust(name_width), style=_name_style(index, chosen))
        line.append(f" {glyphs.slim_bar(count / largest, bar_width):<{bar_width}} ", style=_bar_style(index, chosen))
        line.append(f"{count:>{COUNT_WIDTH},}", style=FOREGROUND if chosen in (None, index) else MUTED)
        lines.append(line)
    return lines


def _folded_counts(names: Sequence[str], counts: Sequence[int], chosen: int | None, width: int) -> list[Text]:
    """Return the class counts in the multi-column layout, without bars."""
    lines = []
    cell = width // CLASSES_PER_LINE
    for start in range(0, len(names), CLASSES_PER_LINE):
        line = Text(no_wrap=True)
        for index in range(start, min(start + CLASSES_PER_LINE, len(names))):
            count = f"{counts[index]:,}"
            name = short_class_name(names[index], cell - len(count) - 2)
            item = Text.assemble(
                (name, _name_style(index, chosen)), " ", (count, FOREGROUND if chosen == index else MUTED)
            )
            item.truncate(cell, pad=True)
            line.append_text(item)
        lines.append(line)
    return lines


def _name_style(index: int, chosen: int | None) -> str:
    if index == chosen:
        return f"bold reverse {ACCENT}"
    return FOREGROUND if chosen is None else MUTED


def _bar_style(index: int, chosen: int | None) -> str:
    return ACCENT if chosen in (None, index) else MUTED


def image_details(picture: Picture, index: int, name: str, split: Split, glyphs: Glyphs) -> Text:
    """Return an image's class and index, and its pixel values before and after normalisation."""
    pixels = picture.pixels
    counts = [pixels.count(value) for value in range(256)]
    low, high, mean = min(pixels), max(pixels), sum(pixels) / len(pixels)
    width = 256 // BINS
    bins = [sum(counts[start : start + width]) for start in range(0, 256, width)]
    black = counts[0] / len(pixels)
    guide_mean, guide_std = GUIDE.mean[0], GUIDE.std[0]
    normalised = [f"{(value / 255 - guide_mean) / guide_std:+.2f}".replace("-", "−") for value in (low, mean, high)]
    text = Text(no_wrap=True)
    text.append(f"{name}\n", style=f"bold {FOREGROUND}")
    text.append(f"image {index:,} of the {SPLIT_NAMES[split]}\n\n", style=MUTED)
    text.append(f"uint8 {format_shape(picture.shape, glyphs)}, 0 black, 255 white\n", style=MUTED)
    text.append_text(_statistics(f"{low}", f"{mean:.1f}", f"{high}"))
    text.append(f"{glyphs.sparkline([count**0.5 for count in bins])}", style=ACCENT)
    text.append(f"  {black * 100:.0f} % black\n\n", style=MUTED)
    text.append(f"normalised: (pixel / 255 − {guide_mean}) / {guide_std}\n", style=MUTED)
    return text.append_text(_statistics(*normalised))


def _statistics(low: str, mean: str, high: str) -> Text:
    line = Text()
    for name, value in (("min", low), ("mean", mean), ("max", high)):
        line.append(f"{name} ", style=MUTED)
        line.append(f"{value:<8}", style=FOREGROUND)
    return line.append("\n")
