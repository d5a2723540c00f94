"""An app whose only content is the enlarged-image dialog. Run as `python -m tests.tui.image_app`."""

import numpy as np
from rich.text import Text

from fashion_tui.schema.picture import Picture
from fashion_tui.tui.dialogs.image import ImageDialog
from fashion_tui.tui.terminal_app import TerminalApp

SIDES = (256, 200, 32)
"""Sizes of the images, in pixels. The last one fits into block elements."""


def image(side: int) -> Picture:
    """Return an image of 16 squares, each in a different colour."""
    y, x = np.divmod(np.arange(side * side).reshape(side, side), side)
    square = 4 * (y * 4 // side) + x * 4 // side
    planes = np.stack([square * 17, 255 - square * 17, (square * 51) % 256]).astype(np.uint8)
    return Picture(planes.tobytes(), (3, side, side))


class ImageApp(TerminalApp):
    BINDINGS = [("q", "quit", "quit")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self._dialog = ImageDialog(self._step)
        self._position = 0

    def on_mount(self) -> None:
        self._step(0)
        self.push_screen(self._dialog)

    def _step(self, images: int) -> None:
        self._position += images
        side = SIDES[self._position]
        self._dialog.show(image(side), Text(f"image of {side} pixels"))


if __name__ == "__main__":
    ImageApp().run()
