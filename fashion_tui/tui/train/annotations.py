"""What the user writes about a run, and the runs that the user deletes and restores."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.text import Text

from fashion_tui.report.formatting import format_bytes, printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.runs import notes, trash
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import RunSummary, short_name
from fashion_tui.tui.actions import key_of
from fashion_tui.tui.dialogs.choice import Choice, ChoiceDialog
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.dialogs.text import LongTextDialog, TextDialog
from fashion_tui.tui.pane import Pane

from .requests import RunRequests


class Annotations:
    """Dialogs that give a run a title, tags and a note, delete it, and restore deleted runs."""

    def __init__(self, pane: Pane, requests: RunRequests) -> None:
        self._pane = pane
        self._requests = requests

    @property
    def _runs_directory(self) -> Path:
        return self._pane.lab_app.settings.runs_directory

    def rename(self, run: RunSummary) -> None:
        """Ask for the title of a run."""
        title = f"Title of {short_name(run.run)} (leave empty to remove)"
        self._ask(TextDialog(title, run.title, partial(_store, run, lambda run, text: notes.rename(run.folder, text))))

    def tag(self, run: RunSummary) -> None:
        """Ask for the tags of a run."""
        title = f"Tags of {short_name(run.run)}, separated by spaces"
        self._ask(TextDialog(title, " ".join(run.tags), partial(_store, run, _set_tags)))

    def write_note(self, run: RunSummary) -> None:
        """Ask for the note on a run."""
        store = partial(_store, run, lambda run, text: notes.write_note(run.folder, text))
        self._ask(LongTextDialog(f"Note on {short_name(run.run)}", run.note, store))

    def _ask(self, dialog: TextDialog) -> None:
        async def ask() -> None:
            if await self._pane.app.push_screen_wait(dialog):
                self._pane.lab_app.refresh_runs()

        self._pane.lab_app.hold_input(self._pane.start_worker(ask, "annotations"))

    def delete(self, summary: RunSummary) -> None:
        """Ask whether to delete a run, then move it to the trash."""
        name, path = short_name(summary.run), Path(summary.path)
        question = (
            f"Delete {name} ({format_bytes(summary.disk_bytes)})?\n"
            f"Press {key_of('train', 'restore')} within {trash.KEPT_DAYS} days to restore it."
        )

        def delete() -> str:
            with Run(path) as run:
                trash.delete(run, self._runs_directory)
            self._pane.lab_app.refresh_runs()
            return f"Deleted {name}; press {key_of('train', 'restore')} to restore it"

        async def ask() -> None:
            if await self._pane.app.push_screen_wait(ConfirmDialog(question)):
                self._requests.start(path, "deleting", delete)

        self._pane.lab_app.hold_input(self._pane.start_worker(ask, "annotations"))

    def restore(self, show: Callable[[Path], None]) -> None:
        """Ask which deleted run to restore, and call `show` with its path."""

        def restore(run: str) -> str:
            path = trash.restore(self._runs_directory, run)
            self._pane.app.call_from_thread(show, path)
            return f"Restored {short_name(run)}"

        async def ask() -> None:
            try:
                deleted = await asyncio.to_thread(trash.deleted_runs, self._runs_directory)
            except UserError as error:
                self._pane.notify(str(error), severity="error", markup=False)
                return
            if not deleted:
                self._pane.notify("There are no deleted runs.")
                return
            choices = [Choice(run.run, _deleted_label(run, when)) for run, when in deleted]
            chosen = await self._pane.app.push_screen_wait(ChoiceDialog("Restore a deleted run", choices))
            if chosen is not None:
                self._requests.start(self._runs_directory / chosen, "restoring", partial(restore, chosen))

        self._pane.lab_app.hold_input(self._pane.start_worker(ask, "annotations"))


def _store(summary: RunSummary, change: Callable[[Run, str], object], text: str) -> None:
    with Run(Path(summary.path)) as run:
        change(run, text)


def _set_tags(run: Run, text: str) -> None:
    tags = text.split()
    notes.tag(run.folder, add=tags, remove=set(notes.read_notes(run.folder).tags) - set(tags))


def _deleted_label(run: RunSummary, when: float) -> Text:
    name = printable(f"{short_name(run.run)}  {run.title}".rstrip(), terminal_glyphs())
    deleted = time.strftime("%Y-%m-%d %H:%M", time.localtime(when))
    return Text.assemble((name, FOREGROUND), (f"  deleted {deleted}, {format_bytes(run.disk_bytes)}", MUTED))
