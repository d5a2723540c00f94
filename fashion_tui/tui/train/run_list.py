"""The list of runs, newest first. Marked runs are compared with each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from rich.text import Text
from textual.message import Message

from fashion_tui.report.charts.chart import MAX_RUNS
from fashion_tui.report.charts.colours import LETTERS, RUN_COLOURS
from fashion_tui.report.formatting import format_loss, format_percent
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.runs import state_mark
from fashion_tui.report.style import BAD, FOREGROUND
from fashion_tui.schema.run import RunSummary, short_name
from fashion_tui.tui.widgets.row_list import RowList


class RunList(RowList):
    @dataclass
    class MarksChanged(Message):
        """The user has marked or unmarked a run, or a marked run is gone."""

        marked: tuple[str, ...]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.runs: tuple[RunSummary, ...] = ()
        self._by_id: dict[str, RunSummary] = {}
        self._marked: tuple[str, ...] = ()

    @property
    def chosen_run(self) -> RunSummary | None:
        """The run under the cursor."""
        return self._by_id.get(self.chosen or "")

    @property
    def marked(self) -> tuple[str, ...]:
        """Ids of the marked runs, in the order in which they were marked.

        The index of an id determines the letter in the list, and the colour and letter in the charts.
        """
        return self._marked

    def toggle_mark(self) -> bool:
        """Mark the run under the cursor, or unmark it. Return False, without marking it, if MAX_RUNS are marked."""
        run = self.chosen
        if run is None:
            return True
        if run in self._marked:
            self._mark(tuple(other for other in self._marked if other != run))
        elif len(self._marked) < MAX_RUNS:
            self._mark((*self._marked, run))
        else:
            return False
        return True

    def unmark_all(self) -> None:
        self._mark(())

    def _mark(self, runs: tuple[str, ...]) -> None:
        if runs != self._marked:
            self._marked = runs
            self.post_message(self.MarksChanged(runs))
            self._show_lines()

    def show(self, runs: tuple[RunSummary, ...]) -> None:
        """Replace the runs."""
        self.runs = runs
        self._by_id = {run.run: run for run in runs}
        self._mark(tuple(run for run in self._marked if run in self._by_id))
        self._show_lines()

    def _show_lines(self) -> None:
        letters = dict(zip(self._marked, LETTERS, strict=False))
        lines = RunLines(self.runs, self.size.width - 1, terminal_glyphs(), letters)
        self.show_rows([run.run for run in self.runs], lines)

    def on_resize(self) -> None:
        self._show_lines()


class RunLines(Sequence[Text]):
    """The lines of the run list, computed on demand because there may be thousands of runs."""

    def __init__(self, runs: tuple[RunSummary, ...], width: int, glyphs: Glyphs, letters: Mapping[str, str]) -> None:
        """`letters` maps the id of each marked run to its letter."""
        self._runs = runs
        self._letters = letters
        self._width = width
        self._glyphs = glyphs

    def __len__(self) -> int:
        return len(self._runs)

    @overload
    def __getitem__(self, index: int) -> Text: ...
    @overload
    def __getitem__(self, index: slice) -> list[Text]: ...
    def __getitem__(self, index: int | slice) -> Text | list[Text]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        run = self._runs[index]
        if not self._letters:
            return run_line(run, self._width, self._glyphs)
        mark = letter_mark(self._letters.get(run.run))
        return mark.append_text(run_line(run, self._width - mark.cell_len, self._glyphs))


def letter_mark(letter: str | None) -> Text:
    """Return the letter of a marked run in the colour of its curves, or blanks for a run that isn't marked."""
    style = RUN_COLOURS[LETTERS.index(letter)] if letter else ""
    return Text(f"{letter or ' '} ", style, no_wrap=True)


def run_line(run: RunSummary, width: int, glyphs: Glyphs) -> Text:
    """Return a run's state, name, epochs, and test accuracy or loss, such as `✓ guide-a1b2    3/3  90.41 %`.

    A logged run has the last step instead of epochs.
    """
    if run.damage:
        glyph, colour, result = glyphs.bad, BAD, "damaged"
    else:
        glyph, colour = state_mark(run.state, glyphs)
        result = _result(run)
    progress = f"{run.step:,}" if run.kind == "logged" else f"{run.epoch}/{run.epochs}"
    tail = f" {progress} {result:>8} "
    name = Text(short_name(run.run), style=FOREGROUND)
    name.truncate(max(width - len(tail) - 2, 4), overflow="ellipsis", pad=True)
    return Text.assemble((glyph, colour), " ", name, (tail, FOREGROUND), no_wrap=True)


def _result(run: RunSummary) -> str:
    if run.test_accuracy is not None:
        return format_percent(run.test_accuracy, digits=2)
    return run.state if run.loss is None else format_loss(run.loss)
