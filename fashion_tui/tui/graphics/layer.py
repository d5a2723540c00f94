"""The one image that is drawn with the terminal's pixels, on top of the cells."""

from collections.abc import Callable

from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget

from .detection import Protocol

SAVE_CURSOR, RESTORE_CURSOR = "\x1b7", "\x1b8"

KITTY_ID = 0x66747569
"""Number by which the terminal identifies the image."""

KITTY_PLACEMENT = f"i={KITTY_ID},p=1,C=1,z=-1,q=2"
"""Control data that draws the image at the cursor, under the text, without moving the cursor.

`q=2` suppresses the terminal's reply, which would arrive among the user's keys.
"""

KITTY_MOVE = f"\x1b_Ga=p,{KITTY_PLACEMENT}\x1b\\"
"""Moves the image, which the terminal already has, to the cursor."""

KITTY_DELETE = f"\x1b_Ga=d,d=I,i={KITTY_ID},q=2\x1b\\"
"""Removes the image from the terminal and frees its memory."""


class ImageLayer:
    """Draws an image after the frame in which its widget left the cells blank.

    The image is drawn together with frames, so the flow control of frames applies to it, too. It is drawn again if a
    frame has overwritten it, and removed when its widget is no longer on the current screen.
    """

    def __init__(self, protocol: Protocol, write: Callable[[str], object]) -> None:
        self.protocol = protocol
        self._write = write
        self._shown: tuple[Widget, str] | None = None
        """Widget that the image covers, and the sequence that draws the image at the cursor."""
        self._drawn: tuple[Region, str] | None = None
        """Region and sequence of the image that the terminal shows."""

    def show(self, widget: Widget, sequence: str) -> None:
        """Show an image over a widget from the next frame on, replacing any other image."""
        self._shown = (widget, sequence)

    def hide(self, widget: Widget) -> None:
        """Remove the image over this widget at the next frame."""
        if self._shown is not None and self._shown[0] is widget:
            self._shown = None

    def frame_written(self, screen: Screen[object], frame: ChopsUpdate | LayoutUpdate) -> None:
        """Draw or remove the image if necessary. Call this after each frame."""
        wanted = self._wanted(screen)
        if self._drawn is not None and (wanted is None or wanted[1] != self._drawn[1]):
            self.remove()
        if wanted is not None and (self._drawn != wanted or self._is_overwritten(wanted[0], frame)):
            region, sequence = wanted
            if self._drawn is not None and self.protocol is Protocol.KITTY:
                sequence = KITTY_MOVE
            self._write(f"{SAVE_CURSOR}\x1b[{region.y + 1};{region.x + 1}H{sequence}{RESTORE_CURSOR}")
            self._drawn = wanted

    def remove(self) -> None:
        """Remove the image from the terminal. Sixels disappear when the cells below them are written."""
        if self._drawn is not None and self.protocol is Protocol.KITTY:
            self._write(KITTY_DELETE)
        self._drawn = None

    def _wanted(self, screen: Screen[object]) -> tuple[Region, str] | None:
        if self._shown is None:
            return None
        widget, sequence = self._shown
        is_visible = widget.is_attached and widget.screen is screen and widget.region
        return (widget.region, sequence) if is_visible else None

    def _is_overwritten(self, region: Region, frame: ChopsUpdate | LayoutUpdate) -> bool:
        if isinstance(frame, LayoutUpdate):
            return True
        overlaps = any(region.overlaps(Region(start, row, end - start, 1)) for row, start, end in frame.spans)
        return overlaps and self.protocol is Protocol.SIXEL
