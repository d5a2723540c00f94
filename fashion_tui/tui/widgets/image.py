"""A 28×28 greyscale image, drawn as strips or shown in a widget."""

from functools import lru_cache
from typing import Any

from textual.app import App
from textual.strip import Strip
from textual.widget import Widget

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.pixels import Shading, grey_image
from fashion_tui.schema.dataset import IMAGE_SIZE

SIDE = IMAGE_SIZE[0]
"""Width and height of an image, in pixels."""

WIDTHS = (14, 20, 28, 56)
"""Possible widths of a drawn image, in columns. The height in lines is half the width. At a width of 28 or more, every
pixel is shown."""


def shading_of(app: App[Any]) -> Shading:
    """Return the best shading that the app's terminal supports."""
    has_greys = app.console.color_system in ("truecolor", "256") and not app.no_color
    return Shading.GREYS if has_greys and terminal_glyphs().unicode else Shading.CHARACTERS


@lru_cache(maxsize=256)
def paint_image(pixels: bytes, width: int, shading: Shading) -> tuple[Strip, ...]:
    """Draw an image (uint8, [28, 28]) as `width // 2` strips. `width` is one of WIDTHS."""
    return tuple(Strip(line, width) for line in grey_image(pixels, (SIDE, SIDE), (width // 2, width), shading))


class ImageView(Widget):
    """A widget that shows one image, at the largest width in WIDTHS that fits."""

    DEFAULT_CSS = """
    ImageView { width: 28; height: 14; }
    """

    def __init__(self, pixels: bytes | None = None, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._pixels = pixels

    def show(self, pixels: bytes | None) -> None:
        """Show an image (uint8, [28, 28]), or nothing if `pixels` is None."""
        if pixels != self._pixels:
            self._pixels = pixels
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = max((width for width in WIDTHS if self._fits(width)), default=None)
        if self._pixels is None or width is None or y >= width // 2:
            return Strip.blank(self.size.width, self.rich_style)
        strip = paint_image(self._pixels, width, shading_of(self.app))[y]
        return strip.adjust_cell_length(self.size.width, self.rich_style)

    def _fits(self, width: int) -> bool:
        return width <= self.size.width and width // 2 <= self.size.height
