"""The Data pane, which shows the data set in several views, one at a time."""

import asyncio
from pathlib import Path
from typing import ClassVar, cast

from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from fashion_tui.data.sources import FASHION_MNIST, SOURCES
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, MUTED
from fashion_tui.tui.actions import IN_PANE, bindings, key_hints, key_of, with_keys
from fashion_tui.tui.image_pane import ImagePane, PageBrowser
from fashion_tui.tui.lab_app import DatasetFound, DatasetState, Preparation, UnpreparedFound
from fashion_tui.tui.pane_actions import PaneName
from fashion_tui.tui.widgets.lines import FittedLines, left_and_right

from .download import Download, DownloadEnded, DownloadProgress
from .images_view import ImagesView
from .open_dataset import OpenDataset
from .summary import download_line, preparation_line
from .view import DataView, ViewName

PROBLEM_SECONDS = 20.0
"""Seconds for which the message about a failed download is shown."""

TABS: tuple[ViewName, ...] = ("images", "set")
"""The views that a key cycles through. The other views are opened from one of these."""

IN_IMAGES = {"move", "next_page", "previous_page", "first_page", "last_page", "open", "sort", "shuffle", "other_split"}
"""Actions that are only available while the images are shown."""


def make_view(name: ViewName, images: ImagesView) -> DataView:
    """Create a view. `images` is the view with the cursor on the selected image."""
    match name:
        case "images":
            return images
        case "image":
            from .enlarged_view import EnlargedView

            return EnlargedView(images)
        case "set":
            from .set_view import SetView

            return SetView()


