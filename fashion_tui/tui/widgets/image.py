"""An image of any shape, drawn as strips or shown in a widget."""

import asyncio
from functools import lru_cache
from typing import Any

from textual import work
from textual.app import App
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from fashion_tui.report.pictures import draw_picture, fit_picture, fit_pixels
from fashion_tui.report.pixels import Shading, Size, best_shading
from fashion_tui.schema.picture import Picture
from fashion_tui.tui.graphics.detection import Protocol
from fashion_tui.tui.graphics.layer import ImageLayer
from fashion_tui.tui.terminal_app import PixelOutput, TerminalApp

MAX_BLOCKS_SIDE = 32
"""Maximum height and width, in pixels, of images that are always drawn with block elements.

Every terminal shows all pixels of such an image.
"""


def shading_of(app: App[Any]) -> Shading:
    """Return the best shading that the app's terminal supports."""
    return best_shading(app.console.color_system, no_color=app.no_color)


@lru_cache(maxsize=256)
def paint_picture(picture: Picture, available: Size, shading: Shading) -> tuple[Strip, ...]:
    """Draw an image as large as possible within `available`, which is given in lines and columns.

    The results are cached together with their images. Shrink large images with `thumbnail` before calling this.
    """
    return _paint(picture, available, shading)


def _paint(picture: Picture, available: Size, shading: Shading) -> tuple[Strip, ...]:
    size = fit_picture(picture, available, shading)
    return tuple(Strip(line, size[1]) for line in draw_picture(picture, size, shading))


class ImageView(Widget):
    """A widget that shows one image and is as large as the image.

    Large images are drawn with the terminal's own pixels, if it can.
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._shown: tuple[Picture, Size] | None = None
        self._strips: tuple[Strip, ...] = ()
        """The lines of the image; empty if it is drawn in pixels."""

    @property
    def picture(self) -> Picture | None:
        """The image that is shown, with its heat map."""
        return None if self._shown is None else self._shown[0]

    def show(self, picture: Picture, available: Size) -> None:
        """Show an image as large as possible within `available`, which is given in lines and columns."""
        if (picture, available) == self._shown:
            return
        self._shown = (picture, available)
        output = self.app.pixel_output if isinstance(self.app, TerminalApp) else None
        if output is not None and max(picture.height, picture.width) > MAX_BLOCKS_SIDE:
            self._show_pixels(picture, available, output)
            return
        self._hide_pixels()
        self._strips = _paint(picture, available, shading_of(self.app))
        self._resize(len(self._strips), self._strips[0].cell_length)
        self.refresh()

    def _show_pixels(self, picture: Picture, available: Size, output: PixelOutput) -> None:
        height, width = output.cell
        size = fit_pixels(picture.shape, (available[0] * height, available[1] * width))
        self._strips = ()
        if self._resize(-(-size[0] // height), -(-size[1] // width)):
            self._hide_pixels()
        self.refresh()
        self._draw_pixels(picture, size, output.layer)

    @work(group="pixels", exclusive=True)
    async def _draw_pixels(self, picture: Picture, size: Size, layer: ImageLayer) -> None:
        layer.show(self, await asyncio.to_thread(_encode, picture, size, layer.protocol))
        self.refresh(Region(0, 0, 1, 1))  # the image is drawn after the next frame

    def _hide_pixels(self) -> None:
        self.workers.cancel_group(self, "pixels")
        if isinstance(self.app, TerminalApp) and (output := self.app.pixel_output) is not None:
            output.layer.hide(self)

    def _resize(self, lines: int, columns: int) -> bool:
        """Set the size of the widget, and return whether it has changed."""
        old = (self.styles.height, self.styles.width)
        self.styles.height, self.styles.width = lines, columns
        return old != (self.styles.height, self.styles.width)

    def on_unmount(self) -> None:
        self._hide_pixels()

    def render_line(self, y: int) -> Strip:
        if y >= len(self._strips):
            return Strip.blank(self.size.width, self.rich_style)
        return self._strips[y].adjust_cell_length(self.size.width, self.rich_style)


def _encode(picture: Picture, size: Size, protocol: Protocol) -> str:
    from fashion_tui.tui.graphics.encoding import encode  # noqa: PLC0415 -- most images need neither Pillow nor NumPy

    return encode(picture, size, protocol)
