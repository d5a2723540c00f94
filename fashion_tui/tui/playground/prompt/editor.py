"""Where the person types: several lines, in colour, with history and completion."""

import re
from collections.abc import Awaitable, Callable
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import TextArea

from fashion_tui.kernel.outputs import Completeness
from fashion_tui.tui.playground.messages import (
    CodeSubmitted,
    CompletionWanted,
    HeightChanged,
    InputAnswered,
    PageTurned,
    PromptLeft,
)
from fashion_tui.tui.widgets.highlight import coloured_line

from . import completeness
from .completion import CompletionMenu
from .history import History

_OTHERWISE_USED = {"ctrl+c", "ctrl+x", "ctrl+d"}
"""Keys of TextArea that mean something else here."""


class Prompt(TextArea, inherit_bindings=False):
    """Enter runs what is whole and opens a new line in what isn't."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(b for b in TextArea.BINDINGS if isinstance(b, Binding) and not _OTHERWISE_USED & set(b.key.split(","))),
        Binding("shift+tab", "complete_back", "the candidate before", show=False),
        Binding("shift+enter,ctrl+enter", "run", "run", show=False),
        Binding("alt+enter,ctrl+j", "new_line", "new line", show=False),
        Binding("escape", "leave", "leave the prompt", show=False),
        Binding("delete", "delete_right", "delete right", show=False),
        Binding("ctrl+d", "end_input", "end the input", show=False),
    ]

    def __init__(
        self, history: History, candidates: CompletionMenu, ask_kernel: Callable[[str], Awaitable[Completeness]]
    ) -> None:
        """`ask_kernel` says whether code is whole."""
        super().__init__(compact=True, highlight_cursor_line=False, id="prompt")
        self.cursor_blink = False
        self._history = history
        self._candidates = candidates
        self._ask_kernel = ask_kernel
        self.code_runs = False
        """Then ctrl+c is for the code; else what is being typed goes, as at any Python prompt."""
        self._answering = False
        self._password = False
        self._draft = ""

    def on_resize(self) -> None:
        self.post_message(HeightChanged())

    # What stands there

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        if self._password:
            return Text("•" * len(line), end="", no_wrap=True)
        if self._answering or not line.plain.strip():
            return line
        return coloured_line(line, self.text, line_index)

    def put(self, code: str) -> None:
        """Put code in place of what stands there, and the cursor at its end."""
        self.replace(code, (0, 0), self.document.end, maintain_selection_offset=False)
        self.move_cursor(self.document.end)

    @property
    def cursor(self) -> int:
        """As an index into `text`."""
        row, column = self.cursor_location
        return sum(len(self.document.get_line(index)) + 1 for index in range(row)) + column

    @property
    def word(self) -> str:
        """The name at the cursor; empty where there is none."""
        before, after = self.text[: self.cursor], self.text[self.cursor :]
        start = re.search(r"\w*\Z", before)
        end = re.match(r"\w*", after)
        return (start[0] if start else "") + (end[0] if end else "")

    def replace_before_cursor(self, start: int, text: str) -> None:
        """`text` in place of what stands between `start`, an index into the text, and the cursor."""
        self.replace(text, self._location(start), self.cursor_location, maintain_selection_offset=False)
        self.move_cursor(self._location(start + len(text)))

    def _location(self, index: int) -> tuple[int, int]:
        before = self.text[:index]
        return before.count("\n"), index - (before.rfind("\n") + 1)

    # Answering `input()`

    @property
    def is_answering(self) -> bool:
        return self._answering

    def begin_answer(self, *, password: bool) -> None:
        """From now on Enter answers. What was being typed comes back afterwards."""
        self._candidates.close()
        if not self._answering:
            self._draft = self.text
        self._answering, self._password = True, password
        self.put("")

    def end_answer(self) -> None:
        if self._answering:
            self._answering = self._password = False
            self.put(self._draft)

    def action_end_input(self) -> None:
        if self._answering and not self.text:
            self.post_message(InputAnswered(None))
        else:
            self.action_delete_right()

    # Running

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            await self._enter()
        elif event.key == "ctrl+c" and not self.code_runs:
            # Here and not by the pane's binding, which would come after keys that were typed behind this one.
            event.stop()
            event.prevent_default()
            self._candidates.close()
            self.put("")

    async def _enter(self) -> None:
        if self._answering:
            self.post_message(InputAnswered(self.text))
        elif self._candidates.is_open:
            self._candidates.close()
        elif self._is_before_more():
            self.action_new_line()
        else:
            # Keys that come meanwhile wait their turn behind this one.
            found = await self._ask_kernel(self.text)
            if found.status == "unknown":
                found = completeness.guess(self.text)
            if found.status == "incomplete":
                self.insert("\n" + found.indent)
            else:
                self.action_run()

    def _is_before_more(self) -> bool:
        """Whether the cursor stands in the midst of several lines."""
        return "\n" in self.text and bool(self.text[self.cursor :].strip())

    def action_run(self) -> None:
        code = self.text.rstrip()
        if self._answering or not code:
            return
        self._candidates.close()
        self._history.add(code)
        self.put("")
        self.post_message(CodeSubmitted(code))

    def action_new_line(self) -> None:
        row, column = self.cursor_location
        line = self.document.get_line(row)[:column]
        self.insert("\n" + line[: len(line) - len(line.lstrip())])

    # History

    def action_cursor_up(self, select: bool = False) -> None:  # noqa: FBT001, FBT002 - as TextArea declares it
        if self._candidates.is_open:
            self._choose(rows=-1)
        elif select or self._answering or not self.navigator.is_first_wrapped_line(self.cursor_location):
            super().action_cursor_up(select)
        elif (entry := self._history.before(self.text)) is not None:
            self.put(entry)

    def action_cursor_down(self, select: bool = False) -> None:  # noqa: FBT001, FBT002
        if self._candidates.is_open:
            self._choose(rows=1)
        elif select or self._answering or not self.navigator.is_last_wrapped_line(self.cursor_location):
            super().action_cursor_down(select)
        elif (entry := self._history.after(self.text)) is not None:
            self.put(entry)

    def action_cursor_page_up(self) -> None:
        self.post_message(PageTurned(-1))

    def action_cursor_page_down(self) -> None:
        self.post_message(PageTurned(1))

    # Completion

    def action_complete(self) -> None:
        row, column = self.cursor_location
        if self._candidates.is_open:
            self._choose(columns=1)
        elif self._answering or not self.document.get_line(row)[:column].strip():
            self.insert(" " * self._find_columns_to_next_tab_stop())
        else:
            self.post_message(CompletionWanted())

    def action_complete_back(self) -> None:
        if self._candidates.is_open:
            self._choose(columns=-1)

    def offer(self, names: tuple[str, ...], start: int) -> None:
        """The names that could stand from `start` up to the cursor: a single one is taken."""
        if not names:
            return
        self._candidates.open(names, start)
        if len(self._candidates.common) > self.cursor - start or len(names) == 1:
            self.replace_before_cursor(start, self._candidates.common)
        if len(names) == 1:
            self._candidates.close()

    def _choose(self, columns: int = 0, rows: int = 0) -> None:
        self._candidates.move(columns, rows)
        if self._candidates.chosen is not None:
            self.replace_before_cursor(self._candidates.start, self._candidates.chosen)

    def on_text_area_changed(self) -> None:
        """What is typed on narrows the candidates down."""
        if self._candidates.is_open and self._candidates.chosen is None:
            if self.cursor < self._candidates.start:
                self._candidates.close()
            else:
                self._candidates.narrow(self.text[self._candidates.start : self.cursor])
        elif self._candidates.is_open and self.text[self._candidates.start : self.cursor] != self._candidates.chosen:
            self._candidates.close()

    def action_leave(self) -> None:
        if self._candidates.is_open:
            self._candidates.close()
        else:
            self.post_message(PromptLeft())
