"""The editor for a network's source, and the result of the shape check below it."""

from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events, getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import TextArea

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import BAD, GOOD, MUTED, PALETTE
from fashion_tui.tui.widgets.highlight import highlight_line
from fashion_tui.tui.widgets.lines import FittedLines

CHECK_DELAY = 0.15
"""Seconds from the last edit until the source is checked."""

DRAFT_DELAY = 0.5
"""Seconds from an edit until the draft is written. Further edits in this time don't postpone the write."""

INDENT = 4
MAX_RESULT_LINES = 3
ERROR_LINE = Style.parse(f"on {PALETTE.error_line}")


@dataclass
class SourceChanged(Message):
    """The source has changed, and the user has paused typing."""

    source: str


@dataclass
class DraftDue(Message):
    """The source has changed, and the draft has to be written."""


@dataclass
class EditorLeft(Message):
    """The user has left the editor by pressing a key."""


class CodeEditor(TextArea):
    """A Python editor that can highlight a line with an error."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave the editor", key_display="esc"),
        Binding("ctrl+z,super+z", "undo", "undo", key_display="^z"),
        Binding("shift+tab", "dedent", "dedent", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(
            compact=True,
            highlight_cursor_line=False,
            show_line_numbers=True,
            tab_behavior="indent",
            max_checkpoints=1000,
        )
        self.cursor_blink = False
        self._error_row: int | None = None

    def mark_error(self, line: int | None) -> None:
        """Highlight this line, or no line if `line` is None. Lines are counted from 1."""
        row = None if line is None else line - 1
        if row == self._error_row:
            return
        previous, self._error_row = self._error_row, row
        self._line_cache.clear()
        for changed in (previous, row):
            if changed is not None and changed < self.document.line_count:
                first = self.wrapped_document.location_to_offset((changed, 0)).y
                self.refresh_lines(first, len(self.wrapped_document.get_sections(changed)))

    @property
    def error_line(self) -> int | None:
        """The highlighted line, counted from 1, or None if no line is highlighted."""
        return None if self._error_row is None else self._error_row + 1

    def get_line(self, line_index: int) -> Text:
        line = highlight_line(super().get_line(line_index), self.document.lines, line_index)
        if line_index == self._error_row:
            line.stylize(ERROR_LINE)
        return line

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            self.action_leave()
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            self._insert_line()

    def _insert_line(self) -> None:
        """Start a new line with the same indentation, or with one more level after a colon."""
        row, column = min(self.selection)
        before = self.document.get_line(row)[:column]
        indent = before[: len(before) - len(before.lstrip())]
        deeper = " " * INDENT if before.rstrip().endswith(":") else ""
        self._replace_via_keyboard(f"\n{indent}{deeper}", *self.selection)

    def action_leave(self) -> None:
        self.post_message(EditorLeft())

    def action_dedent(self) -> None:
        """Remove one level of indentation from the selected lines."""
        (first, _), (last, _) = sorted(self.selection)
        for row in range(first, last + 1):
            line = self.document.get_line(row)
            spaces = min(len(line) - len(line.lstrip(" ")), INDENT)
            if spaces:
                self.delete((row, 0), (row, spaces))


class EditorView(Vertical):
    """Shows the editor, with the result of the shape check below it."""

    editor = getters.query_one(CodeEditor)
    result = getters.query_one("#check-result", FittedLines)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.original = ""
        """Source as it was last loaded or saved."""
        self._posted = ""
        """Source in the last SourceChanged message."""
        self._timer: Timer | None = None
        self._draft_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield CodeEditor()
        yield FittedLines(id="check-result")

    @property
    def source(self) -> str:
        return self.editor.text

    @property
    def is_modified(self) -> bool:
        """Whether the source has changed since it was last loaded or saved."""
        return self.source != self.original

    def load(self, source: str) -> None:
        """Replace the source and clear the undo history."""
        self.editor.load_text(source)
        self._posted = self.original = self.source
        self.show_result(None, "")

    def revert(self) -> None:
        """Restore the source as it was last loaded or saved. The user can undo this."""
        self.replace(self.original)

    def replace(self, source: str) -> None:
        """Replace the source. The user can undo this."""
        self.editor.replace(source, (0, 0), self.editor.document.end)

    @on(TextArea.Changed)
    def _changed(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(CHECK_DELAY, self._post_source)
        if self._draft_timer is None:
            self._draft_timer = self.set_timer(DRAFT_DELAY, self._post_draft_due)

    def _post_source(self) -> None:
        if self.source != self._posted:
            self._posted = self.source
            self.post_message(SourceChanged(self.source))

    def _post_draft_due(self) -> None:
        self._draft_timer = None
        self.post_message(DraftDue())

    def show_checking(self) -> None:
        self._show(Text(f"checking {terminal_glyphs().ellipsis}", style=MUTED))

    def show_result(self, line: int | None, error: str, shapes: str = "") -> None:
        """Show the error and highlight its line, if known. Without an error, show the input and output shapes."""
        glyphs = terminal_glyphs()
        self.editor.mark_error(line)
        if error:
            location = f"line {line}: " if line is not None else ""
            self._show(Text.assemble((f"{glyphs.bad} {location}", f"bold {BAD}"), (error, BAD)))
        else:
            self._show(Text.assemble((f"{glyphs.good} ", GOOD), (shapes, MUTED)) if shapes else Text())

    def _show(self, text: Text) -> None:
        self.result.fit(lambda width: list(text.wrap(self.app.console, width))[:MAX_RESULT_LINES])
