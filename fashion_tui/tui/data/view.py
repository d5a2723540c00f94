"""The base class of the Data pane's views, and the image that they share."""

from dataclasses import dataclass
from typing import Literal, Protocol

from rich.text import Text
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from fashion_tui.schema.dataset import Split
from fashion_tui.schema.picture import Picture
from fashion_tui.tui.pane import KeyLabels

from .open_dataset import OpenDataset

ViewName = Literal["images", "image", "set"]


@dataclass(frozen=True, slots=True)
class SelectedImage:
    """The image under the cursor."""

    dataset: OpenDataset
    split: Split
    index: int
    """Index of the image in its split."""
    label: int
    picture: Picture

    @property
    def class_name(self) -> str:
        return self.dataset.class_name(self.label)


class Selection(Protocol):
    """The cursor on the images, which all views share."""

    @property
    def selected(self) -> SelectedImage | None:
        """The image under the cursor, or None while it is being read or if there is none."""

    def title(self, width: int) -> Text:
        """Return the data set's title, with the split and the page, at most `width` columns wide."""

    def details(self, width: int) -> Text:
        """Return the filter, the order, and the class of the image, at most `width` columns wide."""

    def select_next(self, images: int) -> None:
        """Move the cursor by a number of images, in the order in which they are displayed."""


class DataView(KeyLabels, Vertical):
    """One of the views of the Data pane, which shows one view at a time.

    A view is created when it is first opened, and stays mounted until the app exits.
    """

    @dataclass
    class HeadingChanged(Message):
        """The text that the pane shows above the view has changed."""

        view: "DataView"

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)

    def main_widget(self) -> Widget:
        """Return the widget that is focused when the view is opened."""
        raise NotImplementedError

    def title(self, width: int) -> Text:
        """Return the first line above the view, at most `width` columns wide."""
        raise NotImplementedError

    def details(self, width: int) -> Text:  # noqa: ARG002
        """Return the second line above the view, at most `width` columns wide."""
        return Text()

    def dataset_changed(self, dataset: OpenDataset) -> None:
        """Show another data set. Called when the view is created, and whenever the data set changes."""

    def selection_changed(self) -> None:
        """Called when another image is under the cursor, while the view is open."""

    def shown(self) -> None:
        """Called when the view is opened, and when the pane comes to the front with the view open."""

    def hidden(self) -> None:
        """Called when another view or another pane is opened."""

    def back(self) -> bool:
        """Go back one step within the view, or cancel its work.

        Return False if there is nothing to go back from. The pane then shows the images.
        """
        return False
