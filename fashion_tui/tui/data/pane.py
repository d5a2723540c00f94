"""What will the network see? The pictures of a data set, a page at a time."""

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Static

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED
from fashion_tui.schema.dataset import DatasetInfo, DatasetRef, ImagePage, Split
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.requests import GetDataset, GetImages
from fashion_tui.tui.actions import IN_PANE, PaneName, bindings
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog
from fashion_tui.tui.image_pane import ImagePane
from fashion_tui.tui.lab_app import DatasetFound, DatasetState
from fashion_tui.tui.widgets.fitted import FittedLines, with_right
from fashion_tui.tui.widgets.grid_cursor import GridCursor
from fashion_tui.tui.widgets.image_tiles import SMALL, ImageTiles, Tile

from .counts import class_counts
from .downloading import Downloading
from .facts import picture_facts
from .messages import DownloadEnded, DownloadMoved, InfoFailed, InfoLoaded, PageKey
from .title import dataset_title, progress_line, title_line

ALL = "all"
FAILURE_SECONDS = 20.0
"""How long it is said why a download failed."""


class DataPane(ImagePane[PageKey, ImagePage]):
    PANE: ClassVar[PaneName] = "data"
    HELP: ClassVar[str] = (
        "What the network will see: 28×28 pixels in one of ten classes. It learns from the training pictures and is "
        "judged by the test pictures, which it never sees before.\n\n"
        "The arrows walk over the pictures and from page to page, `enter` enlarges one and shows its numbers, `/` "
        "leaves one class, `v` changes between training and test pictures."
    )
    DEFAULT_CSS = Path(__file__).with_name("data.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["data"])

    split: var[Split] = var[Split]("train", init=False)
    label: var[int | None] = var[int | None](None, init=False)
    """Only pictures of this class; None: all."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._ref: DatasetRef | None = None
        self._info: DatasetInfo | None = None
        self._downloading: Downloading | None = None
        self._notice = Text()

    def compose(self) -> ComposeResult:
        yield FittedLines(id="data-title")
        yield Static(id="data-notice")
        with Horizontal(id="data-body"):
            yield ImageTiles()
            yield FittedLines(id="counts")

    def on_mount(self) -> None:
        self.watch(self.app, "dataset", self._dataset_changed)

    def on_unmount(self) -> None:
        if self._downloading is not None:
            self._downloading.leave()

    def main_widget(self) -> Widget:
        return self.query_one(ImageTiles)

    # What the engine tells

    def _dataset_changed(self, state: DatasetState | None) -> None:
        if state is None:
            self._say(Text("looking for the data set …", MUTED))
            return
        self._ref, self._info = state.ref, None
        self.set_reactive(DataPane.label, None)
        self.forget_pages()
        self._show_title()
        self._say(Text("loading the pictures …", MUTED))
        self.refresh_bindings()
        self._load_info(state.ref)
        self.want_page()

    @work(group="info", exclusive=True)
    async def _load_info(self, ref: DatasetRef) -> None:
        try:
            info = await self.lab_app.engine.ask(GetDataset(name=ref.name, directory=ref.directory), DatasetInfo)
        except UserError as error:
            self.post_message(InfoFailed(str(error)))
        else:
            self.post_message(InfoLoaded(info))

    async def fetch_page(self, key: PageKey) -> ImagePage:
        request = GetImages(
            name=key.name,
            directory=key.directory,
            split=key.split,
            label=key.label,
            offset=key.offset,
            limit=key.count,
        )
        return await self.lab_app.engine.ask(request, ImagePage)

    @on(InfoLoaded)
    def _info_loaded(self, message: InfoLoaded) -> None:
        self._info = message.info
        self._show_counts()
        if self._shown is not None:
            self.show_page(*self._shown)

    @on(InfoFailed)
    def _info_failed(self, message: InfoFailed) -> None:
        self.page_failed(message.problem)

    def page_failed(self, problem: str) -> None:
        if self.query_one(ImageTiles).tiles:
            self.notify(problem, severity="error", markup=False)
        else:
            self._say(Text.assemble((problem, ATTENTION), ("\nspace", ACCENT), (" tries again", MUTED)))

    # What is shown

    def page_key(self, place: GridCursor) -> PageKey | None:
        ref = self._ref
        if ref is None:
            return None
        return PageKey(ref.name, ref.directory, self.split, self.label, place.offset, place.capacity)

    def tiles(self, page: ImagePage, width: int) -> list[Tile]:
        tiles = []
        for position, (index, label) in enumerate(zip(page.indices, page.labels, strict=True)):
            name = self._class_name(label)
            line = Text(name, FOREGROUND)
            if width > SMALL:
                line.append(f"{index:,}".rjust(width - len(name)), MUTED)
            tiles.append(Tile(page.image(position), (line,)))
        return tiles

    def enlargement(self, page: ImagePage, position: int) -> tuple[bytes, Text]:
        pixels, name = page.image(position), self._class_name(page.labels[position])
        return pixels, picture_facts(pixels, page.indices[position], name, self.split, terminal_glyphs())

    def page_shown(self) -> None:
        if self._downloading is None:
            self._say(Text())
        self._show_title()

    def _show_title(self) -> None:
        if self._ref is None:
            return
        name, split, place = self._ref.name, self.split, self.place
        label = None if self.label is None else self._class_name(self.label)
        page, cursor, under_cursor = self.page_under_cursor(), place.cursor, ""
        if page is not None:
            under_cursor = f"{page.indices[cursor]:,} {self._class_name(page.labels[cursor])}"

        def make(width: int) -> list[Text]:
            title, right = title_line(name, split, label, place, width), Text(under_cursor, FOREGROUND)
            return [with_right(title, right if title.cell_len + right.cell_len + 2 <= width else Text(), width)]

        self.query_one("#data-title", FittedLines).fit(make)

    def _show_counts(self) -> None:
        if (info := self._info) is not None:
            counts, chosen = info.train_counts if self.split == "train" else info.test_counts, self.label
            lines = self.query_one("#counts", FittedLines)
            lines.fit(lambda width: class_counts(info.classes, counts, chosen, width))

    def _class_name(self, label: int) -> str:
        return self._info.classes[label] if self._info is not None else f"class {label}"

    def _say(self, text: Text) -> None:
        if text != self._notice:  # an update lays everything out and paints it anew
            self._notice = text
            self.query_one("#data-notice", Static).update(text)

    # What changes

    def watch_split(self) -> None:
        self._start_over()

    def watch_label(self) -> None:
        self._start_over()

    def _start_over(self) -> None:
        self._show_counts()
        self.start_over()
        self._show_title()

    # What keys do

    def action_next_page(self) -> None:
        if self._info is None and self._ref is not None:
            self._load_info(self._ref)
        super().action_next_page()

    def action_other_split(self) -> None:
        self.split = "test" if self.split == "train" else "train"

    def action_filter(self) -> None:
        if self._info is None:
            return
        counts = self._info.train_counts if self.split == "train" else self._info.test_counts
        width = max(len(name) for name in self._info.classes)
        choices = [Choice(ALL, _choice_line("all classes", sum(counts), width))]
        for index, name in enumerate(self._info.classes):
            choices.append(Choice(str(index), _choice_line(name, counts[index], width)))
        chosen = ALL if self.label is None else str(self.label)
        self.app.push_screen(ChoiceDialog("Show only", choices, chosen), self._filter_chosen)

    def _filter_chosen(self, key: str | None) -> None:
        if key is not None:
            self.label = None if key == ALL else int(key)

    def action_back(self) -> None:
        """Cancel the download, else show all classes again."""
        if self._downloading is not None:
            self._downloading.cancel()
        else:
            self.label = None

    # The download

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """The download is offered only where the real set isn't shown."""
        return action != "download" or (self._ref is not None and self._ref.name == "synthetic")

    def action_download(self) -> None:
        if self._downloading is None:
            self._downloading = Downloading(self.lab_app.settings.data_directory, self.post_message)
            self._say(progress_line(0, 0, terminal_glyphs()))

    @on(DownloadMoved)
    def _download_moved(self, message: DownloadMoved) -> None:
        if self._downloading is not None:
            self._say(progress_line(message.done, message.whole, terminal_glyphs()))

    @on(DownloadEnded)
    def _download_ended(self, message: DownloadEnded) -> None:
        self._downloading = None
        self._say(Text())
        if message.ref is not None:
            self.app.post_message(DatasetFound(DatasetState(message.ref)))
            self.notify(f"{dataset_title(message.ref.name)} is here.")
        elif message.problem is not None:
            self.notify(message.problem, severity="error", timeout=FAILURE_SECONDS, markup=False)
        else:
            self.notify("The download was cancelled; files that were whole are kept.")


def _choice_line(name: str, count: int, width: int) -> Text:
    return Text.assemble((f"{name:<{width}}", FOREGROUND), (f"  {count:>7,}", MUTED))
