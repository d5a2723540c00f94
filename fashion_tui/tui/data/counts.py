"""How many pictures there are of each class."""

from collections.abc import Sequence

from rich.text import Text

from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.tui.widgets.names import short_class

COUNT_WIDTH = 6
PER_LINE = 5
"""Classes a line where the list is folded."""
FOLDED_WIDTH = 50
"""From this width on the list is folded: it lies under the pictures then."""


def class_counts(names: Sequence[str], counts: Sequence[int], chosen: int | None, width: int) -> list[Text]:
    """A line a class with a bar; folded where the lines are wide. `chosen`: the class that the filter leaves."""
    if width >= FOLDED_WIDTH:
        return folded_lines(names, counts, chosen, width)
    return count_lines(names, counts, chosen, width, terminal_glyphs())


def count_lines(
    names: Sequence[str], counts: Sequence[int], chosen: int | None, width: int, glyphs: Glyphs
) -> list[Text]:
    """`T-shirt/top  ████████  6,000`, a line a class; the chosen one stands out."""
    name_width = max((len(name) for name in names), default=0)
    bar_width = max(width - name_width - COUNT_WIDTH - 2, 0)
    most = max(counts, default=0) or 1
    lines = []
    for index, (name, count) in enumerate(zip(names, counts, strict=True)):
        line = Text(no_wrap=True)
        line.append(name.ljust(name_width), style=_name_style(index, chosen))
        line.append(f" {glyphs.slim_bar(count / most, bar_width):<{bar_width}} ", style=_bar_style(index, chosen))
        line.append(f"{count:>{COUNT_WIDTH},}", style=FOREGROUND if chosen in (None, index) else MUTED)
        lines.append(line)
    return lines


def folded_lines(names: Sequence[str], counts: Sequence[int], chosen: int | None, width: int) -> list[Text]:
    """Five classes a line, without bars."""
    lines = []
    cell = width // PER_LINE
    for start in range(0, len(names), PER_LINE):
        line = Text(no_wrap=True)
        for index in range(start, min(start + PER_LINE, len(names))):
            count = f"{counts[index]:,}"
            name = short_class(names[index], cell - len(count) - 2)
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
