"""The view of one image: enlarged, with its pixel values beside it."""

from typing import ClassVar

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from fashion_tui.report.pixels import Size
from fashion_tui.tui.actions import IN_IMAGE, bindings
from fashion_tui.tui.widgets.image import ImageView
from fashion_tui.tui.widgets.lines import FittedLines

from .image_details import image_details
from .open_dataset import OpenDataset
from .view import DataView, SelectedImage, Selection

PANEL_WIDTH = 44
"""Minimum width of the panel beside the image, in columns."""
MARGIN = 2


class ImagePanel(FittedLines, can_focus=True):
    """The lines beside the image."""


class EnlargedView(DataView):
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_IMAGE)

    image = getters.query_one(ImageView)
    panel = getters.query_one(ImagePanel)

    def __init__(self, images: Selection) -> None:
        """Create the view of the image that is selected in `images`."""
        super().__init__(id="image")
        self._images = images
        self._shown: SelectedImage | None = None

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield ImageView()
            yield ImagePanel()

    def main_widget(self) -> Widget:
        return self.panel

    def title(self, width: int) -> Text:
        return self._images.title(width)

    def details(self, width: int) -> Text:
        return self._images.details(width)

    def dataset_changed(self, dataset: OpenDataset) -> None:  # noqa: ARG002
        self._shown = None

    def shown(self) -> None:
        self.selection_changed()

    def selection_changed(self) -> None:
        if (selected := self._images.selected) is not None:
            self._shown = selected
            self._show()

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        if (shown := self._shown) is not None and self.size.width:
            self.image.show(shown.picture, self._room())
            self.panel.fit(lambda width: image_details(shown, width))

    def _room(self) -> Size:
        """Return the space for the image beside the panel, in lines and columns."""
        return self.size.height, max(self.size.width - PANEL_WIDTH - MARGIN, 1)

    def action_select_next(self, images: int) -> None:
        self._images.select_next(images)
