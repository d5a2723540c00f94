"""Which parts of the Evaluate pane are visible together in a terminal of a given size."""

from dataclasses import dataclass
from typing import Literal, get_args

from rich.text import Text

from fashion_tui.report.style import ACCENT, MUTED

Part = Literal["metrics", "matrix", "images"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, slots=True)
class Layout:
    style_class: str
    """CSS class of the pane in this layout."""
    beside: dict[Part, tuple[Part, ...]]
    """The parts that are visible while a part takes the keys, including the part itself."""
    first: Part
    """The part that takes the keys at first."""


_ALONE: dict[Part, tuple[Part, ...]] = {
    "metrics": ("metrics",),
    "matrix": ("matrix", "images"),
    "images": ("images",),
}
_PAIRS: dict[Part, tuple[Part, ...]] = {**_ALONE, "metrics": ("metrics", "matrix")}
_ALL: dict[Part, tuple[Part, ...]] = dict.fromkeys(PARTS, PARTS)

SINGLE = Layout("-single", _ALONE, "metrics")
"""One part at a time. A few images are beside the matrix."""
STACKED = Layout("-stacked", _PAIRS, "metrics")
"""Two parts, one above the other."""
PAIRED = Layout("-paired", _PAIRS, "metrics")
"""Two parts side by side."""
TALL = Layout("-tall-layout", _ALL, "images")
"""Metrics beside the matrix, above the images."""
WIDE = Layout("-wide-layout", _ALL, "images")
"""All parts side by side."""

LAYOUTS = (SINGLE, STACKED, PAIRED, TALL, WIDE)


def layout_for(width: int, height: int) -> Layout:
    """Return the layout that shows the most in a pane of `width` columns and `height` lines."""
    if width >= 166 and height >= 30:
        return WIDE
    if width >= 116:
        return TALL if height >= 36 else PAIRED
    return STACKED if height >= 30 else SINGLE


def part_names(active: Part) -> Text:
    """Return the names of the parts. The part that takes the keys is highlighted."""
    names = (Text(part, f"bold underline {ACCENT}" if part == active else MUTED) for part in PARTS)
    return Text("  ", no_wrap=True).join(names)
