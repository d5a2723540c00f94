"""The user's marks on the images of a run's data set, and the paths of their files."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from textual.widget import Widget

from fashion_tui.data.datasets import image_files
from fashion_tui.data.marks import read_marks, toggle_mislabelled
from fashion_tui.runs.run import Run
from fashion_tui.schema.audit import ImageKey, Mark
from fashion_tui.schema.errors import UserError


@dataclass(frozen=True, slots=True)
class ImageNotes:
    mislabelled: frozenset[ImageKey] = frozenset()
    """The images that are marked as mislabelled."""
    paths: Mapping[ImageKey, str] = field(default_factory=dict)
    """Paths of the image files, relative to the data set's folder. Empty if the data set isn't a folder of images."""


class RunImages:
    """Reads the notes on a run's images and changes their marks, for a widget that shows them."""

    def __init__(self, widget: Widget, changed: Callable[[], None]) -> None:
        """`changed` is called when the notes have changed."""
        self._widget, self._changed = widget, changed
        self._lock = asyncio.Lock()
        """Held while notes are read or changed, so that the newest are shown last."""
        self.notes = ImageNotes()

    def read(self, run_path: Path) -> None:
        self._widget.run_worker(self._update(lambda: _read(run_path)), group="read notes", exclusive=True)

    def toggle_mislabelled(self, run_path: Path, image: ImageKey) -> None:
        """Mark an image as mislabelled, or remove its mark."""
        self._widget.run_worker(self._toggle(run_path, image), group="mark")

    async def _toggle(self, run_path: Path, image: ImageKey) -> None:
        await self._update(lambda: _toggle(run_path, image, self.notes.paths))
        if image in self.notes.mislabelled:
            self._widget.notify(mark_message(image))

    async def _update(self, make_notes: Callable[[], ImageNotes]) -> None:
        try:
            async with self._lock:
                self.notes = await asyncio.to_thread(make_notes)
        except UserError as error:
            self._widget.notify(str(error), severity="error", markup=False)
        else:
            self._changed()


def mark_message(image: ImageKey) -> str:
    """Return the message that is shown when an image has been marked."""
    split, index = image
    effect = (
        "train --without-marked leaves it out" if split == "train" else "marks on test images don't affect training"
    )
    return f"Image {index:,} is marked in the label audit; {effect}."


def _read(run_path: Path) -> ImageNotes:
    with Run(run_path) as run:
        dataset = run.config.dataset
    return ImageNotes(_mislabelled(read_marks(dataset)), image_files(dataset))


def _toggle(run_path: Path, image: ImageKey, paths: Mapping[ImageKey, str]) -> ImageNotes:
    with Run(run_path) as run:
        return ImageNotes(_mislabelled(toggle_mislabelled(run.config.dataset, image)), paths)


def _mislabelled(marks: tuple[Mark, ...]) -> frozenset[ImageKey]:
    return frozenset(mark.key for mark in marks if mark.verdict == "mislabelled")
