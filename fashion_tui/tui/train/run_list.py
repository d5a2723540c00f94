"""The list of runs, newest first."""

from collections.abc import Sequence
from typing import overload

from rich.text import Text

from fashion_tui.report.formatting import format_loss, format_percent
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.runs import state_mark
from fashion_tui.report.style import BAD, FOREGROUND
from fashion_tui.schema.run import RunSummary, short_name
from fashion_tui.tui.widgets.row_list import RowList


class RunList(RowList):
    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.runs: tuple[RunSummary, ...] = ()
        self._by_id: dict[str, RunSummary] = {}

    @property
    def chosen_run(self) -> RunSummary | None:
        """The run under the cursor."""
        return self._by_id.get(self.chosen or "")

    def show(self, runs: tuple[RunSummary, ...]) -> None:
        """Replace the runs."""
        self.runs = runs
        self._by_id = {run.run: run for run in runs}
        self.show_rows([run.run for run in runs], RunLines(runs, self.size.width - 1, terminal_glyphs()))

    def on_resize(self) -> None:
        self.show(self.runs)


class RunLines(Sequence[Text]):
    """The lines of the run list, computed on demand because there may be thousands of runs."""

    def __init__(self, runs: tuple[RunSummary, ...], width: int, glyphs: Glyphs) -> None:
        self._runs = runs
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
        return run_line(self._runs[index], self._width, self._glyphs)


def run_line(run: RunSummary, width: int, glyphs: Glyphs) -> Text:
    """Return a run's state, name, epochs, and test accuracy or loss, such as `✓ guide-a1b2    3/3  90.41 %`."""
    if run.damage:
        glyph, colour, result = glyphs.bad, BAD, "damaged"
    else:
        glyph, colour = state_mark(run.state, glyphs)
        result = _result(run)
    tail = f" {run.epoch}/{run.epochs} {result:>8} "
    name = Text(short_name(run.run), style=FOREGROUND)
    name.truncate(max(width - len(tail) - 2, 4), overflow="ellipsis", pad=True)
    return Text.assemble((glyph, colour), " ", name, (tail, FOREGROUND), no_wrap=True)


def _result(run: RunSummary) -> str:
    if run.test_accuracy is not None:
        return format_percent(run.test_accuracy, digits=2)
    return run.state if run.loss is None else format_loss(run.loss)
