"""Free the memory of removed widgets.

Textual stores the colours of a border in a cache whose keys contain the painted lines of the widget
(https://github.com/Textualize/textual/issues/6665), and so keeps up to 1,024 removed widgets' lines in memory.
"""

from functools import lru_cache

from textual._styles_cache import StylesCache
from textual.color import Color
from textual.style import Style


@lru_cache(1_024)
def border_backgrounds(around: Color, background: Color) -> tuple[Style, Style]:
    """Return the backgrounds inside and outside a border, from the colours around the widget and of the widget."""
    return Style(background=around + background), Style(background=around)


def free_removed_widgets() -> None:
    """Replace Textual's method with a function whose cache contains only colours."""
    StylesCache.get_inner_outer = staticmethod(border_backgrounds)  # type: ignore[assignment]
