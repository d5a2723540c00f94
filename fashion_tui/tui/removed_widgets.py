"""Free the memory of removed widgets.

Textual caches the backgrounds inside and outside borders, and each key of this cache contains the painted lines of a
widget (https://github.com/Textualize/textual/issues/6665). So the lines of up to 1,024 removed widgets stay in memory.
"""

from functools import lru_cache

from textual._styles_cache import StylesCache
from textual.color import Color
from textual.style import Style


@lru_cache(1_024)
def border_backgrounds(outside: Color, widget_background: Color) -> tuple[Style, Style]:
    """Return the styles inside and outside the border of a widget, whose background may be transparent."""
    return Style(background=outside + widget_background), Style(background=outside)


def free_removed_widgets() -> None:
    """Replace Textual's method with a function whose cache contains only colours."""
    StylesCache.get_inner_outer = staticmethod(border_backgrounds)  # type: ignore[assignment]
