"""The title of a screen with several views, and the names of the views."""

from collections.abc import Sequence

from rich.text import Text

from fashion_tui.report.style import ACCENT, MUTED

from .lines import left_and_right

CURRENT = f"bold underline {ACCENT}"


def title_and_views(title: Text, names: Sequence[str], current: int, width: int) -> Text:
    """Return a line of `width` columns with the title at the left and the names of the views at the right.

    `current` is the index of the current view, which is highlighted. If not all names fit beside the title, only the
    current one is shown, with its number: `confusions  4/4`.
    """
    texts = [Text(name, CURRENT if index == current else MUTED) for index, name in enumerate(names)]
    views = Text("  ").join(texts)
    if title.cell_len + 2 + views.cell_len > width:
        views = Text.assemble(texts[current], (f"  {current + 1}/{len(names)}", MUTED))
    return left_and_right(title, views, width)
