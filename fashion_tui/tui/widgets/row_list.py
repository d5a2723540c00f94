"""A list of lines with a cursor, painted row by row: only rows that changed are painted again."""

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
from fashion_tui.report.style import ACCENT

CURSOR = Style.parse("on #303a40")
MARK = Style.parse(ACCENT)


class RowList(ScrollView, can_focus=True):
    """Rows are known by a key each; the cursor stays on its key whatever rows come and go."""

    DEFAULT_CSS = """
    RowList { overflow-x: hidden; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "next", show=False),
        Binding("up,k", "move(-1)", "before", show=False),
        Binding("pagedown", "move_page(1)", "page down", show=False),
        Binding("pageup", "move_page(-1)", "page up", show=False),
        Binding("home,g", "move(-1_000_000)", "first", show=False),
        Binding("end,G", "move(1_000_000)", "last", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """The cursor has come to stand on this row."""

        rows: "RowList"
        key: str

        @property
        def control(self) -> "RowList":
            return self.rows

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._keys: tuple[str, ...] = ()
        self._rows: tuple[Text, ...] = ()
        self._chosen: str | None = None

    @property
    def chosen(self) -> str | None:
        """The key of the row under the cursor."""
        return self._chosen

    def show_rows(self, keys: Sequence[str], rows: Sequence[Text]) -> None:
        """Take these rows in place of those before; where the cursor's is gone, it goes to the nearest."""
        here = self._place()
        before, self._rows = self._rows, tuple(rows)
        moved = self._keys != tuple(keys)
        self._keys = tuple(keys)
        self.virtual_size = Size(self.size.width, len(rows))
        if moved:
            self.refresh()
        else:
            self._refresh_rows(*(y for y, pair in enumerate(zip(before, rows, strict=True)) if pair[0] != pair[1]))
        if self._keys and self._chosen not in self._keys:
            self.choose(self._keys[min(here, len(self._keys) - 1)])

    def choose(self, key: str) -> None:
        """Put the cursor on the row of that key, where there is one."""
        if key not in self._keys:
            return
        self._refresh_rows(self._place())
        self._chosen = key
        self._refresh_rows(self._place())
        self.scroll_to_region(Region(0, self._place(), 1, 1), animate=False)
        self.post_message(self.Chosen(self, key))

    def action_move(self, rows: int) -> None:
        if self._keys:
            self.choose(self._keys[min(max(self._place() + rows, 0), len(self._keys) - 1)])

    def action_move_page(self, pages: int) -> None:
        self.action_move(pages * max(self.size.height - 1, 1))

    def on_click(self, event: Click) -> None:
        place = event.y + self.scroll_offset.y
        if place < len(self._keys):
            self.choose(self._keys[place])

    def on_focus(self) -> None:
        self._refresh_rows(self._place())

    def on_blur(self) -> None:
        self._refresh_rows(self._place())

    def _place(self) -> int:
        """The cursor's row; 0 where it has none yet."""
        return self._keys.index(self._chosen) if self._chosen in self._keys else 0

    def _refresh_rows(self, *places: int) -> None:
        top = self.scroll_offset.y
        regions = [Region(0, y - top, self.size.width, 1) for y in places if 0 <= y - top < self.size.height]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        place = y + self.scroll_offset.y
        width = self.size.width
        if place >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        chosen = self._keys[place] == self._chosen
        text = Text(terminal_glyphs().cursor if chosen else " ", style=MARK, no_wrap=True).append_text(
            self._rows[place]
        )
        text.truncate(width, pad=True)
        style = self.rich_style + CURSOR if chosen and self.has_focus else self.rich_style
        return Strip(text.render(self.app.console), width).apply_style(style)
