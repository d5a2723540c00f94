"""The list of classes beside the images, with the number of images of each class."""

from collections.abc import Sequence

from rich.text import Text

from fashion_tui.report.class_names import short_class_names
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED

COUNT_WIDTH = 6
CLASSES_PER_LINE = 5
"""Number of classes per line in the multi-column layout of the list."""
FOLDED_WIDTH = 50
"""Minimum width of the list, in columns, for its multi-column layout. It is narrower beside the images."""


def class_counts(  # noqa: PLR0913
    names: Sequence[str], counts: Sequence[int], chosen: int | None, width: int, height: int, current: int | None = None
) -> list[Text]:
    """Return the list of classes, with the number of images of each class.

    `chosen` is the class selected by the filter, if any. If the list has more lines than `height`, return those around
    the class `current`, with the number of classes that aren't shown.
    """
    glyphs = terminal_glyphs()
    if width < FOLDED_WIDTH:
        lines, per_line = _count_bars(names, counts, chosen, width, glyphs), 1
    else:
        lines, per_line = _folded_counts(names, counts, chosen, width, glyphs), CLASSES_PER_LINE
    return _around(lines, (current or 0) // per_line, height, (len(names), per_line), glyphs)


def _around(lines: list[Text], focus: int, height: int, size: tuple[int, int], glyphs: Glyphs) -> list[Text]:
    """Return at most `height` lines around the line `focus`.

    `size` is the total number of classes and the number of classes per line.
    """
    classes, per_line = size
    if len(lines) <= height or height < 1:
        return lines
    if height < 3:  # too small to show how many classes are above and below
        start = min(max(focus - height // 2, 0), len(lines) - height)
        return lines[start : start + height]
    shown = height - 2
    start = min(max(focus - shown // 2, 0), len(lines) - shown)
    above, below = start * per_line, classes - (start + shown) * per_line
    up, down = ("↑", "↓") if glyphs.unicode else ("^", "v")
    return [
        Text(f"{up} {above:,} more" if above > 0 else "", MUTED),
        *lines[start : start + shown],
        Text(f"{down} {below:,} more" if below > 0 else "", MUTED),
    ]


def _count_bars(
    names: Sequence[str], counts: Sequence[int], chosen: int | None, width: int, glyphs: Glyphs
) -> list[Text]:
    """Return a line for each class: `T-shirt/top  ████████  6,000`."""
    short = short_class_names(names, max(width // 2, 1), glyphs)
    name_width = max((Text(name).cell_len for name in short), default=0)
    bar_width = max(width - name_width - COUNT_WIDTH - 2, 0)
    largest = max(counts, default=0) or 1
    lines = []
    for index, (name, count) in enumerate(zip(short, counts, strict=True)):
        line = Text(name, _name_style(index, chosen), no_wrap=True)
        line.pad_right(name_width - line.cell_len)
        line = Text.assemble(
            line,
            (f" {glyphs.slim_bar(count / largest, bar_width):<{bar_width}} ", _bar_style(index, chosen)),
            (f"{count:>{COUNT_WIDTH},}", FOREGROUND if chosen in (None, index) else MUTED),
            no_wrap=True,
        )
        lines.append(line)
    return lines


def _folded_counts(
    names: Sequence[str], counts: Sequence[int], chosen: int | None, width: int, glyphs: Glyphs
) -> list[Text]:
    """Return the class counts in the multi-column layout, without bars."""
    lines = []
    cell = width // CLASSES_PER_LINE
    available = cell - max((len(f"{count:,}") for count in counts), default=0) - 2
    short = short_class_names(names, max(available, 1), glyphs)
    for start in range(0, len(names), CLASSES_PER_LINE):
        line = Text(no_wrap=True)
        for index in range(start, min(start + CLASSES_PER_LINE, len(names))):
            count = f"{counts[index]:,}"
            name = short[index]
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
