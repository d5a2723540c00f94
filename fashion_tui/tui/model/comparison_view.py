"""The edited network beside the saved one, with corresponding rows on one line."""

from msgspec.structs import replace
from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.shape_comparison import comparison_lines, comparison_summary, match_rows
from fashion_tui.report.style import BAD
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.tui.widgets.lines import GrowingLines, Lines
from fashion_tui.tui.widgets.row_list import RowList

CURSOR_AND_SCROLL_BAR = 2
MIN_WIDTH = 30
MAX_ERROR_LINES = 2


class ComparisonView(Vertical):
    header = getters.query_one("#comparison-header", Lines)
    rows = getters.query_one("#comparison-rows", RowList)
    footer = getters.query_one("#comparison-footer", GrowingLines)

    def __init__(self) -> None:
        super().__init__()
        self._tables: tuple[ShapeTable, ShapeTable] | None = None
        self._error: str | None = None
        """The error of the edited source, or None if its network runs."""
        self._is_outdated = False
        """Whether the table of the edited network is from before its error."""

    def compose(self) -> ComposeResult:
        yield Lines(id="comparison-header")
        yield RowList(id="comparison-rows")
        yield GrowingLines(id="comparison-footer")

    def show(self, saved: ShapeTable, edited: ShapeTable, *, outdated: bool, error: str | None) -> None:
        """Show both tables. `outdated` means that `edited` was traced before the source got the error."""
        self._is_outdated, self._error = outdated, error
        name = "edited, outdated" if outdated else "edited"
        self._tables = replace(saved, model="saved"), replace(edited, model=name)
        self._paint()

    def clear(self) -> None:
        """Remove the tables, which belong to another network."""
        self._tables = None
        self.header.show_lines(())
        self.rows.show_rows((), ())
        self.footer.fit(lambda _width: ())

    def on_resize(self) -> None:
        self.call_after_refresh(self._paint)

    def _paint(self) -> None:
        if self._tables is None or not self.rows.size.width:
            return
        glyphs = terminal_glyphs()
        pairs = match_rows(*self._tables)
        width = max(self.rows.size.width - CURSOR_AND_SCROLL_BAR, MIN_WIDTH)
        lines = comparison_lines(*self._tables, pairs, width=width, glyphs=glyphs)
        self.header.show_lines(lines.header)
        self.rows.show_rows([str(index) for index in range(len(pairs))], lines.rows)
        summary = comparison_summary(*self._tables, pairs, width=width, glyphs=glyphs)
        if self._is_outdated:
            summary.pop()  # how many rows differ, which isn't known of the newest source
        for name, error in (("saved", self._tables[0].error), ("edited", self._error)):
            if error is not None:
                text = Text(f"The {name} source has an error: {printable(error, glyphs)}", BAD)
                summary += text.wrap(self.app.console, width)[:MAX_ERROR_LINES]
        self.footer.fit(lambda _width: [*lines.footer, *summary])