class DataPane(ImagePane):
    PANE: ClassVar[PaneName] = "data"
    HELP: ClassVar[str] = with_keys(
        "data",
        "The images of the data set, each in one class. The network learns from the training set; the test set only "
        "measures how well.\n\n"
        "The arrow keys move the cursor and turn the pages. `{open}` enlarges an image and shows its pixel "
        "values. `{filter}` shows one class only or, if you type an index or a file name, goes to that image. "
        "`{sort}` shows the images by index, by class or in random order, `{shuffle}` in another random order, and "
        "`{other_split}` switches between the training set and the test set. `{next_view}` shows the data set as a "
        "whole: its classes, statistics and files. `{audit}` finds duplicates and suspicious labels, and "
        "`{transforms}` shows what happens to the image before the network gets it. `{predict}` predicts "
        "the class of an image file.\n\n"
        "To work with your own images, start `fashion-tui --dataset FOLDER`. The folder contains a folder of images "
        "for each class.",
    )
    DEFAULT_CSS = Path(__file__).with_name("data.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["data"])

    heading = getters.query_one("#data-title", FittedLines)
    details = getters.query_one("#data-details", FittedLines)
    notice = getters.query_one("#data-notice", Static)
    switcher = getters.query_one("#data-views", ContentSwitcher)
    browser = getters.query_one("#images PageBrowser", PageBrowser)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.images = ImagesView()
        self._dataset: OpenDataset | None = None
        self._download: Download | None = None
        self._notice = Text()
        self._opening = asyncio.Lock()

    def compose(self) -> ComposeResult:
        yield FittedLines(id="data-title")
        yield FittedLines(id="data-details")
        yield Static(id="data-notice")
        with ContentSwitcher(initial="images", id="data-views"):
            yield self.images

    def on_mount(self) -> None:
        self._show_notice(Text())
        self.watch(self.app, "dataset", self._dataset_changed)
        self.watch(self.app, "preparing", self._preparation_changed)

    def on_unmount(self) -> None:
        if self._download is not None:
            self._download.abandon()

    def main_widget(self) -> Widget:
        return self.view.main_widget()

    def shown(self) -> None:
        self.view.shown()

    def hidden(self) -> None:
        self.view.hidden()

    # Views

    @property
    def view(self) -> DataView:
        """The view that is shown."""
        return self.switcher.get_child_by_id(self.switcher.current or "images", DataView)

    async def open_view(self, name: ViewName) -> DataView:
        """Show a view. Create it if necessary."""
        async with self._opening:
            previous = self.view
            if not self.switcher.query_children(f"#{name}"):
                view = make_view(name, self.images)
                view.display = False
                await self.switcher.mount(view)
                if self._dataset is not None:
                    view.dataset_changed(self._dataset)
            had_focus = self.has_focus_within
            self.switcher.current = name
            if self.view is not previous:
                previous.hidden()
            self.view.shown()
            if had_focus:
                self.view.main_widget().focus()
            self._show_heading()
            self.refresh_bindings()
            return self.view

    def _views(self) -> list[DataView]:
        return [view for view in self.switcher.children if isinstance(view, DataView)]

    @on(DataView.HeadingChanged)
    def _heading_changed(self, message: DataView.HeadingChanged) -> None:
        message.stop()
        if message.view is self.images and self.view is not self.images:
            self.view.selection_changed()
        if message.view is self.view:
            self._show_heading()

    def _show_heading(self) -> None:
        view, names = self.view, _view_names(cast("ViewName", self.view.id))

        self.heading.fit(lambda width: [left_and_right(view.title(width - names.cell_len - 2), names, width)])
        self.details.fit(lambda width: [view.details(width)])

    # The data set

    def _dataset_changed(self, state: DatasetState | None) -> None:
        if state is None:
            self._show_notice(Text(f"finding the data set {terminal_glyphs().ellipsis}", MUTED))
            return
        self._dataset = OpenDataset(state, lambda: self.lab_app.engine)
        self._show_notice(Text(f"loading images {terminal_glyphs().ellipsis}", MUTED))
        for view in self._views():
            view.dataset_changed(self._dataset)
        if cast("ViewName", self.view.id) not in TABS:  # it shows an image of the previous data set
            self.call_later(self.open_view, "images")
        self._show_heading()
        self.refresh_bindings()

    def _preparation_changed(self, preparation: Preparation | None) -> None:
        if preparation is not None:
            self._show_notice(preparation_line(preparation.ref.short_name, preparation.done, preparation.total))

    @on(ImagesView.PageShown)
    def _page_shown(self) -> None:
        if self._download is None and self.lab_app.preparing is None:
            self._show_notice(Text())

    @on(ImagesView.PageFailed)
    def _page_failed(self, message: ImagesView.PageFailed) -> None:
        if self.browser.grid.tiles:
            self.notify(message.problem, severity="error", markup=False)
        else:
            hints = key_hints((key_of("data", "next_page"), "try again"))
            self._show_notice(Text.assemble((f"{message.problem}\n", ATTENTION), hints))

    def _show_notice(self, text: Text) -> None:
        """Show a notice instead of the details of the view. If the text is empty, show the details again."""
        self.notice.display, self.details.display = bool(text), not text
        if text != self._notice:  # avoid needless updates, because each triggers a layout
            self._notice = text
            self.notice.update(text)

    # Actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Disable actions on the images in other views, and the download if a published data set is shown."""
        if action in IN_IMAGES:
            return self.view is self.images
        return action != "download" or (self._dataset is not None and self._dataset.info.ref.name == "synthetic")

    async def action_next_view(self) -> None:
        await self._turn_views(1)

    async def action_previous_view(self) -> None:
        await self._turn_views(-1)

    async def _turn_views(self, steps: int) -> None:
        current = cast("ViewName", self.view.id)
        index = TABS.index(current) if current in TABS else 0
        await self.open_view(TABS[(index + steps) % len(TABS)])

    async def action_open(self) -> None:
        if self.images.selected is not None:
            await self.open_view("image")

    def action_other_split(self) -> None:
        self.images.other_split()

    def action_sort(self) -> None:
        self.images.sort()

    def action_shuffle(self) -> None:
        self.images.shuffle()

    async def action_filter(self) -> None:
        await self.open_view("images")
        self.images.find()

    async def action_back(self) -> None:
        """Go back one step in the view, cancel the download or the reading of a data set, or show the images."""
        if self.view.back():
            return
        if self._download is not None:
            self._download.cancel()
        elif self.lab_app.preparing is not None:
            self.lab_app.cancel_preparing()
        else:
            await self.open_view("images")

    def action_transforms(self) -> None:
        """Show what happens to the image under the cursor."""
        if self.images.selected is not None:
            from .transforms_screen import TransformsScreen

            self.app.push_screen(TransformsScreen(self.images))

    @work(group="predict", exclusive=True)
    async def action_predict(self) -> None:
        from fashion_tui.tui.predict.screen import predict_file

        await predict_file(self.lab_app, None)

    def action_audit(self) -> None:
        """Open the label audit of the data set."""
        if self._dataset is not None:
            from .audit_screen import AuditScreen

            self.app.push_screen(AuditScreen(self._dataset, self.lab_app.new_engine()))

    def action_download(self) -> None:
        if self._download is None:
            settings = self.lab_app.settings
            source = SOURCES.get(settings.dataset, FASHION_MNIST)
            self._download = Download(source, settings.data_directory, self.post_message)
            self._show_notice(download_line(source.title, 0, 0))

    @on(DownloadProgress)
    def _download_progress(self, message: DownloadProgress) -> None:
        if self._download is not None:
            self._show_notice(download_line(self._download.source.title, message.done, message.total))

    @on(DownloadEnded)
    def _download_ended(self, message: DownloadEnded) -> None:
        self._download = None
        self._show_notice(Text())
        if (ref := message.ref) is not None:
            info, title = message.info, SOURCES[ref.name].title
            state = None if info is None else DatasetState(info, requested=title)
            self.app.post_message(UnpreparedFound(ref) if state is None else DatasetFound(state))
            self.notify(f"{title} downloaded.")
        elif message.problem is not None:
            self.notify(message.problem, severity="error", timeout=PROBLEM_SECONDS, markup=False)
        else:
            self.notify("Download cancelled; complete files are kept.")


def _view_names(current: ViewName) -> Text:
    """Return the names of the views that a key cycles through, with the current one highlighted."""
    styles = (f"bold underline {ACCENT}" if name == current else MUTED for name in TABS)
    return Text("  ").join(Text(name, style) for name, style in zip(TABS, styles, strict=True))
