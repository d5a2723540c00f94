"""The Data pane's own lines: what is shown, and what is being done about it."""

from rich.text import Text

from fashion_tui.data.sources import SOURCES
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED
from fashion_tui.schema.dataset import Split
from fashion_tui.tui.widgets.grid_cursor import GridCursor

from .facts import SPLIT_NAMES

PROGRESS_WIDTH = 14


def dataset_title(name: str) -> str:
    """As people write it."""
    return SOURCES[name].title if name in SOURCES else "synthetic garments" if name == "synthetic" else name


def title_line(name: str, split: Split, label: str | None, place: GridCursor, width: int) -> Text:
    """`Fashion-MNIST · training set · 60,000 pictures · page 3/2,500`, without what there is no room for."""
    parts = [SPLIT_NAMES[split]]
    if place.total:
        parts += [f"{place.total:,} pictures", f"page {place.page:,}/{place.pages:,}"]
    line = Text.assemble((dataset_title(name), f"bold {FOREGROUND}"), no_wrap=True)
    if name == "synthetic":
        line.append(" (not Fashion-MNIST)", style=ATTENTION)
    if label is not None:
        parts.insert(1, label)
    if place.total and line.cell_len + sum(len(part) + 3 for part in parts) > width:
        parts.remove(f"{place.total:,} pictures")
    for part in parts:
        line.append(" · ", style=MUTED)
        line.append(part, style=ACCENT if part == label else MUTED)
    line.truncate(width, overflow="ellipsis")
    return line


def progress_line(done: int, whole: int, glyphs: Glyphs) -> Text:
    """`downloading Fashion-MNIST  12.3 / 30.9 MB  ████▌       40 %   esc cancels`."""
    share = done / whole if whole else 0.0
    return Text.assemble(
        ("downloading Fashion-MNIST  ", FOREGROUND),
        (f"{done / 1e6:4.1f} / {whole / 1e6:.1f} MB  ", MUTED),
        (f"{glyphs.bar(share, PROGRESS_WIDTH):<{PROGRESS_WIDTH}}", ACCENT),
        (f" {share:4.0%}   ", FOREGROUND),
        ("esc", ACCENT),
        (" cancels", MUTED),
        no_wrap=True,
    )
