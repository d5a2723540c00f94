"""Searching what was typed before: the line where one types, and below it what is found, the newest first."""

import re
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Input, Static

from fashion_tui.kernel.ansi import plain
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.tui.playground.messages import HeightChanged, SearchClosed

from .history import History, search_pattern

_MOST_ROWS = 6
_BEFORE = 12
"""Characters that are seen before what was searched for, where an entry is too long to be seen whole."""

_OTHERWISE_USED = {"ctrl+c", "ctrl+x"}
"""Keys of Input that mean something else on this pane."""


class HistorySearch(Vertical):
    """Stands in the prompt's place while it is open; what is being typed there stays as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "take", "take", key_display="↵"),
        Binding("ctrl+r,down", "move(1)", "older", key_display="^r"),
        Binding("up", "move(-1)", "newer", show=False),
        Binding("escape", "cancel", "cancel", key_display="esc"),
    ]
    DEFAULT_CSS = """
    HistorySearch { height: auto; display: none; }
    HistorySearch > Horizontal { height: 1; }
    HistorySearch Static { width: auto; color: $accent; }
    HistorySearch Input { width: 1fr; background: $background; }
    """

    def __init__(self, history: History) -> None:
        super().__init__()
        self._history = history

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static("search: ")
            yield SearchLine()
        yield SearchResults()

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    @property
    def line(self) -> Input:
        return self.query_one(SearchLine)

    def open(self) -> None:
        self.display = True
        self.line.value = ""
        self._search()
        self.line.focus()

    def close(self) -> None:
        self.display = False

    @on(Input.Changed)
    def _search(self) -> None:
        words = self.line.value
        positions = self._history.search(words)
        self.query_one(SearchResults).show(
            positions, [self._history.entries[position] for position in positions], words
        )
        self.post_message(HeightChanged())

    def action_move(self, entries: int) -> None:
        self.query_one(SearchResults).move(entries)

    def action_cancel(self) -> None:
        self.post_message(SearchClosed(None))

    @on(Input.Submitted)
    def action_take(self) -> None:
        position = self.query_one(SearchResults).chosen
        if position is not None:
            self.post_message(SearchClosed(self._history.go_to(position)))


class SearchLine(Input, inherit_bindings=False):
    BINDINGS: ClassVar[list[BindingType]] = [
        binding
        for binding in Input.BINDINGS
        if isinstance(binding, Binding) and not _OTHERWISE_USED & set(binding.key.split(","))
    ]

    def __init__(self) -> None:
        super().__init__(compact=True)
        self.cursor_blink = False


class SearchResults(Widget):
    """The entries that hold what is searched for, one a row."""

    DEFAULT_CSS = """
    SearchResults { height: auto; width: 1fr; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._positions: list[int] = []
        self._rows: list[str] = []
        self._words = ""
        self._at = 0

    @property
    def chosen(self) -> int | None:
        """The entry's position in the history; None where nothing was found."""
        return self._positions[self._at] if self._positions else None

    def show(self, positions: list[int], entries: list[str], words: str) -> None:
        """Entries with their positions in the history, the newest first, which is then chosen."""
        self._positions = positions
        self._rows = [_on_one_line(entry) for entry in entries]
        self._words = words
        self._at = 0
        self.refresh(layout=True)

    def move(self, entries: int) -> None:
        self._at = min(max(self._at + entries, 0), max(len(self._positions) - 1, 0))
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return min(_MOST_ROWS, max(len(self._rows), 1))

    def render(self) -> RenderResult:
        if not self._rows:
            return Text(" nothing was typed that holds this", MUTED)
        rows = max(1, self.size.height)
        first = max(0, min(self._at - rows // 2, len(self._rows) - rows))
        shown = range(first, min(first + rows, len(self._rows)))
        return Text("\n").join(self._row(number) for number in shown)

    def _row(self, number: int) -> Text:
        is_chosen = number == self._at
        entry = self._rows[number]
        pattern = search_pattern(self._words)
        room = self.size.width - 1
        found = pattern.search(entry)
        if found is not None and found.end() > room:
            entry = f"…{entry[max(0, found.start() - _BEFORE) :]}"
        row = Text(entry, FOREGROUND if is_chosen else MUTED, no_wrap=True)
        if self._words:
            row.highlight_regex(pattern, f"bold {ACCENT}")
        row.truncate(room, overflow="ellipsis")
        return Text.assemble((terminal_glyphs().cursor if is_chosen else " ", ACCENT), row, no_wrap=True)


def _on_one_line(entry: str) -> str:
    mark = " ⏎ " if terminal_glyphs().unicode else " \\ "
    return plain(re.sub(r"\s*\n\s*", mark, entry.strip()))
