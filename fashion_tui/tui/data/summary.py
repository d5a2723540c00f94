"""The texts of the Data pane: titles, and lines with progress bars."""

from rich.text import Text

from fashion_tui.data.pages import Listing, Order
from fashion_tui.report.formatting import shorten
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.schema.dataset import Split
from fashion_tui.tui.actions import key_of
from fashion_tui.tui.progress_line import progress_line
from fashion_tui.tui.widgets.grid_cursor import GridCursor
from fashion_tui.tui.widgets.lines import left_and_right

from .open_dataset import OpenDataset
from .view import SelectedImage

SPLIT_NAMES: dict[Split, str] = {"train": "training set", "test": "test set"}
ORDER_NAMES: dict[Order, str] = {"index": "by index", "class": "by class", "random": "random order"}

NAME_WIDTH = 30
"""Maximum width of the name of a data set in a line with a progress bar, in columns."""


def title_line(dataset: OpenDataset, split: Split, cursor: GridCursor, width: int) -> Text:
    """Return a title such as `Fashion-MNIST · training set · 60,000 images · page 3/2,500`, shortened to fit."""
    total = f"{cursor.total:,} images"
    parts = [SPLIT_NAMES[split]]
    if cursor.total:
        parts += [total, f"page {cursor.page:,}/{cursor.pages:,}"]
    line = dataset.title(max(width // 2, 1))
    if cursor.total and line.cell_len + sum(len(part) + 3 for part in parts) > width:
        parts.remove(total)
    for part in parts:
        line.append(f" · {part}", style=MUTED)
    line.truncate(width, overflow="ellipsis")
    return line


def image_line(dataset: OpenDataset, listing: Listing, selected: SelectedImage | None, width: int) -> Text:
    """Return the filter and the order at the left, and the index and class of the image under the cursor at the right.

    For example, `only Coat · random order, seed 2      image 1,234: Coat`.
    """
    filters = []
    if listing.label is not None:
        filters.append(f"only {_short(dataset.class_name(listing.label), width // 3)}")
    if listing.order != "index":
        seed = f", seed {listing.seed}" if listing.order == "random" else ""
        filters.append(f"{ORDER_NAMES[listing.order]}{seed}")
    left = Text(" · ".join(filters), ACCENT)
    right = Text()
    if selected is not None:
        right = Text.assemble(
            (f"image {selected.index:,}: ", MUTED), (_short(selected.class_name, width // 2), FOREGROUND)
        )
    return left_and_right(left, right, width)


def _short(name: str, width: int) -> str:
    return shorten(name, max(width, 1), terminal_glyphs())


def download_line(title: str, done: int, total: int) -> Text:
    """Return a line such as `downloading Fashion-MNIST  12.3 / 30.9 MB  ████▌       40 %   esc cancel`.

    `done` and `total` are in bytes.
    """
    amount = f"{done / 1e6:4.1f} / {total / 1e6:.1f} MB"
    return progress_line(f"downloading {title}", amount, done, total, key_of("data", "back"))


def preparation_line(name: str, done: int, total: int) -> Text:
    """Return a line such as `reading my-photos  1,234 of 50,000 images  ██   2 %   esc cancel`."""
    amount = f"{done:,} of {total:,} images" if total else ""
    activity = f"reading {shorten(name, NAME_WIDTH, terminal_glyphs())}"
    return progress_line(activity, amount, done, total, key_of("data", "back"))
