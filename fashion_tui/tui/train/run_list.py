"""The list of runs. Marked runs are compared with each other."""

from collections.abc import Iterable
from dataclasses import dataclass

from textual.message import Message

from fashion_tui.report.charts.chart import MAX_RUNS
from fashion_tui.report.charts.colours import LETTERS
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.schema.run import RunSummary
from fashion_tui.tui.widgets.row_list import RowList

from .arrangement import Arrangement
from .run_lines import RunLines


class RunList(RowList):
    @dataclass
    class MarksChanged(Message):
        """The user has marked or unmarked a run, or a marked run was removed."""

        marked: tuple[str, ...]

    class LettersChanged(Message):
        """The letters of runs have changed."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._arrangement = Arrangement()
        self._listed: dict[str, RunSummary] = {}
        """The listed runs, by id."""
        self._newest: dict[str, RunSummary] = {}
        """All runs in their newest state, by id. The rows may show an older state until the list is arranged again."""
        self._marked: tuple[str, ...] = ()
        self._lettered: tuple[str, ...] = ()
        """Ids of the runs in the charts. Empty if only one run is displayed and it isn't marked."""

    @property
    def runs(self) -> tuple[RunSummary, ...]:
        """The listed runs."""
        return self._arrangement.runs

    @property
    def chosen_run(self) -> RunSummary | None:
        """The run under the cursor in its newest state, which its row may not show yet."""
        listed = self._listed.get(self.chosen or "")
        return None if listed is None else self._newest.get(listed.run, listed)

    @property
    def marked(self) -> tuple[str, ...]:
        """Ids of the marked runs, in the order in which they were marked. A filter may hide some of them."""
        return self._marked

    def toggle_mark(self) -> bool:
        """Mark the run under the cursor, or unmark it. Return False, without marking it, if MAX_RUNS are marked."""
        run = self.chosen_run
        if run is None:
            return True
        if run.run in self._marked:
            self._mark(tuple(other for other in self._marked if other != run.run))
        elif len(self._marked) < MAX_RUNS:
            self._mark((*self._marked, run.run))
        else:
            return False
        return True

    def unmark_all(self) -> None:
        self._mark(())

    def _mark(self, runs: tuple[str, ...]) -> None:
        if runs != self._marked:
            self._marked = runs
            self.post_message(self.MarksChanged(runs))

    def update_runs(self, runs: Iterable[RunSummary]) -> None:
        """Replace all runs, including those that the filter hides. Runs that are no longer among them are unmarked.

        This takes effect immediately, so that a key acts on the newest state. The rows don't change until `show`.
        """
        self._newest = {run.run: run for run in runs}
        self._mark(tuple(run for run in self._marked if run in self._newest))

    def show(self, arrangement: Arrangement) -> None:
        """Replace the listed runs."""
        self._arrangement = arrangement
        self._listed = {run.run: run for run in arrangement.runs}
        self._show_lines()

    @property
    def has_letters(self) -> bool:
        """Whether the list has a column for letters."""
        return bool(self._lettered)

    def show_letters(self, runs: tuple[str, ...]) -> None:
        """Show the letters of these runs in the charts. The index of a run determines its letter and its colour."""
        if runs != self._lettered:
            self._lettered = runs
            self.post_message(self.LettersChanged())
            self._show_lines()

    def _show_lines(self) -> None:
        letters = dict(zip(self._lettered, LETTERS, strict=False))
        width = self.scrollable_content_region.width - 1
        lines = RunLines(self._arrangement, width, terminal_glyphs(), letters)
        self.show_rows([run.run for run in self.runs], lines)

    def on_resize(self) -> None:
        self._show_lines()
