"""One picture, as large as the terminal allows, with what is known of it."""

from collections.abc import Callable
from typing import ClassVar

from rich.console import RenderableType
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widgets import Static

from .picture import Picture


class PictureScreen(ModalScreen[None]):
    """Stands over the pane that it shows a picture of; the pane moves on from picture to picture."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,enter,q", "dismiss", "close"),
        ("right,down,l,j,space", "step(1)", "next"),
        ("left,up,h,k", "step(-1)", "before"),
    ]
    DEFAULT_CSS = """
    PictureScreen { align: center middle; background: $background 60%; }
    PictureScreen > Horizontal { width: auto; height: auto; padding: 1 2; background: $panel; }
    PictureScreen Picture { width: 28; height: 14; }
    PictureScreen Static { width: 40; height: auto; margin: 0 0 0 3; }
    PictureScreen.-large Picture { width: 56; height: 28; }
    """

    def __init__(self, step: Callable[[int], None]) -> None:
        """`step(1)` is called to go on to the next picture, `step(-1)` to go back."""
        super().__init__()
        self._step = step
        self._pixels: bytes | None = None
        self._facts: RenderableType = ""

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Picture(self._pixels)
            yield Static(self._facts)

    def on_resize(self) -> None:
        self.set_class(self.size.width >= 110 and self.size.height >= 32, "-large")

    def show(self, pixels: bytes, facts: RenderableType) -> None:
        """uint8 [28, 28], and the lines that stand beside the picture."""
        self._pixels, self._facts = pixels, facts
        if self.is_mounted:
            self.query_one(Picture).show(pixels)
            self.query_one(Static).update(facts)

    def action_step(self, pictures: int) -> None:
        self._step(pictures)
