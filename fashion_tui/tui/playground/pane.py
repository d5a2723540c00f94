"""What is a tensor, what does autograd do? A real Python kernel, and its output as it comes."""

import time
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Static

from fashion_tui.kernel.ansi import sanitize
from fashion_tui.kernel.outputs import State
from fashion_tui.report.style import ACCENT, ATTENTION
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.tui.actions import IN_PANE, PaneName, bindings
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.lab_app import DatasetState

from . import status_line, welcome
from .looking_up import LookingUpPane
from .messages import (
    CellFinished,
    CodeProposed,
    CodeSubmitted,
    InputAnswered,
    InputEnded,
    InputStarted,
    KernelStatus,
    PageTurned,
    PromptLeft,
    ScrollbackChanged,
    SidePanelLeft,
    TensorsListed,
)
from .prompt import history
from .prompt.completion import CompletionMenu
from .prompt.editor import Prompt
from .talk import Talk
from .transcript.transcript import Transcript
from .views.side_panel import SidePanel

TENSORS_SECONDS = 1.0
"""How long a key that needs the newest tensors waits for them."""


class PlaygroundPane(LookingUpPane):
    PANE: ClassVar[PaneName] = "playground"
    HELP: ClassVar[str] = welcome.HELP
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_PANE["playground"])
    DEFAULT_CSS = Path(__file__).with_name("pane.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._kernel = KernelStatus("starting", 1, 0)
        self._since = time.monotonic()
        """When the kernel's state began."""
        self._asked: InputStarted | None = None
        self._interrupted: float | None = None
        """When the code that runs was interrupted last."""
        self._begun = False
        self._painted: tuple[Text, Text] | None = None
        """The label before the prompt and the line below it."""

    def compose(self) -> ComposeResult:
        candidates = CompletionMenu()
        with Talk(id="talk"):
            yield Transcript(self._conversation.record)
            with Horizontal(id="entry"):
                yield Static(id="label")
                yield Prompt(self._history, candidates, self._conversation.is_complete)
            yield candidates
            yield Static(id="status")
        yield SidePanel(self._conversation.probe)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """The line of keys shows only what makes sense where one is."""
        if action == "complete":
            return self.query_one(Prompt).has_focus
        return action != "backward" or self.drawer.backward is not None

    def main_widget(self) -> Widget:
        """The prompt, or what has taken its place for a while."""
        if self.search is not None and self.search.is_open:
            return self.search.line
        transcript = self.query_one(Transcript)
        return self.query_one(Prompt) if transcript.chosen is None else transcript

    def on_mount(self) -> None:
        for line in welcome.LINES:
            self._conversation.record.add_note(line)
        self._show_kernel()
        self.set_interval(1.0, self._show_kernel)
        self.call_after_refresh(self._begin)
        self.watch(self.app, "dataset", self._dataset_found)

    async def _begin(self) -> None:
        """After the first paint."""
        from .views.tensors_line import TensorsLine  # noqa: PLC0415 -- it doesn't wait for this

        await self.query_one(Talk).mount(TensorsLine(), before="#status")
        await self.drawer.fill()
        await self.fill()
        self._history.load(history.default_path())
        if not self._history.entries:
            self._history.offer(welcome.EXAMPLES)

    async def on_unmount(self) -> None:
        await self._conversation.close()

    def shown(self) -> None:
        self.query_one(Transcript).show_record()

    def hidden(self) -> None:
        self.query_one(Transcript).chosen = None

    def _dataset_found(self, found: DatasetState | None) -> None:
        if found is None:
            return
        if not self._begun:
            self._begun = True
            self._converse(found.ref)
        else:
            self._conversation.change_dataset(found.ref)

    @work(group="kernel")
    async def _converse(self, dataset: DatasetRef) -> None:
        await self._conversation.run(dataset, self.lab_app.settings.runs_directory)

    @work(group="kernel restart", exclusive=True)
    async def _restart_kernel(self) -> None:
        await self._conversation.restart()

    # What the kernel tells

    @on(ScrollbackChanged)
    def _record_changed(self) -> None:
        if self.display:
            self.query_one(Transcript).show_record()

    @on(KernelStatus)
    def _kernel_changed(self, message: KernelStatus) -> None:
        if message.state != self._kernel.state:
            self._since = time.monotonic()
            self._interrupted = None
            if message.state == "busy":
                self.set_timer(status_line.SHORT, self._show_kernel)
            self._tell_drawer(message.state)
        self._kernel = message
        self.query_one(Prompt).code_runs = message.state == "busy"
        self._show_kernel()

    @on(InputStarted)
    def _input_asked(self, message: InputStarted) -> None:
        self._asked = message
        self.close_search()
        self.query_one(Prompt).begin_answer(password=message.password)
        self._show_kernel()

    @on(InputEnded)
    def _input_over(self) -> None:
        self._asked = None
        self.query_one(Prompt).end_answer()
        self._show_kernel()

    @on(CodeProposed)
    def _proposed(self, message: CodeProposed) -> None:
        self.query_one(Prompt).put(message.code)

    def _show_kernel(self) -> None:
        """The label before the prompt, and the line below it."""
        if self._asked is not None:
            label = Text(sanitize(self._asked.prompt).split("\n")[-1], ATTENTION)
        else:
            label = Text(f"In [{self._kernel.count}]: ", ACCENT)
        text = self._status()
        if (label, text) == self._painted:
            return  # an update lays the whole screen out anew
        self._painted = (label, text)
        self.query_one("#label", Static).update(label)
        status = self.query_one("#status", Static)
        status.update(text)
        if status.display != bool(text):
            status.display = bool(text)
            talk = self.query_one(Talk)
            talk.call_after_refresh(talk.fit)

    def _status(self) -> Text:
        if self._asked is not None:
            return status_line.ANSWERING
        now = time.monotonic()
        since_interrupt = None if self._interrupted is None else now - self._interrupted
        transcript = self.query_one(Transcript)
        words = status_line.kernel_words(self._kernel, now - self._since, since_interrupt)
        if words or not transcript.has_focus:
            return words
        return status_line.reading_words(is_chosen=transcript.chosen is not None)

    def _tell_drawer(self, state: State) -> None:
        if state == "idle":
            self.drawer.renew()
        elif state in {"dead", "starting"}:
            self.drawer.forget()

    @on(CellFinished)
    def _cell_ended(self, message: CellFinished) -> None:
        self.drawer.cell_ended(message.code, is_good=message.is_good)

    @on(TensorsListed)
    def _tensors_listed(self, message: TensorsListed) -> None:
        from .views.tensors_line import TensorsLine  # noqa: PLC0415

        for line in self.query(TensorsLine):
            line.found = message.found

    @property
    def drawer(self) -> SidePanel:
        return self.query_one(SidePanel)

    # What the person does

    @on(CodeSubmitted)
    def _submitted(self, message: CodeSubmitted) -> None:
        self._conversation.submit(message.code)
        self.close_docs()
        transcript = self.query_one(Transcript)
        transcript.choose_none()
        transcript.scroll_end(animate=False)

    @on(InputAnswered)
    async def _answered(self, message: InputAnswered) -> None:
        self._asked = None
        self.query_one(Prompt).end_answer()
        self._show_kernel()
        await self._conversation.answer(message.text)

    @on(PromptLeft)
    def _prompt_left(self) -> None:
        if not self.close_docs():
            self.query_one(Transcript).focus()

    @on(PageTurned)
    def _page_turned(self, message: PageTurned) -> None:
        transcript = self.query_one(Transcript)
        if self.docs is not None and self.docs.is_open:
            self.docs.turn(message.pages)
        else:
            transcript.scroll_relative(y=message.pages * (transcript.size.height - 1), animate=False)

    def action_run(self) -> None:
        """From outside the prompt: the way back into it, with the code of the cell that is chosen."""
        prompt, transcript = self.query_one(Prompt), self.query_one(Transcript)
        if prompt.has_focus:
            prompt.action_run()
            return
        self.close_search()
        if transcript.chosen is not None and not prompt.is_answering:
            prompt.put(transcript.chosen.code)
        transcript.choose_none()
        prompt.focus()

    def action_move(self, _right: int, down: int) -> None:
        transcript = self.query_one(Transcript)
        transcript.focus()
        transcript.choose(down)
        self._show_kernel()

    def action_back(self) -> None:
        if not self.close_docs():
            transcript = self.query_one(Transcript)
            transcript.focus()
            transcript.choose_none()
            self._show_kernel()

    async def action_interrupt(self) -> None:
        if self._kernel.state == "busy":
            self._interrupted = time.monotonic()
            await self._conversation.interrupt()
        else:
            self.close_search()

    def action_restart(self) -> None:
        question = ConfirmDialog("Restart the kernel? What you defined in it is lost.")
        self.app.push_screen(question, self._restart_if)

    def _restart_if(self, yes: bool | None) -> None:  # noqa: FBT001 - the answer to a question
        if yes:
            self._restart_kernel()

    def on_descendant_focus(self) -> None:
        self._show_kernel()

    # The drawer

    def action_tensors(self) -> None:
        self.drawer.open_tensors()

    async def action_lessons(self) -> None:
        await self.drawer.open_lessons()

    @work(group="graph", exclusive=True)
    async def action_graph(self) -> None:
        if self.drawer.tensors is not None:
            await self.drawer.tensors.up_to_date(TENSORS_SECONDS)
        name = self._tensor_meant(tracked=True)
        if name is None and self._kernel.state != "idle":
            self.notify("The kernel is busy: the graph is there as soon as it has told of its tensors.")
        elif name is None:
            self.notify("There is no graph yet: make a tensor with requires_grad=True and compute with it.")
        else:
            await self.drawer.open_graph(name)

    async def action_reshape(self) -> None:
        await self.drawer.open_reshape(self._tensor_meant(tracked=False))

    async def action_arithmetic(self) -> None:
        await self.drawer.open_arithmetic()

    def action_backward(self) -> None:
        self.drawer.run_backward()

    def _tensor_meant(self, *, tracked: bool) -> str | None:
        """The tensor at the prompt's cursor, or that under the table's, else the newest; `tracked`: with a graph."""
        if self.drawer.tensors is None:
            return None
        rows = self.drawer.tensors.found.rows
        names = [row.name for row in rows if row.requires_grad or not tracked]
        computed = [row.name for row in rows if row.origin not in {"", "leaf"}]
        chosen = self.drawer.tensors.chosen
        here = (
            chosen.name if chosen is not None and self.drawer.tensors.has_focus_within else self.query_one(Prompt).word
        )
        return here if here in names else next(reversed(computed if tracked and computed else names), None)

    @on(SidePanelLeft)
    def _drawer_left(self) -> None:
        self.main_widget().focus()
