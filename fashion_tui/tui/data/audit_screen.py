"""The label audit of a data set: duplicates and suspicious labels, their images side by side, and the user's marks."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.reactive import var
from textual.widgets import Static

from fashion_tui.data.audits import stored_audit
from fashion_tui.data.marks import read_marks
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.schema.audit import Audit, Finding, Mark
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.requests import AuditDataset
from fashion_tui.tui.actions import AUDIT, IN_AUDIT, bindings, with_keys
from fashion_tui.tui.app_screen import AppScreen
from fashion_tui.tui.bars import KeyBar
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog
from fashion_tui.tui.pane import KeyLabels
from fashion_tui.tui.screen_computation import ScreenComputation
from fashion_tui.tui.widgets.lines import FittedLines, left_and_right
from fashion_tui.tui.widgets.row_list import RowList

from .audit_marks import AuditMarks
from .finding_view import FindingView
from .findings import FILTERS, Filter, LazyRows, finding_row, matches, ranked
from .open_dataset import OpenDataset
from .save_audit import save_audit

if TYPE_CHECKING:
    from fashion_tui.engine.client import Engine

NARROW_WIDTH = 100
"""Minimum width, in columns, at which the images are beside the list. Otherwise, they are below it."""


class AuditScreen(KeyLabels, AppScreen[None]):
    """Shows the stored audit of a data set, or computes it first."""

    TITLE = AUDIT
    HELP = with_keys(
        "audit",
        "Duplicate images, and labels that are probably wrong. **Exact** duplicates have identical pixels, "
        "**near** duplicates look the same. Duplicates across train and test inflate the test accuracy. A "
        "**label** is suspicious if networks that were trained without the image find another class much more "
        "probable.\n\n"
        "`{mark_label}` marks the image as mislabelled, `{dismiss}` dismisses the finding if nothing is wrong with its "
        "images, and `{remove_mark}` removes their marks. Marks apply only to this version of the data set. "
        "If training images are marked as mislabelled, the last line is the command that trains without them.",
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
    finding_view = getters.query_one(FindingView)
    marks = getters.query_one(AuditMarks)

    def __init__(self, dataset: OpenDataset, engine: "Engine") -> None:
        """Create the screen. It closes `engine`, which computes the audit, so that the app's engine stays free."""
        super().__init__()
        self._engine = engine
        self._dataset = dataset
        self._audit: Audit | None = None
        self._rows: list[int] = []
        """Indices of the listed findings."""
        self._computation = ScreenComputation(self, "audit", self._show_status, engine=engine)

    def compose(self) -> ComposeResult:
        yield FittedLines(id="audit-title")
        yield FittedLines(id="audit-filter")
        yield Static(id="audit-notice")
        with Horizontal(id="audit-body"):
            yield RowList(id="findings")
            yield FindingView(self._dataset, id="finding")
        yield AuditMarks(self._ref, id="marks")
        yield KeyBar()

    def on_mount(self) -> None:
        self.body.display = False
        self._show_heading()
        self.findings.focus()
        self._start()

    async def on_unmount(self) -> None:
        await self._engine.close()

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
        audit = await asyncio.to_thread(stored_audit, self._ref)
        if audit is None:
            self._computation.describe("auditing")
            audit = await self._computation.ask(AuditDataset(ref=self._ref), Audit)
        marks = await asyncio.to_thread(read_marks, self._ref)  # images may have been marked during the audit
        self._show_audit(audit, marks)

    def _show_status(self) -> None:
        if self._audit is None:
            self._show_notice(self._computation.status(self.size.width))
        self.refresh_bindings()

    def _show_notice(self, text: Text) -> None:
        self.notice.update(text)
        self.notice.display = bool(text)

    def _show_audit(self, audit: Audit, marks: tuple[Mark, ...]) -> None:
        self._audit = audit
        self.finding_view.open(audit)
        self.marks.show(marks)
        self._show_notice(Text() if audit.findings else Text("Nothing found: no duplicates, no suspicious labels."))
        self.body.display = bool(audit.findings)
        self._show_list()

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
            rows, verdicts, glyphs = self._rows, self.marks.verdicts, terminal_glyphs()

            def make(row: int) -> Text:
                return finding_row(audit.findings[rows[row]], audit.classes, verdicts, glyphs)

            self.findings.show_rows([str(index) for index in rows], LazyRows(len(rows), make))

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
    def _show_finding(self) -> None:
        self.finding_view.show(self.finding, self.marks.verdicts)

    @property
    def finding(self) -> Finding | None:
        """The finding under the cursor, or None if there is none."""
        if self._audit is None or not self._rows or self.findings.chosen is None:
            return None
        return self._audit.findings[int(self.findings.chosen)]

    # Marks

    @on(AuditMarks.Changed)
    def _marks_changed(self) -> None:
        self._show_rows()
        self._show_finding()

    def action_mark_label(self) -> None:
        """Mark the image under the cursor as mislabelled, or remove this mark."""
        if (image := self.finding_view.image) is not None:
            self.marks.toggle_mislabelled(image.key)

    def action_dismiss_finding(self) -> None:
        """Mark all images of the finding as dismissed."""
        if (finding := self.finding) is not None:
            self.marks.dismiss(image.key for image in finding.images)

    def action_remove_mark(self) -> None:
        """Remove the marks on all images of the finding."""
        if (finding := self.finding) is not None:
            self.marks.unmark(image.key for image in finding.images)

    # Other actions

    def label_of(self, action: str) -> str | None:
        return self._computation.label_of(action)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Disable actions on findings until there is an audit, and `again` unless the last attempt failed."""
        if action == "again":
            return bool(self._computation.problem)
        if action in {"mark_label", "dismiss_finding", "remove_mark", "step", "turn_filter", "filter", "save"}:
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
        self.finding_view.step(images)

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
        if self._audit is not None:
            await save_audit(self.app, self._audit, self.marks.marks)
