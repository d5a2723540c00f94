"""A list of rows with a cursor. Only rows that changed are repainted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, MUTED, PALETTE

CURSOR_ROW = Style.parse(f"on {PALETTE.cursor}")
FOCUSED_MARK = Style.parse(ACCENT)
MARK = Style.parse(MUTED)


class RowList(ScrollView, can_focus=True):
    """A list of rows with a cursor.

    Each row has a key, so that the cursor stays on its row when rows are added or removed.
    """

    DEFAULT_CSS = """
    RowList { overflow-x: hidden; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "next", show=False),
        Binding("up,k", "move(-1)", "previous", show=False),
        Binding("pagedown", "move_page(1)", "page down", show=False),
        Binding("pageup", "move_page(-1)", "page up", show=False),
        Binding("home,g", "move(-1_000_000)", "first", show=False),
        Binding("end,G", "move(1_000_000)", "last", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """The cursor has moved to a row."""

        rows: "RowList"
        key: str

        @property
        def control(self) -> "RowList":
            return self.rows

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._keys: tuple[str, ...] = ()
        self._indices: dict[str, int] = {}
        self._rows: Sequence[Text] = ()
        self._chosen: str | None = None

    @property
    def chosen(self) -> str | None:
        """Key of the row under the cursor."""
        return self._chosen

    def show_rows(self, keys: Sequence[str], rows: Sequence[Text]) -> None:
        """Replace the rows. If the row under the cursor is gone, the cursor moves to the nearest row.

        Only visible rows are read from `rows`, so `rows` may be a sequence that computes them on demand.
        """
        cursor_row = self._cursor_row()
        previous, self._rows = self._rows, rows
        keys_changed = self._keys != tuple(keys)
        self.virtual_size = Size(self.size.width, len(rows))
        if keys_changed:
            self._keys = tuple(keys)
            self._indices = {key: index for index, key in enumerate(self._keys)}
            self.refresh()
        else:
            top = self.scroll_offset.y
            visible = range(top, min(top + self.size.height, len(rows)))
            self._refresh_rows(*(y for y in visible if previous[y] != rows[y]))
        if self._keys and self._chosen not in self._indices:
            self.choose(self._keys[min(cursor_row, len(self._keys) - 1)])

    def choose(self, key: str) -> None:
        """Move the cursor to the row with this key, if the list contains it."""
        if key not in self._indices:
            return
        self._refresh_rows(self._cursor_row())
        self._chosen = key
        self._refresh_rows(self._cursor_row())
        self.scroll_to_region(Region(0, self._cursor_row(), 1, 1), animate=False)
        self.post_message(self.Chosen(self, key))

    def action_move(self, rows: int) -> None:
        if self._keys:
            self.choose(self._keys[min(max(self._cursor_row() + rows, 0), len(self._keys) - 1)])

    def action_move_page(self, pages: int) -> None:
        self.action_move(pages * max(self.size.height - 1, 1))

    def on_click(self, event: Click) -> None:
        row = event.y + self.scroll_offset.y
        if row < len(self._keys):
            self.choose(self._keys[row])

    def on_resize(self) -> None:
        """Keep the row under the cursor visible."""
        if self._keys:
            self.scroll_to_region(Region(0, self._cursor_row(), 1, 1), animate=False)

    def on_focus(self) -> None:
        self._refresh_rows(self._cursor_row())

    def on_blur(self) -> None:
        self._refresh_rows(self._cursor_row())

    def _cursor_row(self) -> int:
        """Return the index of the row under the cursor, or 0 while the list is empty."""
        return self._indices.get(self._chosen or "", 0)

    def _refresh_rows(self, *rows: int) -> None:
        top = self.scroll_offset.y
        regions = [Region(0, y - top, self.size.width, 1) for y in rows if 0 <= y - top < self.size.height]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        row = y + self.scroll_offset.y
        width = self.size.width
        if row >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        chosen = self._keys[row] == self._chosen
        mark = terminal_glyphs().cursor if chosen else " "
        text = Text(mark, style=FOCUSED_MARK if self.has_focus else MARK, no_wrap=True).append_text(self._rows[row])
        text.truncate(width, pad=True)
        style = self.rich_style + CURSOR_ROW if chosen and self.has_focus else self.rich_style
        return Strip(text.render(self.app.console), width).apply_style(style)
