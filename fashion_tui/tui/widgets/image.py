"""One picture of 28×28 grey pixels as a widget, and such pictures as strips."""

from functools import lru_cache
from typing import Any

from textual.app import App
from textual.strip import Strip
from textual.widget import Widget

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.pixels import Shading, grey_image
from fashion_tui.schema.dataset import IMAGE_SIZE

SIZE = IMAGE_SIZE[0]
"""Pixels of a picture's side."""

WIDTHS = (14, 20, 28, 56)
"""Columns that a picture can be drawn in; its lines are half as many. From 28 on nothing of it is lost."""


def shading_of(app: App[Any]) -> Shading:
    """What the app's terminal can show."""
    has_greys = app.console.color_system in ("truecolor", "256") and not app.no_color
    return Shading.GREYS if has_greys and terminal_glyphs().unicode else Shading.CHARACTERS


@lru_cache(maxsize=256)
def paint(pixels: bytes, width: int, shading: Shading) -> tuple[Strip, ...]:
    """uint8 [28, 28] as `width // 2` lines of `width` columns, one of WIDTHS, with as few segments as show it."""
    return tuple(Strip(line, width) for line in grey_image(pixels, (SIZE, SIZE), (width // 2, width), shading))


class ImageView(Widget):
    """One picture, as wide as WIDTHS allow in the columns and lines that there are."""

    DEFAULT_CSS = """
    ImageView { width: 28; height: 14; }
    """

    def __init__(self, pixels: bytes | None = None, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._pixels = pixels

    def show(self, pixels: bytes | None) -> None:
        """uint8 [28, 28]; None: nothing."""
        if pixels != self._pixels:
            self._pixels = pixels
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = max((width for width in WIDTHS if self.fits(width)), default=None)
        if self._pixels is None or width is None or y >= width // 2:
            return Strip.blank(self.size.width, self.rich_style)
        strip = paint(self._pixels, width, shading_of(self.app))[y]
        return strip.adjust_cell_length(self.size.width, self.rich_style)

    def fits(self, width: int) -> bool:
        return width <= self.size.width and width // 2 <= self.size.height
