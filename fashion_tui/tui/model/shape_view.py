"""The table of a network's steps: a cursor on one of them, modules folded or not."""

import msgspec
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.shapes import shape_lines, shape_notes, visible_rows
from fashion_tui.report.style import MUTED
from fashion_tui.schema.shapes import ShapeRow, ShapeTable
from fashion_tui.tui.widgets.lines import Lines
from fashion_tui.tui.widgets.row_list import RowList

from .messages import StepChosen

MOST_NOTES = 4
"""Lines."""


class ShapeView(Vertical):
    """Header and totals stand still, the steps between them scroll."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._table: ShapeTable | None = None
        self._folded: frozenset[str] = frozenset()

    def compose(self) -> ComposeResult:
        yield Lines(id="header")
        yield RowList(id="steps")
        yield Lines(id="totals")
        yield Static("", id="notes")

    @property
    def table(self) -> ShapeTable | None:
        return self._table

    @property
    def row(self) -> ShapeRow | None:
        """The one under the cursor."""
        index = self.row_index
        return None if self._table is None or index is None else self._table.rows[index]

    @property
    def occurrence(self) -> int:
        """Which of several rows with its path and operation the one under the cursor is, from 0."""
        index = self.row_index
        if self._table is None or index is None:
            return 0
        row = self._table.rows[index]
        return sum((other.path, other.op) == (row.path, row.op) for other in self._table.rows[:index])

    @property
    def row_index(self) -> int | None:
        chosen = self.query_one(RowList).chosen
        if chosen is None or self._table is None:
            return None
        path, _, occurrence = chosen.rpartition("@")
        return next((index for index, key in enumerate(_keys(self._table)) if key == (path, int(occurrence))), None)

    def show(self, table: ShapeTable) -> None:
        """Take this table; the cursor stays on its step, and what was folded stays so."""
        self._table = table
        self._paint()
        self.post_message(StepChosen())

    def say(self, words: str) -> None:
        """What is under way, where there is no table yet."""
        notes = self.query_one("#notes", Static)
        notes.update(Text(words, style=MUTED))
        notes.display = bool(words)

    def on_resize(self) -> None:
        self.call_after_refresh(self._paint)

    def _paint(self) -> None:
        if self._table is None:
            return
        steps = self.query_one(RowList)
        marks = [self._mark(row) for row in self._table.rows]
        indent = max(map(len, marks), default=0)
        # One cell for the cursor, one for the scroll bar.
        lines = shape_lines(self._table, width=max(steps.size.width - indent - 2, 20), folded=self._folded)
        shown = visible_rows(self._table, folded=self._folded)
        keys = _keys(self._table)
        self.query_one("#header", Lines).show_lines([_indented(line, indent) for line in lines.header])
        rows = [
            Text(f"{marks[row]:<{indent}}", style=MUTED) + line for row, line in zip(shown, lines.rows, strict=True)
        ]
        steps.show_rows([f"{keys[row][0]}@{keys[row][1]}" for row in shown], rows)
        steps.styles.max_height = max(len(lines.rows), 1)
        self.query_one("#totals", Lines).show_lines([_indented(line, indent) for line in lines.footer])
        notes = self._paint_notes(self._table)
        # What comes after the table stands right below it, not at the foot of the pane.
        self.styles.max_height = len(lines.header) + max(len(lines.rows), 1) + len(lines.footer) + notes

    def _mark(self, row: ShapeRow) -> str:
        """Whether a module that holds others is folded; nothing where there is nothing to fold."""
        if not row.has_children:
            return ""
        unfolded, folded = ("▾", "▸") if terminal_glyphs().unicode else ("-", "+")
        return f"{folded if row.path in self._folded else unfolded} "

    def _paint_notes(self, table: ShapeTable) -> int:
        """What the title doesn't say: warnings, parts that are never used. How many lines that takes."""
        notes = self.query_one("#notes", Static)
        _facts, *lines = shape_notes(msgspec.structs.replace(table, error=None)).split("\n")
        words = Text("\n").join(lines)
        notes.update(words)
        notes.display = bool(lines)
        return min(len(words.wrap(self.app.console, max(self.size.width - 1, 20))), MOST_NOTES) if lines else 0

    @on(RowList.Chosen)
    def _chosen(self) -> None:
        self.post_message(StepChosen())

    def fold(self, *, folded: bool | None = None) -> None:
        """Fold the module under the cursor or unfold it; None: whichever it isn't."""
        row = self.row
        if row is None or not row.has_children or folded == (row.path in self._folded):
            return
        self._folded ^= {row.path}
        self._paint()


def _keys(table: ShapeTable) -> list[tuple[str, int]]:
    """Each step's path, and the how manieth with that path it is: so the cursor finds it in another table."""
    seen: dict[str, int] = {}
    keys = []
    for row in table.rows:
        keys.append((row.path, seen.get(row.path, 0)))
        seen[row.path] = seen.get(row.path, 0) + 1
    return keys


def _indented(line: Text, marks: int) -> Text:
    """As far to the right as the rows, before which stand the cursor and their marks."""
    return Text(" " * (1 + marks)).append_text(line)
