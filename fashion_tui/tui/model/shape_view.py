"""The table of a network's shape trace. It has a cursor, and its modules can be folded."""

from dataclasses import dataclass

import msgspec
from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.rail import Rail
from fashion_tui.report.shapes import join_margin, shape_lines, shape_notes, visible_rows
from fashion_tui.report.style import MUTED
from fashion_tui.schema.shapes import ShapeRow, ShapeTable
from fashion_tui.tui.widgets.lines import Lines
from fashion_tui.tui.widgets.row_list import RowList

MAX_NOTE_LINES = 4


@dataclass
class RowChosen(Message):
    """The cursor has moved to another row, or the table has changed."""


class ShapeView(Vertical):
    """Shows the rows of a shape trace, which scroll between a header and the totals."""

    header = getters.query_one("#header", Lines)
    rows = getters.query_one(RowList)
    totals = getters.query_one("#totals", Lines)
    notes = getters.query_one("#notes", Static)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._table: ShapeTable | None = None
        self._folded: frozenset[str] = frozenset()
        """Paths of the folded modules."""
        self._keys: list[str] = []
        """Keys of the visible rows."""
        self._lines: list[Text] = []
        """The visible rows without the margin."""
        self._rail: Rail | None = None
        """The margin of the visible rows, or None before the first table."""
        self.full_height = 0
        """Number of lines that show the table without scrolling."""

    def compose(self) -> ComposeResult:
        yield Lines(id="header")
        yield RowList(id="rows")
        yield Lines(id="totals")
        yield Static(id="notes")

    @property
    def table(self) -> ShapeTable | None:
        return self._table

    @property
    def row(self) -> ShapeRow | None:
        """The row under the cursor."""
        index = self._row_index
        return None if self._table is None or index is None else self._table.rows[index]

    @property
    def occurrence(self) -> int:
        """Number of earlier rows with the same path and operation as the row under the cursor."""
        index = self._row_index
        if self._table is None or index is None:
            return 0
        row = self._table.rows[index]
        return sum((other.path, other.op) == (row.path, row.op) for other in self._table.rows[:index])

    @property
    def _row_index(self) -> int | None:
        chosen = self.rows.chosen
        if chosen is None or self._table is None:
            return None
        return next((index for index, key in enumerate(_row_keys(self._table)) if key == chosen), None)

    def show(self, table: ShapeTable) -> None:
        """Replace the table. The cursor stays on its row, and folded modules stay folded."""
        self._table = table
        self._paint()
        self.post_message(RowChosen())

    def clear(self) -> None:
        """Remove the table. When the next table is shown, the cursor returns to its row if that row still exists."""
        self._table = None
        self.header.show_lines(())
        self._rail = None
        self.rows.show_rows((), ())
        self.totals.show_lines(())
        self.notes.display = False

    def show_note(self, note: str) -> None:
        """Show a one-line note until a table is shown."""
        self.notes.update(Text(note, style=MUTED))
        self.notes.display = True

    def on_resize(self) -> None:
        self.call_after_refresh(self._paint)

    def _paint(self) -> None:
        if self._table is None:
            return
        marks = [self._fold_mark(row) for row in self._table.rows]
        indent = max(map(len, marks), default=0)
        # Reserve one column for the cursor and one for the scroll bar.
        lines = shape_lines(self._table, width=max(self.rows.size.width - indent - 2, 20), folded=self._folded)
        visible = visible_rows(self._table, folded=self._folded)
        self._keys = [_row_keys(self._table)[index] for index in visible]
        self._rail = lines.rail
        self._lines = [
            Text(f"{marks[index]:<{indent}}", style=MUTED) + line
            for index, line in zip(visible, lines.rows, strict=True)
        ]
        self._paint_rows()
        indent += lines.rail.width and lines.rail.width + 1
        self.header.show_lines([_indent(line, indent) for line in lines.header])
        self.rows.styles.max_height = max(len(lines.rows), 1)
        self.totals.show_lines([_indent(line, indent) for line in lines.footer])
        note_lines = self._paint_notes(self._table)
        # Make the view no taller than the table, so that the row's details are directly below the table.
        self.full_height = len(lines.header) + max(len(lines.rows), 1) + len(lines.footer) + note_lines
        self.styles.max_height = self.full_height

    def _paint_rows(self) -> None:
        """Show the rows. In the margin, highlight the producers and consumers of the row under the cursor."""
        chosen = self._keys.index(self.rows.chosen) if self.rows.chosen in self._keys else None
        if self._rail is not None:
            self.rows.show_rows(self._keys, list(map(join_margin, self._rail.lines(chosen), self._lines)))

    def _fold_mark(self, row: ShapeRow) -> str:
        """Return the glyph for a folded or unfolded module, or an empty string for a row without children."""
        if not row.has_children:
            return ""
        unfolded, folded = ("▾", "▸") if terminal_glyphs().unicode else ("-", "+")
        return f"{folded if row.path in self._folded else unfolded} "

    def _paint_notes(self, table: ShapeTable) -> int:
        """Show the warnings and the unused modules, and return the number of lines that these notes take."""
        _totals, *lines = shape_notes(
            msgspec.structs.replace(table, error=None, fix=None if table.error else table.fix)
        ).split("\n")
        text = Text("\n").join(lines)
        self.notes.update(text)
        self.notes.display = bool(lines)
        return min(len(text.wrap(self.app.console, max(self.size.width - 1, 20))), MAX_NOTE_LINES) if lines else 0

    @on(RowList.Chosen)
    def _chosen(self) -> None:
        self._paint_rows()
        self.post_message(RowChosen())

    def fold(self, *, folded: bool | None = None) -> None:
        """Fold or unfold the module under the cursor. If `folded` is None, toggle the module's state."""
        row = self.row
        if row is None or not row.has_children or folded == (row.path in self._folded):
            return
        self._folded ^= {row.path}
        self._paint()
        self.post_message(RowChosen())


def _row_keys(table: ShapeTable) -> list[str]:
    """Return a key for each row: its path, and its index among the rows with the same path.

    The key stays the same in later traces.
    """
    seen: dict[str, int] = {}
    keys = []
    for row in table.rows:
        keys.append(f"{row.path}@{seen.get(row.path, 0)}")
        seen[row.path] = seen.get(row.path, 0) + 1
    return keys


def _indent(line: Text, indent: int) -> Text:
    """Indent a line to align it with the rows, which begin with a cursor and a fold mark."""
    return Text(" " * (1 + indent)).append_text(line)
