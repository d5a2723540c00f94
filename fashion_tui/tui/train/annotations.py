"""What the user writes about a run, and the runs that the user deletes and restores."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from rich.text import Text

from fashion_tui.report.formatting import format_bytes, printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.runs import notes, trash
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import RunSummary, short_name, titled_name
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

    def rename(self, runs: Sequence[RunSummary]) -> None:
        """Ask for the title of the runs."""
        title = f"Title of {_names(runs)} (leave empty to remove)"
        titles = {run.title for run in runs}
        store = partial(_store, runs, lambda run, text: notes.rename(run.folder, text))
        self._ask(TextDialog(title, titles.pop() if len(titles) == 1 else "", store))

    def tag(self, runs: Sequence[RunSummary]) -> None:
        """Ask for the tags of the runs. For several runs, only their common tags are changed."""
        common = [tag for tag in runs[0].tags if all(tag in run.tags for run in runs)]
        title = f"{'Tags' if len(runs) == 1 else 'Common tags'} of {_names(runs)}, separated by spaces"
        self._ask(TextDialog(title, " ".join(common), partial(_store, runs, partial(_set_tags, common))))

    def write_note(self, run: RunSummary) -> None:
        """Ask for the note on a run."""
        store = partial(_store, [run], lambda run, text: notes.write_note(run.folder, text))
        self._ask(LongTextDialog(f"Note on {short_name(run.run)}", run.note, store))

    def _ask(self, dialog: TextDialog) -> None:
        async def ask() -> None:
            if await self._pane.app.push_screen_wait(dialog):
                self._pane.lab_app.refresh_runs()

        self._pane.lab_app.hold_input(self._pane.start_worker(ask, "annotations"))

    def delete(self, runs: Sequence[RunSummary]) -> None:
        """Ask whether to delete the runs, then move them to the trash. If one of them is live, none is deleted."""
        names, them = _names(runs), "it" if len(runs) == 1 else "them one at a time"
        listed = "" if len(runs) == 1 else f"{', '.join(map(_name, runs))}\n"
        restore = key_of("train", "restore")
        question = (
            f"Delete {names} ({format_bytes(sum(run.disk_bytes for run in runs))})?\n{listed}"
            f"Press {restore} within {trash.KEPT_DAYS} days to restore {them}."
        )

        def delete() -> str:
            with ExitStack() as stack:
                opened = [stack.enter_context(Run(Path(run.path))) for run in runs]
                for run in opened:
                    trash.check_deletable(run, self._runs_directory)
                for run in opened:
                    trash.delete(run, self._runs_directory)
            self._pane.lab_app.refresh_runs()
            return f"Deleted {names}; press {restore} to restore {them}"

        async def ask() -> None:
            if await self._pane.app.push_screen_wait(ConfirmDialog(question)):
                self._requests.start(self._runs_directory, "deleting", delete)

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


def _names(runs: Sequence[RunSummary]) -> str:
    """Return the title and the short name of a run, or the number of runs if there are several."""
    return _name(runs[0]) if len(runs) == 1 else f"the {len(runs)} marked runs"


def _name(run: RunSummary) -> str:
    return printable(titled_name(run.run, run.title), terminal_glyphs())


def _store(runs: Sequence[RunSummary], change: Callable[[Run, str], object], text: str) -> None:
    for summary in runs:
        with Run(Path(summary.path)) as run:
            run.check_writable()
            change(run, text)


def _set_tags(previous: Sequence[str], run: Run, text: str) -> None:
    tags = text.split()
    notes.tag(run.folder, add=tags, remove=set(previous) - set(tags))


def _deleted_label(run: RunSummary, when: float) -> Text:
    name = printable(f"{short_name(run.run)}  {run.title}".rstrip(), terminal_glyphs())
    deleted = time.strftime("%Y-%m-%d %H:%M", time.localtime(when))
    return Text.assemble((name, FOREGROUND), (f"  deleted {deleted}, {format_bytes(run.disk_bytes)}", MUTED))
