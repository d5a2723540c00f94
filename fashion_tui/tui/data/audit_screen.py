"""The label audit of a data set: duplicates and suspicious labels, their images side by side, and the user's marks."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, cast

from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import var
from textual.widgets import Static

from fashion_tui.data.audits import stored_audit
from fashion_tui.data.datasets import image_files
from fashion_tui.data.marks import mark_images, read_marks, remove_marks
from fashion_tui.report.audit import audit_csv
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.schema.audit import Audit, Finding, ImageKey, LabelledImage, Mark, Verdict
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.requests import AuditDataset
from fashion_tui.tui.actions import AUDIT, IN_AUDIT, bindings, with_keys
from fashion_tui.tui.app_screen import AppScreen
from fashion_tui.tui.bars import KeyBar
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog
from fashion_tui.tui.dialogs.save import SaveDialog, save
from fashion_tui.tui.pane import KeyLabels
from fashion_tui.tui.screen_computation import ScreenComputation
from fashion_tui.tui.widgets.image_tiles import ImageTiles
from fashion_tui.tui.widgets.lines import FittedLines, left_and_right
from fashion_tui.tui.widgets.row_list import RowList

from .findings import (
    FILTERS,
    LABEL_LINES,
    Filter,
    LazyRows,
    example_images,
    finding_images,
    finding_row,
    finding_title,
    make_tiles,
    matches,
    ranked,
)
from .open_dataset import OpenDataset

NARROW_WIDTH = 100
"""Minimum width, in columns, at which the images are beside the list. Otherwise, they are below it."""
MIN_TILES = 6


class AuditScreen(KeyLabels, AppScreen[None]):
    """Shows the stored audit of a data set, or computes it first."""

    TITLE = AUDIT
    HELP = with_keys(
        "audit",
        "Duplicate images, and labels that are probably wrong. **Exact** duplicates have identical pixels, "
        "**near** duplicates look the same. Duplicates across train and test inflate the test accuracy. A "
        "**label** is suspicious if networks that were trained without the image find another class much more "
        "probable.\n\n"
        "`{mark}` marks the image as mislabelled, `{dismiss}` dismisses the finding if nothing is wrong with its "
        "images, and `{remove_mark}` removes their marks. Marks apply only to this version of the data set. "
        "To train without the images that are marked as mislabelled, use `fashion-tui train --without-marked`.",
    )
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_AUDIT)
    DEFAULT_CSS = Path(__file__).with_name("audit_screen.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False

    filter: var[Filter] = var[Filter]("all", init=False)

    heading = getters.query_one("#audit-title", FittedLines)
    filter_line = getters.query_one("#audit-filter", FittedLines)
    notice = getters.query_one("#audit-notice", Static)
    body = getters.query_one("#audit-body", Horizontal)
    findings = getters.query_one(RowList)
    caption = getters.query_one("#finding-title", FittedLines)
    grid = getters.query_one(ImageTiles)
    marks_line = getters.query_one("#marks", FittedLines)

    def __init__(self, dataset: OpenDataset) -> None:
        super().__init__()
        self._dataset = dataset
        self._audit: Audit | None = None
        self._marks: dict[ImageKey, Mark] = {}
        self._marking = asyncio.Lock()
        self._rows: list[int] = []
        """Indices of the listed findings."""
        self._suspicious: frozenset[ImageKey] = frozenset()
        self._image = 0
        """Index of the image under the cursor among the images of the finding."""
        self._computation = ScreenComputation(self, "audit", self._show_status)

    def compose(self) -> ComposeResult:
        yield FittedLines(id="audit-title")
        yield FittedLines(id="audit-filter")
        yield Static(id="audit-notice")
        with Horizontal(id="audit-body"):
            yield RowList(id="findings")
            with Vertical(id="finding"):
                yield FittedLines(id="finding-title")
                grid = ImageTiles(LABEL_LINES, MIN_TILES)
                grid.can_focus = False
                yield grid
        yield FittedLines(id="marks")
        yield KeyBar()

    def on_mount(self) -> None:
        self.body.display = False
        self._show_heading()
        self.findings.focus()
        self._start()

    def on_resize(self) -> None:
        self.set_class(self.size.width < NARROW_WIDTH, "-narrow")

    @property
    def _ref(self) -> DatasetRef:
        return self._dataset.info.ref

    # The audit

    def _start(self) -> None:
        self._computation.start("reading the audit", self._load)

    async def _load(self) -> None:
        """Read the stored audit, or audit the data set."""
        marks = await asyncio.to_thread(read_marks, self._ref)
        audit = await asyncio.to_thread(stored_audit, self._ref)
        if audit is None:
            self._computation.describe("auditing")
            audit = await self._computation.ask(AuditDataset(ref=self._ref), Audit)
        self._show_audit(audit, marks)

    def _show_status(self) -> None:
        if self._audit is None:
            self._show_notice(self._computation.status(self.size.width))
        self.refresh_bindings()

    def _show_notice(self, text: Text) -> None:
        self.notice.update(text)
        self.notice.display = bool(text)

    def _show_audit(self, audit: Audit, marks: Sequence[Mark]) -> None:
        self._audit = audit
        self._marks = {mark.key: mark for mark in marks}
        self._suspicious = frozenset(finding.images[0].key for finding in audit.of_kind("label"))
        self._show_notice(Text() if audit.findings else Text("Nothing found: no duplicates, no suspicious labels."))
        self.body.display = bool(audit.findings)
        self._show_list()
        self._show_marks()

    # The list

    def watch_filter(self) -> None:
        self._show_list()

    def _show_list(self) -> None:
        if (audit := self._audit) is None:
            return
        self._rows = ranked(audit, self.filter)
        self._show_rows()
        self._show_heading()
        self._show_finding()

    def _show_rows(self) -> None:
        if (audit := self._audit) is not None:
            rows, verdicts, glyphs = self._rows, self._verdicts(), terminal_glyphs()

            def make(row: int) -> Text:
                return finding_row(audit.findings[rows[row]], audit.classes, verdicts, glyphs)

            self.findings.show_rows([str(index) for index in rows], LazyRows(len(rows), make))

    def _verdicts(self) -> dict[ImageKey, Verdict]:
        return {key: mark.verdict for key, mark in self._marks.items()}

    def _show_heading(self) -> None:
        audit, chosen, rows = self._audit, FILTERS[self.filter], len(self._rows)
        glyphs = terminal_glyphs()
        images = "" if audit is None else f" {glyphs.dot} {audit.images:,} images"
        right = Text("" if audit is None else f"{len(audit.findings):,} findings", FOREGROUND)

        def title(width: int) -> list[Text]:
            line = self._dataset.title(max(width - right.cell_len - 30, 10)).append(
                f"{images} {glyphs.dot} label audit", MUTED
            )
            return [left_and_right(line, right, width)]

        self.heading.fit(title)
        line = Text() if audit is None else Text.assemble((chosen, ACCENT), (f"  {rows:,}", FOREGROUND), no_wrap=True)
        self.filter_line.fit(lambda _width: [line])

    @on(RowList.Chosen)
    def _finding_chosen(self) -> None:
        self._image = 0
        self._show_finding()

    # The images of the finding

    @property
    def finding(self) -> Finding | None:
        """The finding under the cursor, or None if there is none."""
        if self._audit is None or not self._rows or self.findings.chosen is None:
            return None
        return self._audit.findings[int(self.findings.chosen)]

    @property
    def image(self) -> LabelledImage | None:
        """The image under the cursor, or None if there is none."""
        return None if (finding := self.finding) is None else finding.images[self._image]

    @on(ImageTiles.LayoutChanged)
    def _layout_changed(self) -> None:
        self._show_finding()

    @on(ImageTiles.Clicked)
    def _tile_clicked(self, event: ImageTiles.Clicked) -> None:
        if (finding := self.finding) is not None:
            position = self._first_image() + event.position
            if position < len(finding.images):
                self._image = position
                self._show_finding()

    def _first_image(self) -> int:
        """Return the index of the first image of the finding that is shown."""
        room = max(self.grid.tile_layout.columns * self.grid.tile_layout.rows, 1)
        return self._image // room * room

    @work(group="images", exclusive=True)
    async def _show_finding(self) -> None:
        finding, glyphs = self.finding, terminal_glyphs()
        if finding is None or self._audit is None:
            self.grid.show(())
            self.caption.fit(lambda _width: [])
            return
        title = finding_title(finding, self._audit.classes, glyphs)
        if len(finding.images) > 1:
            title.append(f" {glyphs.dot} image {self._image + 1:,} of {len(finding.images):,}", MUTED)
        self.caption.fit(lambda _width: [title])
        first, verdicts, suspicious = self._first_image(), self._verdicts(), self._suspicious
        columns, rows = self.grid.tile_layout.columns, self.grid.tile_layout.rows
        try:
            stored = await self._dataset.stored()
            images, free = finding_images(finding, first, columns, rows)
            if free:
                images += await asyncio.to_thread(example_images, stored, finding, suspicious, columns, rows)
            tiles = await asyncio.to_thread(make_tiles, stored, images, finding, verdicts, glyphs)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self.grid.show(tiles, self._image - first)

    # Marks

    def _show_marks(self) -> None:
        verdicts = [mark.verdict for mark in self._marks.values()]
        wrong = sum(mark.verdict == "mislabelled" and mark.split == "train" for mark in self._marks.values())
        counts = f"marks: {verdicts.count('mislabelled'):,} mislabelled, {verdicts.count('dismissed'):,} dismissed"

        def line(width: int) -> list[Text]:
            text = Text.assemble((counts, MUTED), no_wrap=True)
            if wrong:
                text.append("   train without them: " if width >= NARROW_WIDTH else "   ", MUTED)
                text.append("fashion-tui train --without-marked", ACCENT)
            return [text]

        self.marks_line.fit(line)

    @work(group="marks")
    async def _change_marks(self, change: Callable[[], tuple[Mark, ...]]) -> None:
        try:
            async with self._marking:  # one change after the other, so that the newest marks are shown
                marks = await asyncio.to_thread(change)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self._marks = {mark.key: mark for mark in marks}
        self._show_rows()
        self._show_marks()
        self._show_finding()

    def action_mark(self) -> None:
        """Mark the image under the cursor as mislabelled."""
        if (image := self.image) is not None:
            self._change_marks(lambda: mark_images(self._ref, [image.key], "mislabelled"))

    def action_dismiss_finding(self) -> None:
        """Mark all images of the finding as dismissed."""
        if (finding := self.finding) is not None:
            keys = [image.key for image in finding.images]
            self._change_marks(lambda: mark_images(self._ref, keys, "dismissed"))

    def action_remove_mark(self) -> None:
        """Remove the marks on all images of the finding."""
        if (finding := self.finding) is not None:
            keys = [image.key for image in finding.images]
            self._change_marks(lambda: remove_marks(self._ref, keys))

    # Other actions

    def label_of(self, action: str) -> str | None:
        return self._computation.label_of(action)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Disable actions on findings until there is an audit, and `again` unless the last attempt failed."""
        if action == "again":
            return bool(self._computation.problem)
        if action in {"mark", "dismiss_finding", "remove_mark", "step", "turn_filter", "filter", "save"}:
            return self._audit is not None
        return True

    def action_again(self) -> None:
        self._start()

    def action_back(self) -> None:
        """Cancel the audit, or close the view."""
        if not self._computation.cancel():
            self.dismiss()

    def action_step(self, images: int) -> None:
        """Move the cursor among the images of the finding."""
        if (finding := self.finding) is not None:
            self._image = min(max(self._image + images, 0), len(finding.images) - 1)
            self._show_finding()

    def action_turn_filter(self, steps: int) -> None:
        filters = list(FILTERS)
        self.filter = filters[(filters.index(self.filter) + steps) % len(filters)]

    def action_filter(self) -> None:
        if (audit := self._audit) is None:
            return
        choices = []
        for key, title in FILTERS.items():
            count = sum(matches(finding, key) for finding in audit.findings)
            choices.append(Choice(key, Text.assemble((f"{title:<40}", FOREGROUND), (f"{count:>9,}", MUTED))))
        self.app.push_screen(ChoiceDialog("Show findings", choices, self.filter), self._filter_chosen)

    def _filter_chosen(self, key: str | None) -> None:
        if key is not None:
            self.filter = cast("Filter", key)

    @work(group="save", exclusive=True)
    async def action_save(self) -> None:
        """Ask for a path, and write all findings there as CSV. If writing fails, ask again."""
        audit, marks = self._audit, list(self._marks.values())
        if audit is None:
            return
        path, problem = Path.cwd() / suggested_name(self._ref, time.strftime("%Y%m%d-%H%M%S")), ""
        while True:
            dialog = SaveDialog("Save all findings and marks as CSV", path, (".csv",), problem)
            chosen = await self.app.push_screen_wait(dialog)
            if chosen is None:
                return
            path = chosen
            try:
                files = await asyncio.to_thread(image_files, self._ref)
                await asyncio.to_thread(save, path, audit_csv(audit, marks, files))
            except UserError as error:
                problem = str(error)
            else:
                self.notify(f"Saved {path}", markup=False)
                return


def suggested_name(ref: DatasetRef, now: str) -> str:
    """Return a file name, such as `fashion-mnist-audit-20261130-143012.csv`."""
    words = re.sub(r"[^\w.]+", "-", ref.short_name[:60]).strip("-.")
    return f"{words or 'dataset'}-audit-{now}.csv"
