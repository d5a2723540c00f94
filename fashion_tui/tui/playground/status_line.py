"""The status line below the prompt, which shows what the kernel is doing or which keys the transcript accepts."""

import time

from rich.text import Text
from textual.widgets import Static

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION, BAD, MUTED
from fashion_tui.tui.actions import IN_PANE

from .messages import HeightChanged, KernelStatus
from .prompt.editor import Prompt
from .transcript.transcript import Transcript

SHORT_RUN = 0.5
"""Delay before the status line reports a running cell, in seconds."""

INTERRUPT_PATIENCE = 2.0
"""Delay between an interrupt and the suggestion to restart the kernel, in seconds."""

_KEYS = {action.name: action.key_text for action in IN_PANE["playground"]}


class StatusLine(Static):
    """The status line, which is hidden while it is empty."""

    def __init__(self, prompt: Prompt, transcript: Transcript) -> None:
        super().__init__(id="status")
        self._prompt = prompt
        self._transcript = transcript
        self._status = KernelStatus("starting", 1, 0)
        self._since = time.monotonic()
        """Time at which the kernel entered its current state."""
        self._interrupted_at: float | None = None
        """Time at which the running cell was last interrupted."""
        self._shown = Text()

    def on_mount(self) -> None:
        self.refresh_text()
        self.set_interval(1.0, self.refresh_text)

    def show_status(self, status: KernelStatus) -> None:
        if status.state != self._status.state:
            self._since = time.monotonic()
            self._interrupted_at = None
            if status.state == "busy":
                self.set_timer(SHORT_RUN, self.refresh_text)
        self._status = status
        self.refresh_text()

    def interrupt_sent(self) -> None:
        self._interrupted_at = time.monotonic()

    def refresh_text(self) -> None:
        text = self._text()
        if text == self._shown:
            return  # avoid needless updates: each one lays out the whole screen again
        self._shown = text
        self.update(text)
        if self.display != bool(text):
            self.display = bool(text)
            self.post_message(HeightChanged())

    def _text(self) -> Text:
        if self._prompt.is_answering:
            return Text("waiting for input · enter sends it · ^d ends the input", MUTED)
        if text := self._kernel_text():
            return text
        if not self._transcript.has_focus:
            return Text()
        if self._transcript.selected is None:
            return Text(f"{terminal_glyphs().key_names('↑ ↓')} select a cell · enter returns to the prompt", MUTED)
        result, code = _KEYS["copy_result"], _KEYS["copy_code"]
        return Text(f"enter edits the cell · {result} copies its result · {code} copies its code", MUTED)

    def _kernel_text(self) -> Text:
        now = time.monotonic()
        seconds = now - self._since
        match self._status.state:
            case "starting":
                return Text(f"starting the kernel {terminal_glyphs().ellipsis}", MUTED)
            case "dead":
                return Text("no kernel · run a cell to start one", BAD)
            case "busy" if seconds >= SHORT_RUN:
                if self._interrupted_at is not None and now - self._interrupted_at > INTERRUPT_PATIENCE:
                    return Text(f"the interrupt was ignored · {_KEYS['restart']} restarts the kernel", ATTENTION)
                queued = f" · {self._status.queued} queued" if self._status.queued else ""
                return Text(f"running {seconds:.0f} s{queued} · {_KEYS['interrupt']} interrupts", MUTED)
        return Text()
