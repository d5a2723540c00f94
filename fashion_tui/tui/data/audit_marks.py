"""The user's marks in the label audit."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.text import Text
from textual import work
from textual.message import Message

from fashion_tui.data.datasets import dataset_options
from fashion_tui.data.marks import mark_images, remove_marks, toggle_mislabelled
from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, MUTED
from fashion_tui.schema.audit import ImageKey, Mark, Verdict
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.tui.widgets.lines import GrowingLines

FULL_WIDTH = 100
"""Minimum width, in columns, at which `train without them` precedes the command."""


class AuditMarks(GrowingLines):
    """Counts the marks on a data set's images, and changes them."""

    @dataclass
    class Changed(Message):
        """The marks have been changed."""

    def __init__(self, dataset: DatasetRef, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._dataset = dataset
        self._changing = asyncio.Lock()
        self.marks: tuple[Mark, ...] = ()

    @property
    def verdicts(self) -> dict[ImageKey, Verdict]:
        """The verdict on each marked image."""
        return {mark.key: mark.verdict for mark in self.marks}

    def show(self, marks: tuple[Mark, ...]) -> None:
        """Replace the marks that are shown."""
        self.marks = marks
        command = printable(train_command(self._dataset), terminal_glyphs())

        def lines(width: int) -> list[Text]:
            line = marks_line(marks, command, width)
            return [part for whole in line.split() for part in whole.wrap(self.app.console, width)]

        self.fit(lines)

    def toggle_mislabelled(self, image: ImageKey) -> None:
        """Mark an image as mislabelled, or remove this mark."""
        self._change(lambda: toggle_mislabelled(self._dataset, image))

    def dismiss(self, images: Iterable[ImageKey]) -> None:
        """Mark images as dismissed."""
        keys = tuple(images)
        self._change(lambda: mark_images(self._dataset, keys, "dismissed"))

    def unmark(self, images: Iterable[ImageKey]) -> None:
        """Remove the marks on images."""
        keys = tuple(images)
        self._change(lambda: remove_marks(self._dataset, keys))

    @work(group="marks")
    async def _change(self, change: Callable[[], tuple[Mark, ...]]) -> None:
        try:
            async with self._changing:  # one change after the other, so that the newest marks are shown
                marks = await asyncio.to_thread(change)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self.show(marks)
            self.post_message(self.Changed())


def train_command(dataset: DatasetRef) -> str:
    """Return the shell command that trains on a data set without the images that are marked as mislabelled."""
    return " ".join(filter(None, ("fashion-tui train", dataset_options(dataset), "--without-marked")))


def marks_line(marks: Iterable[Mark], command: str, width: int) -> Text:
    """Return a line such as `marks: 3 mislabelled, 12 dismissed   fashion-tui train --without-marked`.

    `command` is included if it would leave out images. It is on a second line if both don't fit within `width` columns.
    """
    verdicts = [(mark.verdict, mark.split) for mark in marks]
    mislabelled = [split for verdict, split in verdicts if verdict == "mislabelled"]
    test_images = mislabelled.count("test")
    in_test = f" ({test_images:,} in the test set)" if test_images else ""
    counts = f"marks: {len(mislabelled):,} mislabelled{in_test}, {len(verdicts) - len(mislabelled):,} dismissed"
    line = Text(counts, MUTED)
    if "train" in mislabelled:
        separator = "   train without them: " if width >= FULL_WIDTH else "   "
        if Text(counts + separator + command).cell_len > width:
            separator = "\n"
        line.append(separator).append(command, ACCENT)
    return line
