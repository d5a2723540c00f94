"""A dialog with one image and its details. The image is as large as the terminal allows."""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from fashion_tui.report.pixels import Size
from fashion_tui.schema.picture import Picture
from fashion_tui.tui.actions import key_hints
from fashion_tui.tui.widgets.image import ImageView

from .dialog import Dialog

DETAILS_WIDTH = 40
DETAILS_MARGIN = 3
PADDING = (1, 2)
"""Lines above and below the content of the panel, and columns on both sides of it."""


class ImageDialog(Dialog[None]):
    """A dialog that shows the image under a pane's cursor. Keys pressed in the dialog move the pane's cursor.

    Its background is opaque, so that the image isn't sent to the terminal again whenever something changes behind it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,enter,q", "dismiss", "close"),
        ("right,down,l,j,space", "step(1)", "next"),
        ("left,up,h,k", "step(-1)", "previous"),
    ]
    HINTS: ClassVar[tuple[tuple[tuple[str, str], ...], ...]] = ((("←→", "next"), ("esc", "close")),)
    """Lines of keys and their labels, which are shown below the details."""
    DEFAULT_CSS = f"""
    ImageDialog {{ background: $background; }}
    ImageDialog .panel {{ width: auto; padding: {PADDING[0]} {PADDING[1]}; }}
    ImageDialog Static {{ width: {DETAILS_WIDTH}; height: auto; margin: 0 0 0 {DETAILS_MARGIN}; }}
    """

    image = getters.query_one(ImageView)
    details = getters.query_one(Static)

    def __init__(self, step: Callable[[int], None]) -> None:
        """Create the dialog. `step(1)` moves to the next image, `step(-1)` to the previous one."""
        super().__init__()
        self._step = step
        self._picture: Picture | None = None
        self._details = Text()

    def compose(self) -> ComposeResult:
        with Horizontal(classes="panel"):
            yield ImageView()
            yield Static(self._details)

    def on_mount(self) -> None:
        self._show_image()  # before the first layout, because a change of the image's size causes another layout

    def on_resize(self) -> None:
        self._show_image()

    def show(self, picture: Picture, details: Text) -> None:
        """Show an image with its details beside it."""
        self._picture = picture
        hints = Text("\n").join([key_hints(*line) for line in self.HINTS])
        self._details = Text.assemble(details, "\n", hints)
        if self.is_mounted:
            self._show_image()
            self.details.update(self._details)

    def _show_image(self) -> None:
        if self._picture is not None:
            self.image.show(self._picture, self._room())

    def _room(self) -> Size:
        """Return the space for the image beside the details, in lines and columns."""
        columns, lines = self.app.size
        return lines - 2 * PADDING[0], columns - 2 * PADDING[1] - DETAILS_WIDTH - DETAILS_MARGIN

    def action_step(self, images: int) -> None:
        self._step(images)
