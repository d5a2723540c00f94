"""The read-eval-print loop: the transcript and, below it, the prompt, completions, documentation and history search."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Static

from fashion_tui.kernel.ansi import sanitize
from fashion_tui.report.style import ACCENT, ATTENTION, MUTED

from . import welcome
from .cell_runner import CellRunner
from .messages import (
    HeightChanged,
    InputAnswered,
    InputEnded,
    InputStarted,
    KernelStatus,
    PageScrolled,
    PromptLeft,
    SearchClosed,
    WidthChanged,
)
from .prompt.completion import CompletionMenu
from .prompt.editor import Prompt
from .prompt.history import History, default_path
from .status_line import StatusLine
from .transcript.transcript import Transcript

if TYPE_CHECKING:  # these imports would delay the first paint
    from fashion_tui.schema.tensors import TensorList

    from .prompt.documentation import Documentation
    from .prompt.search import HistorySearch
    from .views.tensors import TensorsLine


class Repl(Vertical):
    """The transcript, the prompt and the status line.

    The transcript fills the height left over by the other widgets.
    """

    DEFAULT_CSS = Path(__file__).with_name("repl.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False

    transcript = getters.query_one(Transcript)
    prompt = getters.query_one(Prompt)
    _prompt_row = getters.query_one("#prompt-row", Horizontal)
    _label = getters.query_one("#prompt-label", Static)
    _status_line = getters.query_one(StatusLine)

    def __init__(self) -> None:
        super().__init__()
        self.runner = CellRunner(self.post_message)
        self._history = History()
        self._search: HistorySearch | None = None
        self._documentation: Documentation | None = None
        self._tensors_line: TensorsLine | None = None
        """The one-line list of tensors. Like the search and the documentation, it is None until `load` is called."""
        self._cell_number = 1
        self._input: InputStarted | None = None
        """The pending `input()` call, or None if no call is waiting for an answer."""
        self._shown_label = Text()

    def compose(self) -> ComposeResult:
        menu = CompletionMenu()
        transcript = Transcript(self.runner.scrollback)
        prompt = Prompt(self.runner, self._history, menu)
        yield transcript
        with Horizontal(id="prompt-row"):
            yield Static(id="prompt-label")
            yield prompt
        yield menu
        yield StatusLine(prompt, transcript)

    def on_mount(self) -> None:
        for line in welcome.LINES:
            self.runner.scrollback.add_note(line)
        self._show_label()

    async def on_unmount(self) -> None:
        await self.runner.close()

    async def load(self) -> None:
        """Create the widgets that aren't needed for the first paint."""
        from .prompt.documentation import Documentation
        from .prompt.search import HistorySearch
        from .views.tensors import TensorsLine

        self._search, self._documentation = HistorySearch(self._history), Documentation(self.runner)
        self._tensors_line = TensorsLine()
        await self.mount(self._search, self._documentation, self._tensors_line, before=self._status_line)
        self._history.load(default_path())
        if not self._history.entries:
            self._history.add_examples(welcome.EXAMPLES)

    def main_widget(self) -> Widget:
        """Return the widget to focus: the open search, the transcript if a cell is selected, or else the prompt."""
        if self._search is not None and self._search.is_open:
            return self._search.line
        return self.prompt if self.transcript.selected is None else self.transcript

    def show_tensors(self, tensors: "TensorList") -> None:
        """Update the one-line list of tensors that is shown on narrow screens."""
        if self._tensors_line is not None:
            self._tensors_line.tensors = tensors

    # Layout

    def on_resize(self) -> None:
        self._fit()

    @on(HeightChanged)
    def _height_changed(self, message: HeightChanged) -> None:
        message.stop()
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """Limit the heights of the documentation and the transcript so that all widgets fit."""
        heights = {child: child.outer_size.height for child in self.displayed_children if child is not self.transcript}
        if self._documentation is not None:
            others = sum(height for child, height in heights.items() if child is not self._documentation)
            self._documentation.styles.max_height = max(1, min(self.size.height // 2, self.size.height - others - 2))
        self.transcript.styles.max_height = max(1, self.size.height - sum(heights.values()))

    @on(WidthChanged)
    def _width_changed(self, message: WidthChanged) -> None:
        message.stop()
        if message.columns:
            self.runner.set_width(message.columns)

    # The kernel

    @on(KernelStatus)
    def _status_changed(self, message: KernelStatus) -> None:
        self._cell_number = message.cell_number
        self.prompt.kernel_is_busy = message.state == "busy"
        self._status_line.show_status(message)
        self._show_label()

    @on(InputStarted)
    def _input_started(self, message: InputStarted) -> None:
        self._input = message
        self.close_search()
        self.prompt.start_answer(password=message.password)
        self._show_label()

    @on(InputEnded)
    def _input_ended(self) -> None:
        self._input = None
        self.prompt.end_answer()
        self._show_label()

    @on(InputAnswered)
    async def _input_answered(self, message: InputAnswered) -> None:
        self._input_ended()
        await self.runner.answer_input(message.text)

    def _show_label(self) -> None:
        """Label the prompt with the number of the cell, or with the prompt of `input()`."""
        if self._input is None:
            # Use `assemble`, which stores the style as a span: `!=` ignores base styles, so it would miss a change of
            # focus.
            label = Text.assemble((f"In [{self._cell_number}]: ", ACCENT if self.prompt.has_focus else MUTED))
        else:
            label = Text(sanitize(self._input.prompt).split("\n")[-1], ATTENTION)
        if label != self._shown_label:  # avoid needless updates: each one lays out the whole screen again
            self._shown_label = label
            self._label.update(label)
        self._status_line.refresh_text()

    async def interrupt(self) -> None:
        """Interrupt the running cell."""
        self._status_line.interrupt_sent()
        await self.runner.interrupt()

    # The prompt

    def submit(self, code: str, *, is_in_history: bool) -> None:
        """Run a cell and scroll to the end, where its output will appear."""
        if not is_in_history:
            self._history.add(code)
        self.runner.submit(code)
        self.close_documentation()
        self.transcript.clear_selection()
        self.transcript.scroll_end(animate=False)

    @on(PageScrolled)
    def _page_scrolled(self, message: PageScrolled) -> None:
        if self._documentation is not None and self._documentation.is_open:
            self._documentation.scroll_pages(message.pages)
        else:
            rows = message.pages * (self.transcript.size.height - 1)
            self.transcript.scroll_relative(y=rows, animate=False)

    def open_search(self) -> None:
        if self._search is not None and not self.prompt.is_answering:
            self.close_documentation()
            self._prompt_row.display = False
            self._search.open()

    @on(SearchClosed)
    def _search_closed(self, message: SearchClosed) -> None:
        if message.entry is not None:
            self.prompt.set_text(message.entry)
        self.close_search()

    def close_search(self) -> None:
        if self._search is not None and self._search.is_open:
            self._search.close()
            self._prompt_row.display = True
            self.screen.set_focus(self.prompt)  # `focus` would take effect only after the next key

    def toggle_documentation(self) -> None:
        """Show the documentation of the name at the cursor. If it is already shown, close the panel."""
        if self._documentation is not None:
            self._documentation.toggle(self.prompt.text, self.prompt.cursor_index)

    def close_documentation(self) -> bool:
        """Close the documentation. Return whether it was open."""
        return self._documentation is not None and self._documentation.close()

    # The transcript

    @on(PromptLeft)
    def _prompt_left(self) -> None:
        if not self.close_documentation():
            self.transcript.focus()

    def select_cell(self, cells: int) -> None:
        """Focus the transcript and move its selection by this number of cells."""
        self.transcript.focus()
        self.transcript.select(cells)
        self._status_line.refresh_text()

    def clear_selection(self) -> None:
        """Focus the transcript and clear its selection."""
        self.transcript.focus()
        self.transcript.clear_selection()
        self._status_line.refresh_text()

    def return_to_prompt(self) -> None:
        """Focus the prompt. If a cell is selected, put its code into the prompt."""
        self.close_search()
        if self.transcript.selected is not None and not self.prompt.is_answering:
            self.prompt.set_text(self.transcript.selected.code)
        self.transcript.clear_selection()
        self.prompt.focus()

    def on_descendant_focus(self) -> None:
        self._show_label()

    def on_descendant_blur(self) -> None:
        self._show_label()
