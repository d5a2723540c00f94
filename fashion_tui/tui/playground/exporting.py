"""The Playground's part that hands things out: a session to a file, a cell to the clipboard, the kernel to others.

What only a saved file needs is imported then: the first paint doesn't wait for it.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from textual import work

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.kernel import KernelSetup
from fashion_tui.tui.clipboard import size_problem, tmux_hint
from fashion_tui.tui.pane import Pane

from .cell_runner import CellRunner
from .transcript.cells import Cell
from .transcript.transcript import Transcript

SHORT, LONG = 3.0, 12.0
"""Seconds that a word on what was copied stands there; longer where it is to be read off."""


class ExportingPane(Pane):
    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._conversation = CellRunner(self.post_message)

    # A session to a file

    def action_save(self) -> None:
        if self._conversation.record.cells.newest is None:
            self.notify("Nothing was run yet that could be saved.")
            return
        from .transcript.session_file import NOTEBOOK

        self._ask_where(Path.cwd() / time.strftime(f"playground-%Y%m%d-%H%M%S{NOTEBOOK}"))

    def _ask_where(self, path: Path, problem: str = "") -> None:
        from fashion_tui.tui.dialogs.save import SaveDialog

        from .transcript.session_file import NOTEBOOK, PYTHON

        title = f"Save the session to a notebook ({NOTEBOOK}) or to Python ({PYTHON})"
        self.app.push_screen(SaveDialog(title, path, (NOTEBOOK, PYTHON), problem), self._save_to)

    def _save_to(self, path: Path | None) -> None:
        if path is not None:
            self._save(path)

    @work(group="save")
    async def _save(self, path: Path) -> None:
        from fashion_tui.tui.dialogs.save import save

        from .transcript.session_file import session_text

        cells = [cell.copied() for cell in self._conversation.record.cells]
        dataset = self.lab_app.dataset
        world = KernelSetup(
            dataset=dataset.ref if dataset else None, runs_directory=str(self.lab_app.settings.runs_directory)
        )
        try:
            text = await asyncio.to_thread(session_text, path.suffix, cells, world)
            await asyncio.to_thread(save, path, text)
        except UserError as error:
            self._ask_where(path, str(error))
        else:
            self.notify(f"saved: {path}", markup=False)

    # A cell to the clipboard

    def action_copy_result(self) -> None:
        self._copy_of_cell(Cell.text)

    def action_copy_code(self) -> None:
        self._copy_of_cell(lambda cell: cell.code)

    @work(group="copy", exclusive=True)
    async def _copy_of_cell(self, part: Callable[[Cell], str]) -> None:
        """Of the cell that is chosen, else of the newest."""
        cell = self.query_one(Transcript).chosen or self._conversation.record.cells.newest
        if cell is None:
            self.notify("Nothing was run yet that could be copied.")
        elif text := await asyncio.to_thread(part, cell.copied()):
            self._copy(text, f"{len(text):,} characters", SHORT)
        else:
            self.notify(f"In [{cell.number}] put nothing out.")

    def _copy(self, text: str, name: str, seconds: float) -> None:
        if problem := size_problem(text):
            self.notify(problem, severity="warning", markup=False)
        else:
            self.app.copy_to_clipboard(text)
            self.notify(f"copied: {name}{tmux_hint(os.environ)}", timeout=seconds, markup=False)

    # The kernel to other front ends

    def action_copy_console_command(self) -> None:
        from fashion_tui.kernel.runtime_directory import console_command

        session = self._conversation.session
        if session is None or session.connection_file is None:
            self.notify("No kernel is ready: run something first.")
        else:
            command = console_command(session.connection_file)
            self._copy(command, command, LONG)
