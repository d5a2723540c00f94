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
from textual.widgets.text_area import Selection

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION, GOOD, MUTED, PALETTE
from fashion_tui.schema.shapes import Fix
from fashion_tui.tui.widgets.highlight import highlight_line
from fashion_tui.tui.widgets.lines import FittedLines
from fashion_tui.tui.widgets.text_editor import TextEditor

from .error_line import error_text, line_below_error

CHECK_DELAY = 0.15
"""Seconds from the last edit until the source is checked."""

DRAFT_DELAY = 0.5
"""Seconds from an edit until the draft is written. Further edits in this time don't postpone the write."""

INDENT = 4
COPY_KEYS = frozenset({"ctrl+c", "super+c"})
"""Keys that copy the selected text."""
MAX_RESULT_LINES = 4
"""Lines below the editor for the error, including the line for its fix."""
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


class CodeEditor(TextEditor):
    """A Python editor that can highlight a line with an error, and propose an edit of a line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave the editor", key_display="esc"),
        Binding("enter", "apply_fix", "apply fix", key_display=terminal_glyphs().key_names("↵")),
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
        self._proposed: Fix | None = None
        """The edit that enter applies. Its line is selected."""
        self._awaiting: Selection | None = None
        """The selection from which the cursor moves to the fix that is being searched for, or None."""

    def await_fix(self) -> None:
        """Ignore enter until a fix is proposed, so that the key doesn't edit the source. Any other key ends this."""
        self._awaiting = self.selection

    def stop_awaiting_fix(self) -> None:
        self._awaiting = None

    @property
    def awaits_fix(self) -> bool:
        """Whether the cursor has to move to the fix as soon as it is found."""
        return self._awaiting == self.selection

    def can_apply(self, fix: Fix) -> bool:
        """Return whether the source still has the line that the fix edits."""
        row = fix.line - 1
        return row < self.document.line_count and self.document.get_line(row).strip() == fix.old

    def propose(self, fix: Fix) -> None:
        """Select the line that the fix edits, so that enter applies the fix.

        Any key except the one that copies the line withdraws the proposal.
        """
        if not self.can_apply(fix):
            return
        row = fix.line - 1
        line = self.document.get_line(row)
        start = len(line) - len(line.lstrip())
        self.selection = Selection((row, start), (row, start + len(fix.old)))
        self._proposed, self._awaiting = fix, None
        self.refresh_bindings()

    @property
    def proposed(self) -> Fix | None:
        """The edit that enter applies, or None."""
        fix = self._proposed
        return fix if fix is not None and self.selected_text == fix.old else None

    def _withdraw(self) -> None:
        """Withdraw the proposed edit, and await no other one. The cursor stays on its line."""
        self._awaiting = None
        if self.proposed is not None:
            self.selection = Selection.cursor(self.selection.end)
        self._proposed = None
        self.refresh_bindings()

    def action_apply_fix(self) -> None:
        """Apply the proposed edit. The user can undo it."""
        fix, selection = self.proposed, self.selection
        self._withdraw()
        if fix is not None:
            self.history.checkpoint()
            self.replace(fix.new, *selection)
            self.history.checkpoint()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.proposed is not None if action == "apply_fix" else super().check_action(action, parameters)

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
        is_proposed = self.proposed is not None
        if event.key != "enter":
            self._awaiting = None
            if is_proposed and event.key not in COPY_KEYS:
                self._withdraw()
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            self.action_leave()
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            if is_proposed:
                self.action_apply_fix()
            elif not self.awaits_fix:
                self._insert_line()

    @on(events.MouseDown)
    @on(events.Paste)
    def _clicked_or_pasted(self) -> None:
        """Withdraw the proposed edit. TextArea's own handlers run afterwards and must not be called here."""
        self._withdraw()

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
        self._checked = ""
        """Source that the result below the editor belongs to."""
        self._text = Text()
        """The result of the latest check, without the fix."""
        self._fix: Fix | None = None
        """The fix for the error of the latest check. Later edits may have applied it already."""
        self._is_searching = False
        """Whether a fix for the error is still being searched for."""

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
        self._show_result(None, Text(), None, is_searching=False)

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
        if self._fix is not None and not self.editor.can_apply(self._fix):
            self._show(_checking())
        elif self.source == self._checked:  # the edits were undone before they were checked
            self._show(self._text, self._fix)

    def _post_source(self) -> None:
        if self.source != self._posted:
            self._posted = self.source
            self.post_message(SourceChanged(self.source))

    def _post_draft_due(self) -> None:
        self._draft_timer = None
        self.post_message(DraftDue())

    def show_checking(self) -> None:
        self._is_searching = False
        self._show(_checking())

    def show_error(self, line: int | None, error: str, fix: Fix | None, *, is_searching: bool) -> None:
        """Show the error and its fix. Highlight the line with the error.

        `is_searching` means that a fix is still being searched for. If the user asks for it before it is found, the
        cursor moves to it later.
        """
        self._show_result(line, error_text(line, error), fix, is_searching=is_searching)

    def show_shapes(self, shapes: str, fix: Fix | None, remark: str) -> None:
        """Show the shapes of a network that runs, with a remark and the fix for what the remark says."""
        glyphs = terminal_glyphs()
        note = (f"\n! {printable(remark, glyphs)}" if remark else "", ATTENTION)
        text = Text.assemble((f"{glyphs.good} ", GOOD), (shapes, MUTED), note)
        self._show_result(None, text, fix, is_searching=False)

    def _show_result(self, line: int | None, text: Text, fix: Fix | None, *, is_searching: bool) -> None:
        self.editor.mark_error(line)
        self._checked, self._text = self._posted, text
        self._fix, self._is_searching = fix, is_searching
        self._show(text, fix)
        if self.editor.awaits_fix and fix is not None:
            self.go_to_error()
        elif not is_searching:
            self.editor.stop_awaiting_fix()

    def go_to_error(self) -> bool:
        """Move the cursor to the line with the error and propose the fix. Return False if no line has an error.

        If the fix has been applied and the new source is still being checked, the cursor moves after the check.
        """
        if self._fix is not None and not self.editor.can_apply(self._fix):
            self.editor.await_fix()
            return True
        line = self.editor.error_line if self._fix is None else self._fix.line
        if line is None or line > self.editor.document.line_count:
            return False
        text = self.editor.document.get_line(line - 1)
        self.editor.move_cursor((line - 1, len(text) - len(text.lstrip())))
        if self._fix is not None:
            self.editor.propose(self._fix)
        elif self._is_searching:
            self.editor.await_fix()
        # If the editor has just been opened, it has no size before the refresh.
        self.call_after_refresh(self.editor.scroll_cursor_visible, center=True)
        return True

    def _show(self, text: Text, fix: Fix | None = None) -> None:
        is_searching = self._is_searching

        def fitted(width: int) -> list[Text]:
            below = line_below_error(fix, width, is_searching=is_searching)
            return [*text.wrap(self.app.console, width)[: MAX_RESULT_LINES - len(below)], *below]

        self.result.fit(fitted)


def _checking() -> Text:
    return Text(f"checking {terminal_glyphs().ellipsis}", style=MUTED)
