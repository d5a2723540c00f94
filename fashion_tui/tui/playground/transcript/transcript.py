"""The transcript widget, which shows the scrollback, scrolls to its newest line, and lets the user select a cell."""

from bisect import bisect_right
from itertools import accumulate, islice
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
from fashion_tui.tui.playground.messages import WidthChanged

from .ansi_text import ansi_text
from .cells import Cell
from .scrollback import Line, Scrollback

if TYPE_CHECKING:  # these imports would delay the first paint
    from fashion_tui.report.plots import Drawing

_STYLES = {"input": "", "output": "", "message": "", "note": MUTED, "error": BAD}
_MAX_CACHED_ROWS = 1_000

_MARGIN = 1
"""Number of columns reserved at the left edge for marking the selected cell."""


class Transcript(ScrollView, can_focus=True, inherit_bindings=False):
    """A widget that shows the scrollback. Lines wider than the widget wrap onto the next row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page_up", "page up", show=False),
        Binding("pagedown,space", "page_down", "page down", show=False),
        Binding("home", "scroll_home", "to the beginning", show=False),
        Binding("end", "scroll_end", "to the end", show=False),
    ]
    DEFAULT_CSS = """
    Transcript { height: auto; scrollbar-size: 0 1; scrollbar-gutter: stable; overflow-x: hidden; }
    """

    def __init__(self, scrollback: Scrollback) -> None:
        super().__init__()
        self.selected: Cell | None = None
        self._scrollback = scrollback
        self._width = 0
        self._follows = True
        """Whether the transcript scrolls automatically to keep the newest line in view."""
        self._first_line = 0
        """Number of the line whose height is `_heights[0]`."""
        self._heights: list[int] = []
        """Height of each complete line, in rows. `_head` and `_tail` aren't included."""
        self._ends: list[int] = []
        """For each complete line, the index of the row below it."""
        self._head: list[Line] = []
        """A note with the number of dropped lines, if any lines were dropped."""
        self._tail: list[Line] = []
        """The line being printed, if there is one."""
        self._strips: dict[int, list[Strip]] = {}
        """Rows of recently painted lines, by line number."""
        self._shows_all_frames = False
        """Whether the folded frames of tracebacks are shown."""
        self._dropped_plots = 0
        """Value of the scrollback's `dropped_plots` when the heights were last computed."""
        self._insertions = 0
        """Value of the scrollback's `insertions` when the heights were last computed."""
        self._measured: list[Line] = []
        """The lines whose heights are in `_heights`."""

    @property
    def selected_or_newest(self) -> Cell | None:
        return self.selected or self._scrollback.cells.newest

    def show_scrollback(self) -> None:
        """Show the current lines of the scrollback."""
        if not self._width:
            return
        if self._insertions == self._scrollback.insertions:
            rows_removed = self._forget_dropped_lines() + self._forget_dropped_plots()
        else:
            rows_removed = self._measure_again()
        self._forget_replaced_line()
        for line in islice(self._scrollback.lines, len(self._heights), None):
            self._measured.append(line)
            self._heights.append(self._height_of(line))
        missing = self._scrollback.missing_lines
        head = [Line(f"… {missing:,} earlier lines discarded", "note")] if missing else []
        rows_removed -= len(head) - len(self._head)
        self._head = head
        unfinished = self._scrollback.unfinished
        self._tail = [unfinished] if unfinished else []
        if self.selected is not None and self.selected.end_line <= self._first_line:
            self.selected = None
        self._ends = list(accumulate(self._heights, initial=len(self._head)))[1:]
        end = self._ends[-1] if self._ends else len(self._head)
        rows = end + sum(self._height_of(line) for line in self._tail)
        self.virtual_size = Size(self._width, rows)
        if self._follows and self.selected is None:
            self.scroll_to(y=rows, animate=False, force=True, immediate=True)
        elif rows_removed:  # don't move the text that the user is reading
            self.scroll_to(y=max(0, self.scroll_y - rows_removed), animate=False, force=True, immediate=True)
        self.refresh()

    def toggle_frames(self) -> None:
        """Show the folded frames of all tracebacks, or fold them again."""
        self._shows_all_frames = not self._shows_all_frames
        self._insertions = -1  # force the heights to be computed again
        self.show_scrollback()
        if self.selected is not None:
            self._scroll_to_rows(self._rows_of_cell(self.selected))

    # Selection

    def select(self, cells: int) -> None:
        """Move the selection by this number of cells.

        If no cell is selected, moving up selects the newest cell in view. Moving down from the newest cell deselects
        it.
        """
        kept = [cell for cell in self._scrollback.cells if cell.end_line > self._first_line]
        if self.selected is not None:
            index = max(kept.index(self.selected) + cells, 0)
            self.selected = kept[index] if index < len(kept) else None
        elif cells < 0:
            self.show_scrollback()  # because the newest cell may not have been painted yet
            in_view = [cell for cell in kept if self._row_of(cell.first_line) < self.scroll_y + self.size.height]
            self.selected = next(reversed(in_view), None)
        if self.selected is None:
            self.scroll_end(animate=False)
        else:
            self._scroll_to_rows(self._rows_of_cell(self.selected))
        self.refresh()

    def clear_selection(self) -> None:
        """Deselect the selected cell, if any, and scroll to the newest line."""
        if self.selected is not None:
            self.selected = None
            self.scroll_end(animate=False)
            self.refresh()

    def _scroll_to_rows(self, rows: range) -> None:
        """Scroll the rows into view. If they don't all fit, show the first rows."""
        top = min(rows.start, max(self.scroll_y, rows.stop - self.size.height))
        self.scroll_to(y=top, animate=False, force=True, immediate=True)

    def _rows_of_cell(self, cell: Cell) -> range:
        return range(self._row_of(cell.first_line), self._row_of(cell.end_line))

    def _row_of(self, line_number: int) -> int:
        """Return the row where a line begins.

        If the line was dropped, return the first row of the kept lines. If the line doesn't exist yet, return the row
        below the last line.
        """
        index = min(line_number - self._first_line, len(self._ends))
        return self._ends[index - 1] if index > 0 else len(self._head)

    # Dropped lines

    def _forget_dropped_lines(self) -> int:
        """Remove the lines that the scrollback has dropped. Return the number of rows removed."""
        count = min(self._scrollback.dropped_lines - self._first_line, len(self._heights))
        rows = sum(self._heights[:count])
        del self._heights[:count], self._measured[:count]
        for number in range(self._first_line, self._first_line + count):
            self._strips.pop(number, None)
        self._first_line = self._scrollback.dropped_lines
        return rows

    def _forget_dropped_plots(self) -> int:
        """Recompute the heights if plots were dropped. Return the number of rows by which the total height shrank."""
        if self._dropped_plots == self._scrollback.dropped_plots:
            return 0
        self._dropped_plots = self._scrollback.dropped_plots
        before = sum(self._heights)
        self._measured = list(islice(self._scrollback.lines, len(self._heights)))
        self._heights = [self._height_of(line) for line in self._measured]
        self._strips.clear()
        return before - sum(self._heights)

    def _forget_replaced_line(self) -> None:
        """Remove the last measured line if the scrollback has replaced it, as it does to update a note's count."""
        last = len(self._measured) - 1
        if last >= 0 and self._measured[last] is not self._scrollback.lines[last]:
            del self._heights[last], self._measured[last]
            self._strips.pop(self._first_line + last, None)

    def _measure_again(self) -> int:
        """Recompute all heights after an insertion.

        Return the number of rows by which the line at the top of the view moved up.
        """
        top, row = int(self.scroll_y) - len(self._head), 0
        anchor: Line | None = None
        for line, height in zip(self._measured, self._heights, strict=True):
            if row + height > top:
                anchor = line
                break
            row += height
        self._insertions, self._dropped_plots = self._scrollback.insertions, self._scrollback.dropped_plots
        self._first_line = self._scrollback.dropped_lines
        self._strips.clear()
        self._measured = list(self._scrollback.lines)
        self._heights = [self._height_of(line) for line in self._measured]
        moved = 0
        for line, height in zip(self._measured, self._heights, strict=True):
            if line is anchor:
                return row - moved
            moved += height
        return row

    # Events

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._follows = new_value >= self.max_scroll_y

    def watch_show_vertical_scrollbar(self) -> None:
        """Update the scrollbar's position when it appears, because Textual doesn't update hidden scrollbars."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = self.scroll_y

    def on_resize(self) -> None:
        width = max(0, self.scrollable_content_region.width - _MARGIN)
        if width != self._width:
            self._width = width
            self.post_message(WidthChanged(width))
            self._heights.clear()
            self._measured.clear()
            self._ends.clear()  # `show_scrollback` leaves the ends unchanged if the width is 0
            self._strips.clear()
        self.show_scrollback()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    # Painting

    def render_line(self, y: int) -> Strip:
        row = y + self.scroll_offset.y
        strip = self._row(row)
        if self.selected is not None and row in self._rows_of_cell(self.selected):
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
            number = self._first_line + index
            strips = self._strips.get(number)
            if strips is None:
                # The scrollback may have dropped lines since the heights were computed.
                strips = self._rows_of(self._measured[index])
                if sum(map(len, self._strips.values())) + len(strips) > _MAX_CACHED_ROWS:
                    self._strips.clear()
                self._strips[number] = strips
            # Add blank rows if the line has fewer rows than `_height_of` returned, as in a very narrow terminal.
            return strips[row - start] if row - start < len(strips) else Strip([])
        start = self._ends[-1] if self._ends else len(self._head)
        rows = [strip for line in self._tail for strip in self._rows_of(line)]
        return rows[row - start] if row - start < len(rows) else Strip.blank(self.size.width)

    def _height_of(self, line: Line) -> int:
        """Return the height of a line in rows. Short ASCII lines, the usual case, are not parsed."""
        if line.plot is not None:
            return self._draw(line.plot).height
        characters = len(line.label) + len(line.text)
        if line.folded and self._shows_all_frames:
            return len(self._wrapped(line))
        if characters <= self._width and line.text.isascii():
            return 1
        return len(self._wrapped(line))

    def _rows_of(self, line: Line) -> list[Strip]:
        margin = Segment(" " * _MARGIN)
        if line.plot is not None:
            return [Strip([margin, *row]) for row in self._draw(line.plot).rows()]
        return [Strip([margin, *row.render(self.app.console)]) for row in self._wrapped(line)]

    def _draw(self, plot: Plot) -> "Drawing":
        from fashion_tui.report.glyphs import terminal_glyphs  # noqa: PLC0415 -- the first paint doesn't wait for them
        from fashion_tui.report.plots import PlotStyle, draw  # noqa: PLC0415
        from fashion_tui.tui.widgets.image import shading_of  # noqa: PLC0415

        return draw(plot, self._width, PlotStyle(shading_of(self.app), terminal_glyphs()))

    def _text_of(self, line: Line) -> Text:
        text = ansi_text(line.text)
        text.stylize_before(_STYLES[line.kind])
        if line.label:
            text = Text.assemble((line.label, ACCENT if line.kind == "input" else ATTENTION), text, end="")
        return text

    def _wrapped(self, line: Line) -> list[Text]:
        """Wrap a line at the last column, as a terminal does. Wrap messages between words.

        A value that fits in one row, but not next to its label, begins below the label.
        """
        if line.folded and self._shows_all_frames:
            shown = [Line(line.unfolded_note, "note"), *map(Line, line.folded)]
            return [row for part in shown for row in self._wrapped(part)]
        text = self._text_of(line)
        if cell_len(text.plain) <= self._width:
            return [text]
        if line.kind in {"message", "note", "error"}:
            return list(text.wrap(self.app.console, self._width, no_wrap=False))
        if line.kind == "output" and line.label and cell_len(text.plain[len(line.label) :]) <= self._width:
            return list(text.divide([len(line.label)]))
        ends = accumulate(len(part) for part in chop_cells(text.plain, self._width))
        return list(text.divide(list(ends)[:-1]))


def _marked(strip: Strip) -> Strip:
    """Return a copy of the row with a mark in the margin, which shows that the cell is selected."""
    from fashion_tui.report.glyphs import terminal_glyphs  # noqa: PLC0415 -- the first paint doesn't wait for it

    return Strip([Segment(terminal_glyphs().cursor, Style(color=ACCENT)), *list(strip)[1:]])
