"""The Data pane: the images of a data set, one page at a time."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from fashion_tui.data.datasets import open_prepared
from fashion_tui.data.pages import read_page
from fashion_tui.data.sources import FASHION_MNIST, SOURCES
from fashion_tui.data.stored import StoredDataset
from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION, FOREGROUND, MUTED
from fashion_tui.schema.dataset import DatasetInfo, DatasetRef, ImagePage, Split
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.picture import Picture
from fashion_tui.schema.requests import PrepareDataset
from fashion_tui.tui.actions import IN_PANE, PaneName, bindings, key_hints, key_of, with_keys
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog
from fashion_tui.tui.image_pane import ImageBrowser, ImagePane
from fashion_tui.tui.lab_app import DatasetFound, DatasetState, FolderChanged, Reading
from fashion_tui.tui.widgets.image_tiles import NARROW_TILE, ImageTiles, Tile
from fashion_tui.tui.widgets.lines import FittedLines, left_and_right

from .download import Download, DownloadEnded, DownloadProgress
from .summary import class_counts, image_details, progress_line, reading_line, title_line

ALL = "all"
PROBLEM_SECONDS = 20.0
"""Seconds for which the message about a failed download is shown."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Asks for images of a split."""

    ref: DatasetRef
    split: Split
    label: int | None
    """Class of the images, or None for all classes."""
    offset: int
    limit: int


