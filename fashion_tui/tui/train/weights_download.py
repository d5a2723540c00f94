"""The dialog that downloads the pretrained weights of a network before a run starts."""

import asyncio
import threading
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from fashion_tui.data.pretrained import download_weights
from fashion_tui.report.formatting import format_bytes, printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, MUTED
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.fine_tuning import PublishedWeights
from fashion_tui.tui.actions import key_hints
from fashion_tui.tui.dialogs.dialog import Dialog

BAR_WIDTH = 30
"""Width of the progress bar, in columns."""

REFRESH_SECONDS = 0.5


class WeightsDownload(Dialog[bool]):
    """Downloads pretrained weights. The result is True if they are on this machine, and False if the user cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "cancel", "cancel")]
    DEFAULT_CSS = Path(__file__).with_name("weights_download.tcss").read_text(encoding="utf-8")

    status = getters.query_one("#status", Static)

    def __init__(self, source: PublishedWeights) -> None:
        super().__init__()
        self._source = source
        self._done, self._total = 0, 0
        self._cancelled = threading.Event()

    def compose(self) -> ComposeResult:
        glyphs = terminal_glyphs()
        with Vertical(classes="panel"):
            yield Static(Text.assemble(("Downloading weights", "bold"), (f"   {self._source.name}", MUTED)))
            yield Static(Text(f"connecting {glyphs.ellipsis}", MUTED), id="status", markup=False)
            yield Static(key_hints(("esc", "cancel")))

    def on_mount(self) -> None:
        self.set_interval(REFRESH_SECONDS, self._show_progress)
        self._download()

    @work
    async def _download(self) -> None:
        try:
            await asyncio.to_thread(download_weights, self._source, self._progress)
        except UserError as error:
            self._total = 0
            self.status.update(Text(printable(str(error), terminal_glyphs()), ATTENTION))
        except _Cancelled:
            pass
        else:
            self.dismiss(True)

    def _progress(self, done: int, total: int) -> None:
        """Called in the thread that downloads the weights."""
        if self._cancelled.is_set():
            raise _Cancelled
        self._done, self._total = done, total

    def _show_progress(self) -> None:
        if not self._total:
            return
        glyphs, share = terminal_glyphs(), self._done / self._total
        bar = f"{glyphs.bar(share, BAR_WIDTH):<{BAR_WIDTH}}"
        sizes = f"  {format_bytes(self._done)} of {format_bytes(self._total)}"
        self.status.update(Text.assemble((bar, ACCENT), (sizes, MUTED)))

    def on_unmount(self) -> None:
        self._cancelled.set()

    def action_cancel(self) -> None:
        self.dismiss(False)


class _Cancelled(Exception):
    """Raised in the thread that downloads the weights when the user cancels the download."""
