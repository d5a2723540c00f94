"""The view of one image: enlarged, with its statistics, and its pixel values or its nearest neighbours beside it."""

from typing import ClassVar

from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.pixel_values import pixel_values, window_size
from fashion_tui.report.pixels import Size
from fashion_tui.schema.errors import UserError
from fashion_tui.tui.actions import IN_IMAGE, bindings
from fashion_tui.tui.widgets.image import ImageView
from fashion_tui.tui.widgets.lines import FittedLines, GrowingLines

from .image_details import image_details, image_name
from .neighbours_panel import NeighboursPanel
from .open_dataset import OpenDataset
from .view import DataView, SelectedImage, Selection

PANEL_WIDTH = 46
"""Minimum width of the panel beside the image, in columns."""
MARGIN = 2


class PixelValues(FittedLines):
    """A window of the image's pixel values."""


class ImagePanel(Vertical, can_focus=True):
    """The facts about the image, and its pixel values or its nearest neighbours."""


class EnlargedView(DataView):
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_IMAGE)

    image = getters.query_one(ImageView)
    facts = getters.query_one(GrowingLines)
    values = getters.query_one(PixelValues)
    neighbours = getters.query_one(NeighboursPanel)

    def __init__(self, images: Selection) -> None:
        """Create the view of the image that is selected in `images`."""
        super().__init__(id="image")
        self._images = images
        self._shown: SelectedImage | None = None
        self._path: str | None = None
        """Path of the image's file in the folder of images, or None if it isn't known."""
        self._start: tuple[int, int] | None = None
        """Row and column of the first pixel value that is shown, or None for those in the centre of the image."""
        self._shows_neighbours = False

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield ImageView()
            with ImagePanel():
                yield GrowingLines(id="image-facts")
                yield PixelValues()
                yield NeighboursPanel()

    def on_mount(self) -> None:
        self.neighbours.display = False

    def main_widget(self) -> Widget:
        return self.query_one(ImagePanel)

    def title(self, width: int) -> Text:
        return self._images.title(width)

    def details(self, width: int) -> Text:
        return self._images.details(width)

    def dataset_changed(self, dataset: OpenDataset) -> None:  # noqa: ARG002
        self._shown = None

    def shown(self) -> None:
        self.selection_changed()

    def hidden(self) -> None:
        self.neighbours.cancel()

    def selection_changed(self) -> None:
        selected = self._images.selected
        if selected is None or selected == self._shown:
            return
        self._shown, self._path = selected, None
        self._show()
        self._find_path(selected)
        if self._shows_neighbours:
            self.neighbours.show_image(selected)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    @work(group="path", exclusive=True)
    async def _find_path(self, image: SelectedImage) -> None:
        try:
            self._path = await image.dataset.path_of(image.split, image.index)
        except UserError:
            return
        if self._path is not None:
            self._show()

    def _show(self) -> None:
        if (shown := self._shown) is None or not self.size.width:
            return
        path, is_short = self._path, self._shows_neighbours
        self.image.show(shown.picture, self._room())
        self.facts.fit(lambda width: (image_name if is_short else image_details)(shown, path, width))
        self.call_after_refresh(self._show_values)  # the height of the facts has changed

    def _show_values(self) -> None:
        if (shown := self._shown) is not None and self.values.size.height:
            height, start = self.values.size.height, self._window_start(shown)
            self.values.fit(lambda width: pixel_values(shown.picture, start, width, height, terminal_glyphs()))

    def _window_start(self, image: SelectedImage, columns: int = 0, rows: int = 0) -> tuple[int, int]:
        """Return the row and column of the first pixel value to show, moved by a number of columns and rows."""
        height, width = image.picture.height, image.picture.width
        window = window_size(image.picture, *self.values.size)
        row, column = self._start or ((height - window[0]) // 2, (width - window[1]) // 2)
        return min(max(row + rows, 0), height - window[0]), min(max(column + columns, 0), width - window[1])

    def _room(self) -> Size:
        """Return the space for the image beside the panel, in lines and columns."""
        return self.size.height, max(self.size.width - PANEL_WIDTH - MARGIN, 1)

    def back(self) -> bool:
        """Cancel the search for neighbours, or hide the neighbours. Return False if there was neither."""
        if self.neighbours.cancel():
            return True
        if self._shows_neighbours:
            self._toggle_neighbours()
            return True
        return False

    # Actions

    def action_select_next(self, images: int) -> None:
        self._images.select_next(images)

    def action_neighbours(self) -> None:
        self._toggle_neighbours()

    def _toggle_neighbours(self) -> None:
        self._shows_neighbours = not self._shows_neighbours
        self.values.display, self.neighbours.display = not self._shows_neighbours, self._shows_neighbours
        self._show()
        if self._shows_neighbours and self._shown is not None:
            self.neighbours.show_image(self._shown)

    def action_other_run(self) -> None:
        if not self._shows_neighbours:
            self._toggle_neighbours()
        self.neighbours.choose_run()

    def action_move_values(self, columns: int, rows: int) -> None:
        """Move the window of pixel values."""
        if (shown := self._shown) is not None:
            self._start = self._window_start(shown, columns, rows)
            self._show_values()
