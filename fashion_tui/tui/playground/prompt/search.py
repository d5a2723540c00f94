"""History search: a line for the query and, below it, the matching entries, newest first."""

import re
from typing import ClassVar

from rich.text import Text
from textual import getters, on
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

_MAX_ROWS = 6
_CONTEXT = 12
"""Maximum number of characters kept before a match when the beginning of a long entry is cut off."""

_REBOUND_KEYS = {"ctrl+c", "ctrl+x"}
"""Keys that Input binds but that the Playground uses for other actions."""


class SearchLine(Input, inherit_bindings=False):
    BINDINGS: ClassVar[list[BindingType]] = [
        binding
        for binding in Input.BINDINGS
        if isinstance(binding, Binding) and not _REBOUND_KEYS & set(binding.key.split(","))
    ]

    def __init__(self) -> None:
        super().__init__(compact=True)
        self.cursor_blink = False


class SearchResults(Widget):
    """The matching entries, one per row."""

    DEFAULT_CSS = """
    SearchResults { height: auto; width: 1fr; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._indexes: list[int] = []
        self._rows: list[str] = []
        self._query = ""
        self._cursor = 0

    @property
    def selected(self) -> int | None:
        """Index of the selected entry in the history, or None if no entry matches."""
        return self._indexes[self._cursor] if self._indexes else None

    def show(self, indexes: list[int], entries: list[str], query: str) -> None:
        """Show the entries and select the first one. `indexes` are the indices of the entries in the history."""
        self._indexes = indexes
        self._rows = [_on_one_line(entry) for entry in entries]
        self._query = query
        self._cursor = 0
        self.refresh(layout=True)

    def move(self, entries: int) -> None:
        self._cursor = min(max(self._cursor + entries, 0), max(len(self._indexes) - 1, 0))
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return min(_MAX_ROWS, max(len(self._rows), 1))

    def render(self) -> RenderResult:
        if not self._rows:
            return Text(" No matches", MUTED)
        rows = max(1, self.size.height)
        first = max(0, min(self._cursor - rows // 2, len(self._rows) - rows))
        visible = range(first, min(first + rows, len(self._rows)))
        return Text("\n").join(self._row(index) for index in visible)

    def _row(self, index: int) -> Text:
        is_selected = index == self._cursor
        entry = self._rows[index]
        pattern = search_pattern(self._query)
        width = self.size.width - 1
        match = pattern.search(entry)
        if match is not None and match.end() > width:
            entry = f"…{entry[max(0, match.start() - _CONTEXT) :]}"
        row = Text(entry, FOREGROUND if is_selected else MUTED, no_wrap=True)
        if self._query:
            row.highlight_regex(pattern, f"bold {ACCENT}")
        row.truncate(width, overflow="ellipsis")
        return Text.assemble((terminal_glyphs().cursor if is_selected else " ", ACCENT), row, no_wrap=True)


class HistorySearch(Vertical):
    """The history search, which replaces the prompt while it is open. The prompt keeps its text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "accept", "accept", key_display=terminal_glyphs().key_names("↵")),
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

    line = getters.query_one(SearchLine)
    _results = getters.query_one(SearchResults)

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

    def open(self) -> None:
        self.display = True
        self.line.value = ""
        self._search()
        self.line.focus()

    def close(self) -> None:
        self.display = False

    @on(Input.Changed)
    def _search(self) -> None:
        query = self.line.value
        indexes = self._history.search(query)
        self._results.show(indexes, [self._history.entries[index] for index in indexes], query)
        self.post_message(HeightChanged())

    def action_move(self, entries: int) -> None:
        self._results.move(entries)

    def action_cancel(self) -> None:
        self.post_message(SearchClosed(None))

    @on(Input.Submitted)
    def action_accept(self) -> None:
        index = self._results.selected
        if index is not None:
            self.post_message(SearchClosed(self._history.browse_from(index)))


def _on_one_line(entry: str) -> str:
    mark = " ⏎ " if terminal_glyphs().unicode else " \\ "
    return plain(re.sub(r"\s*\n\s*", mark, entry.strip()))