class DataPane(ImagePane):
    PANE: ClassVar[PaneName] = "data"
    HELP: ClassVar[str] = with_keys(
        "data",
        "The images of the data set: 28×28 pixels, each in one of ten classes. The network learns from the training "
        "set; the test set only measures how well.\n\n"
        "The arrow keys move the cursor and turn the pages. `{open}` enlarges an image and shows its pixel "
        "values, `{filter}` shows one class only, and `{other_split}` switches between the training set "
        "and the test set.",
    )
    DEFAULT_CSS = Path(__file__).with_name("data.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["data"])

    split: var[Split] = var[Split]("train", init=False)
    label: var[int | None] = var[int | None](None, init=False)
    """Class of the images shown, or None for all classes."""

    heading = getters.query_one("#data-title", FittedLines)
    notice = getters.query_one("#data-notice", Static)
    counts = getters.query_one("#counts", FittedLines)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._info: DatasetInfo | None = None
        self._stored: StoredDataset | None = None
        """The images, mapped into memory when the first page is read."""
        self._download: Download | None = None
        self._notice = Text()

    def compose(self) -> ComposeResult:
        yield FittedLines(id="data-title")
        yield Static(id="data-notice")
        with Horizontal(id="data-body"):
            yield ImageBrowser(self, ImageTiles())
            yield FittedLines(id="counts")

    def on_mount(self) -> None:
        self.watch(self.app, "dataset", self._dataset_changed)
        self.watch(self.app, "reading", self._reading_changed)

    def on_unmount(self) -> None:
        if self._download is not None:
            self._download.abandon()

    def main_widget(self) -> Widget:
        return self.browser.grid

    # The data set

    def _dataset_changed(self, state: DatasetState | None) -> None:
        if state is None:
            self._show_notice(Text(f"finding the data set {terminal_glyphs().ellipsis}", MUTED))
            return
        self._info, self._stored = state.info, None
        self.set_reactive(DataPane.label, None)
        self.browser.clear()
        self._show_title()
        self._show_notice(Text(f"loading images {terminal_glyphs().ellipsis}", MUTED))
        self._show_counts()
        self.refresh_bindings()
        self.browser.load()

    def _reading_changed(self, reading: Reading | None) -> None:
        if reading is not None:
            self._show_notice(reading_line(reading.done, reading.total, reading.ref.short_name, terminal_glyphs()))

    # Implementation of ImageSource

    def page_request(self, offset: int, limit: int) -> PageRequest | None:
        if self._info is None:
            return None
        return PageRequest(self._info.ref, self.split, self.label, offset, limit)

    async def fetch_page(self, request: PageRequest) -> ImagePage:
        """Read a page. Let the engine prepare the data set first if necessary."""
        stored = self._stored
        if stored is None or stored.info.ref != request.ref:
            stored = await asyncio.to_thread(open_prepared, request.ref)
            if stored is None:
                await self.lab_app.engine.ask(PrepareDataset(ref=request.ref), DatasetInfo)
                stored = await asyncio.to_thread(open_prepared, request.ref)
            if stored is None:
                raise UserError("the images have changed; open the data set again")
            self._stored = stored
        images = stored.split(request.split)
        return await asyncio.to_thread(read_page, images, request.label, request.offset, request.limit)

    def make_tiles(self, page: ImagePage, width: int) -> list[Tile]:
        tiles = []
        for position, (index, label) in enumerate(zip(page.indices, page.labels, strict=True)):
            name = self._class_name(label)
            line = Text(name, FOREGROUND)
            if width > NARROW_TILE:
                line.append(f"{index:,}".rjust(width - len(name)), MUTED)
            tiles.append(Tile(_picture(page, position), (line,)))
        return tiles

    def enlarged(self, page: ImagePage, position: int) -> tuple[Picture, Text]:
        picture, name = _picture(page, position), self._class_name(page.labels[position])
        return picture, image_details(picture, page.indices[position], name, self.split, terminal_glyphs())

    def page_shown(self) -> None:
        if self._download is None:
            self._show_notice(Text())
        self._show_title()

    def page_failed(self, problem: str) -> None:
        if self.browser.grid.tiles:
            self.notify(problem, severity="error", markup=False)
        else:
            self._show_notice(
                Text.assemble((f"{problem}\n", ATTENTION), key_hints((key_of("data", "next_page"), "try again")))
            )

    # Texts

    def _show_title(self) -> None:
        if self._info is None:
            return
        info, split, cursor = self._info, self.split, self.browser.cursor
        label = None if self.label is None else self._class_name(self.label)
        page: ImagePage | None = self.browser.page
        under_cursor = ""
        if page is not None:
            under_cursor = f"{page.indices[cursor.position]:,} {self._class_name(page.labels[cursor.position])}"

        def make_lines(width: int) -> list[Text]:
            title, right = title_line(info, split, label, cursor, width), Text(under_cursor, FOREGROUND)
            fits = title.cell_len + right.cell_len + 2 <= width
            return [left_and_right(title, right if fits else Text(), width)]

        self.heading.fit(make_lines)

    def _show_counts(self) -> None:
        if (info := self._info) is not None:
            counts, chosen = self._counts(info), self.label
            self.counts.fit(lambda width: class_counts(info.classes, counts, chosen, width))

    def _counts(self, info: DatasetInfo) -> tuple[int, ...]:
        return info.train_counts if self.split == "train" else info.test_counts

    def _class_name(self, label: int) -> str:
        return printable(self._info.classes[label], terminal_glyphs()) if self._info is not None else f"class {label}"

    def _show_notice(self, text: Text) -> None:
        if text != self._notice:  # avoid needless updates, because each triggers a layout
            self._notice = text
            self.notice.update(text)

    # Filters

    def watch_split(self) -> None:
        self._restart()

    def watch_label(self) -> None:
        self._restart()

    def _restart(self) -> None:
        self._show_counts()
        self.browser.restart()
        self._show_title()

    # Actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Disable the download if a published data set is already shown."""
        return action != "download" or (self._info is not None and self._info.ref.name == "synthetic")

    def action_other_split(self) -> None:
        self.split = "test" if self.split == "train" else "train"

    def action_filter(self) -> None:
        if self._info is None:
            return
        counts = self._counts(self._info)
        width = max(len(name) for name in self._info.classes)
        choices = [Choice(ALL, _choice_label("all classes", sum(counts), width))]
        for index, name in enumerate(self._info.classes):
            choices.append(Choice(str(index), _choice_label(name, counts[index], width)))
        chosen = ALL if self.label is None else str(self.label)
        self.app.push_screen(ChoiceDialog("Show class", choices, chosen), self._filter_chosen)

    def _filter_chosen(self, key: str | None) -> None:
        if key is not None:
            self.label = None if key == ALL else int(key)

    def action_back(self) -> None:
        """Cancel the download or the reading of a folder, or show all classes."""
        if self._download is not None:
            self._download.cancel()
        elif self.lab_app.reading is not None:
            self.lab_app.cancel_reading()
        else:
            self.label = None

    def action_download(self) -> None:
        if self._download is None:
            settings = self.lab_app.settings
            source = SOURCES.get(settings.dataset, FASHION_MNIST)
            self._download = Download(source, settings.data_directory, self.post_message)
            self._show_notice(progress_line(source.title, 0, 0, terminal_glyphs()))

    @on(DownloadProgress)
    def _download_progress(self, message: DownloadProgress) -> None:
        if self._download is not None:
            title = self._download.source.title
            self._show_notice(progress_line(title, message.done, message.total, terminal_glyphs()))

    @on(DownloadEnded)
    def _download_ended(self, message: DownloadEnded) -> None:
        self._download = None
        self._show_notice(Text())
        if (ref := message.ref) is not None:
            info = message.info
            self.app.post_message(FolderChanged(ref) if info is None else DatasetFound(DatasetState(info)))
            self.notify(f"{SOURCES[ref.name].title} downloaded.")
        elif message.problem is not None:
            self.notify(message.problem, severity="error", timeout=PROBLEM_SECONDS, markup=False)
        else:
            self.notify("Download cancelled; complete files are kept.")


def _picture(page: ImagePage, position: int) -> Picture:
    return Picture(page.image(position), page.image_shape)


def _choice_label(name: str, count: int, width: int) -> Text:
    return Text.assemble((f"{name:<{width}}", FOREGROUND), (f"  {count:>7,}", MUTED))
