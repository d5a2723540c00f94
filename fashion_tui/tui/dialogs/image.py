"""A dialog with one image and its details. The image is enlarged if the terminal is large enough."""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from fashion_tui.tui.actions import key_hints
from fashion_tui.tui.widgets.image import ImageView

from .dialog import Dialog


class ImageDialog(Dialog[None]):
    """A dialog that shows the image under a pane's cursor. Keys pressed in the dialog move the pane's cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,enter,q", "dismiss", "close"),
        ("right,down,l,j,space", "step(1)", "next"),
        ("left,up,h,k", "step(-1)", "previous"),
    ]
    DEFAULT_CSS = """
    ImageDialog .panel { width: auto; }
    ImageDialog ImageView { width: 28; height: 14; }
    ImageDialog Static { width: 40; height: auto; margin: 0 0 0 3; }
    ImageDialog.-large ImageView { width: 56; height: 28; }
    """

    image = getters.query_one(ImageView)
    details = getters.query_one(Static)

    def __init__(self, step: Callable[[int], None]) -> None:
        """Create the dialog. `step(1)` moves to the next image, `step(-1)` to the previous one."""
        super().__init__()
        self._step = step
        self._pixels: bytes | None = None
        self._details = Text()

    def compose(self) -> ComposeResult:
        with Horizontal(classes="panel"):
            yield ImageView(self._pixels)
            yield Static(self._details)

    def on_resize(self) -> None:
        self.set_class(self.size.width >= 110 and self.size.height >= 32, "-large")

    def show(self, pixels: bytes, details: Text) -> None:
        """Show an image (uint8, [28, 28]) with its details beside it."""
        self._pixels = pixels
        self._details = Text.assemble(details, "\n", key_hints(("←→", "next"), ("esc", "close")))
        if self.is_mounted:
            self.image.show(pixels)
            self.details.update(self._details)

    def action_step(self, images: int) -> None:
        self._step(images)
