"""The multi-line editor for cells, with syntax highlighting, history and completion."""

import codeop
import re
import warnings
from typing import ClassVar

from rich.text import Text
from textual import events, work
from textual.binding import Binding, BindingType
from textual.widgets import TextArea

from fashion_tui.kernel.outputs import Completeness
from fashion_tui.tui.playground.cell_runner import CellRunner
from fashion_tui.tui.playground.messages import CodeSubmitted, HeightChanged, InputAnswered, PageScrolled, PromptLeft
from fashion_tui.tui.widgets.highlight import highlight_line
from fashion_tui.tui.widgets.text_editor import TextEditor

from .completion import CompletionMenu
from .history import History

_REBOUND_KEYS = {"ctrl+c", "ctrl+x", "ctrl+d"}
"""Keys that TextArea binds but that the Playground uses for other actions."""

_INDENT = "    "

_MAX_CHECKED = 50_000
"""Maximum length, in characters, of code that is checked for completeness. Longer code is treated as complete."""


class Prompt(TextEditor, inherit_bindings=False):
    """The editor for cells.

    Enter runs complete code and begins a new line in incomplete code. While `input()` waits, enter sends the answer.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *(b for b in TextArea.BINDINGS if isinstance(b, Binding) and not _REBOUND_KEYS & set(b.key.split(","))),
        Binding("shift+tab", "complete_back", "previous completion", show=False),
        Binding("shift+enter,ctrl+enter", "run", "run", show=False),
        Binding("alt+enter,ctrl+j", "new_line", "new line", show=False),
        Binding("escape", "leave", "leave the prompt", show=False),
        Binding("delete", "delete_right", "delete right", show=False),
        Binding("ctrl+d", "end_input", "end the input", show=False),
    ]

    def __init__(self, runner: CellRunner, history: History, menu: CompletionMenu) -> None:
        super().__init__(compact=True, highlight_cursor_line=False, id="prompt")
        self.cursor_blink = False
        self.kernel_is_busy = False
        """If True, Ctrl+C interrupts the kernel. Otherwise, Ctrl+C clears the prompt."""
        self._runner = runner
        self._history = history
        self._menu = menu
        self._is_answering = False
        self._hides_text = False
        """Whether a password is being typed."""
        self._draft = ""
        """The code that was being typed when `input()` was called."""

    def on_resize(self) -> None:
        self.post_message(HeightChanged())

    # Text

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        if self._hides_text:
            return Text("•" * len(line), end="", no_wrap=True)
        if self._is_answering or not line.plain.strip():
            return line
        return highlight_line(line, self.document.lines, line_index)

    def set_text(self, text: str) -> None:
        """Replace the text and put the cursor at its end. Undo restores the previous text."""
        self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
        self.move_cursor(self.document.end)

    @property
    def cursor_index(self) -> int:
        """Position of the cursor, as an index into `text`."""
        row, column = self.cursor_location
        return sum(len(self.document.get_line(index)) + 1 for index in range(row)) + column

    @property
    def name_at_cursor(self) -> str:
        """The word at the cursor, or an empty string if there is none."""
        before, after = self.text[: self.cursor_index], self.text[self.cursor_index :]
        start = re.search(r"\w*\Z", before)
        end = re.match(r"\w*", after)
        return (start[0] if start else "") + (end[0] if end else "")

    def _replace_before_cursor(self, start: int, text: str) -> None:
        """Replace the text between index `start` and the cursor."""
        self.replace(text, self._location(start), self.cursor_location, maintain_selection_offset=False)
        self.move_cursor(self._location(start + len(text)))

    def _location(self, index: int) -> tuple[int, int]:
        """Return the row and column of an index into `text`."""
        before = self.text[:index]
        return before.count("\n"), index - (before.rfind("\n") + 1)

    # Answering `input()`

    @property
    def is_answering(self) -> bool:
        return self._is_answering

    def start_answer(self, *, password: bool) -> None:
        """Clear the prompt and make enter send an answer. `end_answer` restores the code that was being typed."""
        self._menu.close()
        if not self._is_answering:
            self._draft = self.text
        self._is_answering, self._hides_text = True, password
        self.set_text("")

    def end_answer(self) -> None:
        if self._is_answering:
            self._is_answering = self._hides_text = False
            self.set_text(self._draft)

    def action_end_input(self) -> None:
        """End the input if the answer is empty, as Ctrl+D does in a terminal. Otherwise, delete the next character."""
        if self._is_answering and not self.text:
            self.post_message(InputAnswered(None))
        else:
            self.action_delete_right()

    # Running

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            await self._enter()
        elif event.key == "ctrl+c" and not self.kernel_is_busy:
            # Handle the key here, because a binding in the pane would run only after the next keys.
            event.stop()
            event.prevent_default()
            self._menu.close()
            self.set_text("")

    async def _enter(self) -> None:
        if self._is_answering:
            self.post_message(InputAnswered(self.text))
        elif self._menu.is_open:
            self._menu.close()
        elif self._is_within_lines():
            self.action_new_line()
        else:
            # Keys pressed during the await don't change the text: they are handled after this method returns.
            code = self.text
            if len(code) > _MAX_CHECKED:
                self.action_run()
                return
            completeness = await self._runner.is_complete(code)
            if completeness.status == "unknown":
                completeness = guess_completeness(self.text)
            if completeness.status == "incomplete":
                self.insert("\n" + completeness.indent)
            else:
                self.action_run()

    def _is_within_lines(self) -> bool:
        """Return whether the text has several lines and the cursor is followed by code."""
        return "\n" in self.text and bool(self.text[self.cursor_index :].strip())

    def action_run(self) -> None:
        code = self.text.rstrip()
        if self._is_answering or not code:
            return
        self._menu.close()
        self._history.add(code)
        self.set_text("")
        self.post_message(CodeSubmitted(code, from_prompt=True))

    def action_new_line(self) -> None:
        """Begin a new line with the indentation of the current line."""
        row, column = self.cursor_location
        line = self.document.get_line(row)[:column]
        self.insert("\n" + line[: len(line) - len(line.lstrip())])

    # History

    def action_cursor_up(self, select: bool = False) -> None:  # noqa: FBT001, FBT002 -- as TextArea declares it
        if self._menu.is_open:
            self._move_in_menu(rows=-1)
        elif select or self._is_answering or not self.navigator.is_first_wrapped_line(self.cursor_location):
            super().action_cursor_up(select)
        elif (entry := self._history.older(self.text)) is not None:
            self.set_text(entry)

    def action_cursor_down(self, select: bool = False) -> None:  # noqa: FBT001, FBT002
        if self._menu.is_open:
            self._move_in_menu(rows=1)
        elif select or self._is_answering or not self.navigator.is_last_wrapped_line(self.cursor_location):
            super().action_cursor_down(select)
        elif (entry := self._history.newer(self.text)) is not None:
            self.set_text(entry)

    def action_cursor_page_up(self) -> None:
        self.post_message(PageScrolled(-1))

    def action_cursor_page_down(self) -> None:
        self.post_message(PageScrolled(1))

    # Completion

    def action_complete(self) -> None:
        """Complete the name at the cursor, select the next completion, or indent the line."""
        row, column = self.cursor_location
        if self._menu.is_open:
            self._move_in_menu(columns=1)
        elif self._is_answering or not self.document.get_line(row)[:column].strip():
            self.insert(" " * self._find_columns_to_next_tab_stop())
        else:
            self._request_completions()

    def action_complete_back(self) -> None:
        if self._menu.is_open:
            self._move_in_menu(columns=-1)

    @work(group="completion", exclusive=True)
    async def _request_completions(self) -> None:
        code, cursor = self.text, self.cursor_index
        completions = await self._runner.complete(code, cursor)
        if (self.text, self.cursor_index) == (code, cursor) and completions.end == cursor:
            self._show_completions(completions.matches, completions.start)

    def _show_completions(self, names: tuple[str, ...], start: int) -> None:
        """Complete the name at index `start` to the common prefix of `names`.

        If there are several names, show them in the menu.
        """
        if not names:
            return
        self._menu.open(names, start)
        if len(self._menu.common_prefix) > self.cursor_index - start or len(names) == 1:
            self._replace_before_cursor(start, self._menu.common_prefix)
        if len(names) == 1:
            self._menu.close()

    def _move_in_menu(self, columns: int = 0, rows: int = 0) -> None:
        self._menu.move(columns, rows)
        if self._menu.selected is not None:
            self._replace_before_cursor(self._menu.start, self._menu.selected)

    def on_text_area_changed(self) -> None:
        """Keep only the completions that match the typed text."""
        if not self._menu.is_open:
            return
        typed = self.text[self._menu.start : self.cursor_index]
        if self._menu.selected is not None:
            if typed != self._menu.selected:
                self._menu.close()
        elif self.cursor_index < self._menu.start:
            self._menu.close()
        else:
            self._menu.filter(typed)

    def action_leave(self) -> None:
        if self._menu.is_open:
            self._menu.close()
        else:
            self.post_message(PromptLeft())


def guess_completeness(code: str) -> Completeness:
    """Return whether `code` is complete according to the rules of Python's interactive prompt.

    The prompt calls this if the kernel doesn't respond. IPython magics are reported as `invalid`, which is harmless:
    the prompt submits invalid code, too.
    """
    *before, last = code.split("\n")
    if before and last.strip() and last[0].isspace():  # only an empty line ends an indented block
        return Completeness("incomplete", _indent_after(last))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            is_complete = codeop.compile_command(code, symbol="exec") is not None
        except (SyntaxError, ValueError, OverflowError):
            return Completeness("invalid")
    return Completeness("complete") if is_complete else Completeness("incomplete", _indent_after(last))


def _indent_after(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return indent + _INDENT if line.rstrip().endswith(":") else indent
