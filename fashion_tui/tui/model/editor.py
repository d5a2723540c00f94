"""The editor of a network's source: colours, the line that fails, and a word when the person pauses."""

from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import TextArea

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import BAD, GOOD, MUTED
from fashion_tui.tui.widgets.fitted import FittedLines
from fashion_tui.tui.widgets.highlight import coloured_line

from .messages import EditorLeft, SourceChanged

PAUSE = 0.15
"""Seconds without a key after which the source is looked at."""

INDENT = 4
FAULT_LINES = 3
MARKED = Style.parse("on #4a2424")


class CodeEditor(TextArea):
    """Python in colours; the line that fails stands on another ground."""

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
        self._marked: int | None = None

    def mark(self, line: int | None) -> None:
        """Mark this line, counted from 1, and no other."""
        row = None if line is None else line - 1
        if row == self._marked:
            return
        before, self._marked = self._marked, row
        self._line_cache.clear()
        for changed in (before, row):
            if changed is not None and changed < self.document.line_count:
                first = self.wrapped_document.location_to_offset((changed, 0)).y
                self.refresh_lines(first, len(self.wrapped_document.get_sections(changed)))

    @property
    def marked_line(self) -> int | None:
        return None if self._marked is None else self._marked + 1

    def get_line(self, line_index: int) -> Text:
        line = coloured_line(super().get_line(line_index), self.text, line_index)
        if line_index == self._marked:
            line.stylize(MARKED)
        return line

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            event.prevent_default()
            self.action_leave()
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            self._new_line()

    def _new_line(self) -> None:
        """Goes on below as the line began, deeper after a colon."""
        row, column = min(self.selection)
        before = self.document.get_line(row)[:column]
        indent = before[: len(before) - len(before.lstrip())]
        deeper = " " * INDENT if before.rstrip().endswith(":") else ""
        self._replace_via_keyboard(f"\n{indent}{deeper}", *self.selection)

    def action_leave(self) -> None:
        self.post_message(EditorLeft())

    def action_dedent(self) -> None:
        """Takes a step of indentation off the lines that are selected."""
        (first, _), (last, _) = sorted(self.selection)
        for row in range(first, last + 1):
            line = self.document.get_line(row)
            spaces = min(len(line) - len(line.lstrip(" ")), INDENT)
            if spaces:
                self.delete((row, 0), (row, spaces))


class EditorView(Vertical):
    """The editor, and below it in a few words what is wrong, or that all fits."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._told = ""
        """The text that was told last."""
        self.original = ""
        """What revert goes back to: what was loaded or saved last."""
        self._pause: Timer | None = None

    def compose(self) -> ComposeResult:
        yield CodeEditor()
        yield FittedLines(id="fault")

    @property
    def editor(self) -> CodeEditor:
        return self.query_one(CodeEditor)

    @property
    def text(self) -> str:
        return self.editor.text

    @property
    def is_modified(self) -> bool:
        """Whether it differs from what was loaded or saved last."""
        return self.text != self.original

    def load(self, text: str) -> None:
        """Another source, with nothing to undo."""
        self._told = self.original = text
        self.editor.load_text(text)
        self.say(None, "")

    def revert(self) -> None:
        """Back to what was loaded or saved last; undo takes even that back."""
        self.editor.replace(self.original, (0, 0), self.editor.document.end)

    @on(TextArea.Changed)
    def _changed(self) -> None:
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE, self._paused)

    def _paused(self) -> None:
        if self.text != self._told:
            self._told = self.text
            self.post_message(SourceChanged(self.text))

    # What became of it

    def say_checking(self) -> None:
        self._show(Text("checking …" if terminal_glyphs().unicode else "checking ...", style=MUTED))

    def say(self, line: int | None, error: str, good: str = "") -> None:
        """Mark the line that fails, if it is known, and say why; or that all is well."""
        self.editor.mark(line)
        if error:
            place = f"line {line}: " if line is not None else ""
            self._show(Text.assemble((f"{terminal_glyphs().bad} {place}", f"bold {BAD}"), (error, BAD)))
        else:
            self._show(Text.assemble((f"{terminal_glyphs().good} ", GOOD), (good, MUTED)) if good else Text())

    def _show(self, words: Text) -> None:
        def fitted(width: int) -> list[Text]:
            return list(words.wrap(self.app.console, width))[:FAULT_LINES]

        self.query_one("#fault", FittedLines).fit(fitted)
