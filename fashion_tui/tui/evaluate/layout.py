"""What of an evaluation is seen at once, by the room that there is."""

from dataclasses import dataclass
from typing import Literal

Part = Literal["figures", "confusion", "predictions"]
PARTS: tuple[Part, ...] = ("figures", "confusion", "predictions")


@dataclass(frozen=True, slots=True)
class Layout:
    style_class: str
    """The class of the pane that its styles go by."""
    views: tuple[tuple[Part, ...], ...]
    """The parts that are seen together; a key goes from view to view."""


SINGLE = Layout("-single", (("figures",), ("confusion",), ("predictions",)))
"""A part at a time."""
STACKED = Layout("-stacked", (("figures", "confusion"), ("predictions",)))
"""The numbers one below the other, or the pictures."""
PAIRED = Layout("-paired", (("figures", "confusion"), ("predictions",)))
"""The numbers side by side, or the pictures."""
WHOLE = Layout("-whole", (PARTS,))
"""The numbers side by side over the pictures."""
BESIDE = Layout("-beside", (PARTS,))
"""The numbers one below the other, beside the pictures."""

LAYOUTS = (SINGLE, STACKED, PAIRED, WHOLE, BESIDE)


def layout_for(width: int, height: int) -> Layout:
    """The one that shows most in so many columns and lines."""
    if width >= 150 and height >= 30:
        return BESIDE
    if width >= 116:
        return WHOLE if height >= 34 else PAIRED
    return STACKED if height >= 30 else SINGLE
