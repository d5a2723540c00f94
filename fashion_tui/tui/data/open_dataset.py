"""The data set that the Data pane shows."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from fashion_tui.data.datasets import image_files, open_prepared
from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.data.stored import StoredDataset
from fashion_tui.report.formatting import printable, shorten
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION, FOREGROUND
from fashion_tui.schema.dataset import FOLDER, DatasetInfo, Split
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.requests import PrepareDataset
from fashion_tui.tui.lab_app import DatasetState

if TYPE_CHECKING:
    from fashion_tui.engine.client import Engine


REPLACED_WIDTH = 24
"""Maximum width of the name of the data set that synthetic images replace, in columns."""


class OpenDataset:
    """A data set whose images are mapped into memory when they are first needed."""

    def __init__(self, state: DatasetState, engine: "Callable[[], Engine]") -> None:
        """`engine` returns the client of the engine, which prepares the data set if necessary."""
        self.info = state.info
        self._requested = state.requested
        self._engine = engine
        self._stored = state.stored
        self._opening = asyncio.Lock()
        self._paths: dict[tuple[Split, int], str] | None = None

    async def stored(self) -> StoredDataset:
        """Return the images, mapped into memory. Let the engine prepare the data set first if necessary.

        Raises UserError if the images can't be read.
        """
        async with self._opening:
            if self._stored is None:
                self._stored = await self._open()
            return self._stored

    async def _open(self) -> StoredDataset:
        ref = self.info.ref
        stored = await asyncio.to_thread(open_prepared, ref)
        if stored is None:
            await self._engine().ask(PrepareDataset(ref=ref), DatasetInfo)
            stored = await asyncio.to_thread(open_prepared, ref)
        if stored is None:
            raise UserError("the images have changed; open the data set again")
        return stored

    async def path_of(self, split: Split, index: int) -> str | None:
        """Return the path of an image's file in the user's folder, or None if the images aren't files of a folder."""
        return (await self.paths()).get((split, index))

    async def paths(self) -> Mapping[tuple[Split, int], str]:
        """Return the path of each image's file in the user's folder. Other data sets have none."""
        if self._paths is None:
            ref = self.info.ref
            if ref.name == FOLDER:
                ref = (await self.stored()).info.ref
            self._paths = await asyncio.to_thread(image_files, ref)
        return self._paths

    def title(self, width: int) -> Text:
        """Return the title, at most `width` columns wide. The title of synthetic images names what they replace."""
        glyphs = terminal_glyphs()
        line = Text(shorten(self.info.title, width, glyphs), f"bold {FOREGROUND}", no_wrap=True)
        if self.info.ref.name == SYNTHETIC.name:
            line.append(f" (not {shorten(self._requested, REPLACED_WIDTH, glyphs)})", style=ATTENTION)
        return line

    def counts(self, split: Split) -> tuple[int, ...]:
        """Return the number of images of each class in a split."""
        return self.info.train_counts if split == "train" else self.info.test_counts

    def class_name(self, label: int) -> str:
        """Return a class name that is safe to display."""
        return printable(self.info.classes[label], terminal_glyphs())
