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

from .error_line import error_text, fix_text

CHECK_DELAY = 0.15
"""Seconds from the last edit until the source is checked."""

DRAFT_DELAY = 0.5
"""Seconds from an edit until the draft is written. Further edits in this time don't postpone the write."""

INDENT = 4
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


class CodeEditor(TextArea):
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

    def propose(self, fix: Fix) -> None:
        """Select the line that the fix edits, so that enter applies the fix. Any other key withdraws the proposal."""
        row = fix.line - 1
        if row >= self.document.line_count or self.document.get_line(row).strip() != fix.old:
            return  # edited since
        line = self.document.get_line(row)
        start = len(line) - len(line.lstrip())
        self.selection = Selection((row, start), (row, start + len(fix.old)))
        self._proposed = fix
        self.refresh_bindings()

    @property
    def proposed(self) -> Fix | None:
        """The edit that enter applies, or None."""
        fix = self._proposed
        return fix if fix is not None and self.selected_text == fix.old else None

    def _withdraw(self) -> None:
        """Withdraw the proposed edit. The cursor stays on its line."""
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
        if is_proposed and event.key != "enter":
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
            else:
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
        self._fix: Fix | None = None
        """The fix for the error that is shown."""

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

    def show_result(
        self, line: int | None, error: str, shapes: str = "", fix: Fix | None = None, remark: str = ""
    ) -> None:
        """Show the error, or the shapes with a remark, and the fix. Highlight the line with the error."""
        glyphs = terminal_glyphs()
        self.editor.mark_error(line)
        self._fix = fix
        if error:
            self._show(error_text(line, error), fix)
        else:
            note = (f"\n! {printable(remark, glyphs)}" if remark and shapes else "", ATTENTION)
            self._show(Text.assemble((f"{glyphs.good} ", GOOD), (shapes, MUTED), note) if shapes else Text(), fix)

    def go_to_error(self) -> bool:
        """Move the cursor to the line with the error and propose the fix. Return False if there is no such line."""
        line = self.editor.error_line if self._fix is None else self._fix.line
        if line is None or line > self.editor.document.line_count:
            return False
        text = self.editor.document.get_line(line - 1)
        self.editor.move_cursor((line - 1, len(text) - len(text.lstrip())))
        if self._fix is not None:
            self.editor.propose(self._fix)
        # If the editor has just been opened, it has no size before the refresh.
        self.call_after_refresh(self.editor.scroll_cursor_visible, center=True)
        return True

    def _show(self, text: Text, fix: Fix | None = None) -> None:
        lines = MAX_RESULT_LINES if fix is None else MAX_RESULT_LINES - 1

        def fitted(width: int) -> list[Text]:
            shown = list(text.wrap(self.app.console, width))[:lines]
            return shown if fix is None else [*shown, fix_text(fix, width)]

        self.result.fit(fitted)
