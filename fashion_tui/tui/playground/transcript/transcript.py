"""The transcript: paints the lines of the record that are in view, and stays at the newest unless one scrolls up."""

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from fashion_tui.report.style import ACCENT, ATTENTION, BAD, MUTED
from fashion_tui.schema.plots import Plot

from .ansi_text import ansi_text
from .cells import Cell
from .scrollback import Line, Scrollback

if TYPE_CHECKING:
    from fashion_tui.report.plots import Drawing

_STYLES = {"input": "", "output": "", "note": MUTED, "alarm": BAD}
_CACHED_ROWS = 1_000

_EDGE = 1
"""Columns at the left, where the chosen cell is marked."""


class Transcript(ScrollView, can_focus=True, inherit_bindings=False):
    """Lines longer than the widget go on in the next row. One of the cells may be chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page_up", "page up", show=False),
        Binding("pagedown,space", "page_down", "page down", show=False),
        Binding("home", "scroll_home", "to the beginning", show=False),
        Binding("end", "scroll_end", "to the end", show=False),
    ]
    DEFAULT_CSS = """
    Transcript { height: auto; scrollbar-size: 0 1; scrollbar-gutter: stable; overflow-x: hidden; }
    """

    def __init__(self, record: Scrollback) -> None:
        super().__init__()
        self._record = record
        self.chosen: Cell | None = None
        self._width = 0
        self._follows = True
        """The newest line stays in view."""
        self._first = 0
        """Number of the record's line that the first height belongs to."""
        self._heights: list[int] = []
        """Rows of each line; the head on what is gone and the line that is being printed don't count."""
        self._ends: list[int] = []
        """Of each line, the row after its last."""
        self._head: list[Line] = []
        self._tail: list[Line] = []
        self._strips: dict[int, list[Strip]] = {}
        """Rows of the lines painted lately, by the lines' numbers."""
        self._faded = 0
        """So many figures had been let go when the heights were counted."""

    def show_record(self) -> None:
        """The record has changed."""
        if not self._width:
            return
        rows_gone = self._let_go() + self._let_figures_go()
        for index in range(len(self._heights), len(self._record.lines)):
            self._heights.append(self._height_of(self._record.lines[index]))
        lost = self._record.lost
        head = [Line(f"… {lost:,} earlier lines are no longer kept", "note")] if lost else []
        rows_gone -= len(head) - len(self._head)
        self._head = head
        unfinished = self._record.unfinished
        self._tail = [unfinished] if unfinished else []
        if self.chosen is not None and self.chosen.end <= self._first:
            self.chosen = None
        self._ends = list(accumulate(self._heights, initial=len(self._head)))[1:]
        end = self._ends[-1] if self._ends else len(self._head)
        rows = end + sum(self._height_of(line) for line in self._tail)
        self.virtual_size = Size(self._width, rows)
        if self._follows and self.chosen is None:
            self.scroll_to(y=rows, animate=False, force=True, immediate=True)
        elif rows_gone:
            self.scroll_to(y=max(0, self.scroll_y - rows_gone), animate=False, force=True, immediate=True)
        self.refresh()

    def choose(self, cells: int) -> None:
        """The next cell, or the one before; where none was chosen, the newest that is in view. After the last, none."""
        there = [cell for cell in self._record.cells if cell.end > self._first]
        if self.chosen is not None:
            position = max(there.index(self.chosen) + cells, 0)
            self.chosen = there[position] if position < len(there) else None
        elif cells < 0:
            in_view = [cell for cell in there if self._row_of(cell.first) < self.scroll_y + self.size.height]
            self.chosen = next(reversed(in_view), None)
        if self.chosen is None:
            self.scroll_end(animate=False)
        else:
            self._scroll_to_rows(self._rows_of_cell(self.chosen))
        self.refresh()

    def choose_none(self) -> None:
        """Back to the newest line, where a cell was chosen."""
        if self.chosen is not None:
            self.chosen = None
            self.scroll_end(animate=False)
            self.refresh()

    def _scroll_to_rows(self, rows: range) -> None:
        """All of them are in view then, or the first where they are too many."""
        height = self.size.height
        top = min(rows.start, max(self.scroll_y, rows.stop - height))
        self.scroll_to(y=top, animate=False, force=True, immediate=True)

    def _rows_of_cell(self, cell: Cell) -> range:
        return range(self._row_of(cell.first), self._row_of(cell.end))

    def _row_of(self, number: int) -> int:
        """The row where the record's line of that number begins; the first or last row where it isn't there."""
        index = min(number - self._first, len(self._ends))
        return self._ends[index - 1] if index > 0 else len(self._head)

    def _let_go(self) -> int:
        """Forgets the lines that the record has let go; how many rows they had."""
        gone = min(self._record.gone - self._first, len(self._heights))
        rows = sum(self._heights[:gone])
        del self._heights[:gone]
        for number in range(self._first, self._first + gone):
            self._strips.pop(number, None)
        self._first = self._record.gone
        return rows

    def _let_figures_go(self) -> int:
        """Counts anew where figures became notes; how many rows they had more."""
        if self._faded == self._record.faded:
            return 0
        self._faded = self._record.faded
        before = sum(self._heights)
        self._heights = [self._height_of(line) for line, _ in zip(self._record.lines, self._heights, strict=False)]
        self._strips.clear()
        return before - sum(self._heights)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._follows = new_value >= self.max_scroll_y

    def watch_show_vertical_scrollbar(self) -> None:
        """A scrollbar that comes with what is scrolled at once wasn't told where."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = self.scroll_y

    def on_resize(self) -> None:
        width = max(0, self.scrollable_content_region.width - _EDGE)
        if width != self._width:
            self._width = width
            self._heights.clear()
            self._ends.clear()  # where there is no width left, they aren't counted anew
            self._strips.clear()
        self.show_record()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        row = y + self.scroll_offset.y
        strip = self._row(row)
        if self.chosen is not None and row in self._rows_of_cell(self.chosen):
            strip = _marked(strip)
        return strip.adjust_cell_length(self.size.width).apply_style(self.rich_style)

    def _row(self, row: int) -> Strip:
        if not self._width:
            return Strip([])
        if row < len(self._head):
            return next(iter(self._rows_of(self._head[row])), Strip([]))
        index = bisect_right(self._ends, row)
        if index < len(self._ends):
            start = self._ends[index] - self._heights[index]
            number = self._first + index
            strips = self._strips.get(number)
            if strips is None:
                strips = self._rows_of(self._record.lines[index])
                if sum(map(len, self._strips.values())) + len(strips) > _CACHED_ROWS:
                    self._strips.clear()
                self._strips[number] = strips
            # In a terminal too narrow for anything a line may have fewer rows than were counted.
            return strips[row - start] if row - start < len(strips) else Strip([])
        start = self._ends[-1] if self._ends else len(self._head)
        rows = [strip for line in self._tail for strip in self._rows_of(line)]
        return rows[row - start] if row - start < len(rows) else Strip.blank(self.size.width)

    def _height_of(self, line: Line) -> int:
        """Rows of a line. Most are short, and that is seen without decoding them."""
        if line.plot is not None:
            return self._drawing(line.plot).height
        characters = len(line.label) + len(line.text)
        if characters <= self._width and line.text.isascii():
            return 1
        return len(self._folded(line))

    def _rows_of(self, line: Line) -> list[Strip]:
        console = self.app.console
        edge = Segment(" " * _EDGE)
        if line.plot is not None:
            return [Strip([edge, *row]) for row in self._drawing(line.plot).rows()]
        return [Strip([edge, *piece.render(console)]) for piece in self._folded(line)]

    def _drawing(self, figure: Plot) -> "Drawing":
        from fashion_tui.report.glyphs import terminal_glyphs  # noqa: PLC0415
        from fashion_tui.report.plots import PlotStyle, draw  # noqa: PLC0415 -- the first paint doesn't wait for it
        from fashion_tui.tui.widgets.image import shading_of  # noqa: PLC0415

        return draw(figure, self._width, PlotStyle(shading_of(self.app), terminal_glyphs()))

    def _decoded(self, line: Line) -> Text:
        text = ansi_text(line.text)
        text.stylize_before(_STYLES[line.kind])
        if line.label:
            text = Text.assemble((line.label, ACCENT if line.kind == "input" else ATTENTION), text, end="")
        return text

    def _folded(self, line: Line) -> list[Text]:
        """The line cut where a row is full, as a terminal does; our own words are cut between words."""
        text = self._decoded(line)
        if cell_len(text.plain) <= self._width:
            return [text]
        if line.kind in {"note", "alarm"}:
            return list(text.wrap(self.app.console, self._width, no_wrap=False))
        ends = accumulate(len(piece) for piece in chop_cells(text.plain, self._width))
        return list(text.divide(list(ends)[:-1]))


def _marked(strip: Strip) -> Strip:
    """A row of the chosen cell."""
    from fashion_tui.report.glyphs import terminal_glyphs  # noqa: PLC0415 -- the first paint doesn't wait for it

    return Strip([Segment(terminal_glyphs().cursor, Style(color=ACCENT)), *list(strip)[1:]])
