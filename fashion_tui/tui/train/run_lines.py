"""The lines of the list of runs."""

from collections.abc import Mapping, Sequence
from typing import overload

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from fashion_tui.report.charts.colours import LETTERS, RUN_COLOURS
from fashion_tui.report.formatting import format_accuracy, format_loss, shorten
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.runs import state_mark, state_text
from fashion_tui.report.style import BAD, FOREGROUND, MUTED
from fashion_tui.schema.run import RunSummary

from .arrangement import Arrangement, Column, name_in_list

GAP = 2
"""Number of spaces between two columns."""


MIN_FIRST_WIDTH = 8
"""Minimum width of the first column beside another one."""


RESULT_WIDTH = 10
"""Width of the last cell of a run's line. It fits `loss ` followed by a loss of up to five characters."""


class RunLines(Sequence[Text]):
    """The lines of the run list, computed on demand because there may be thousands of runs."""

    def __init__(self, arrangement: Arrangement, width: int, glyphs: Glyphs, letters: Mapping[str, str]) -> None:
        """`letters` maps the id of each run in the charts to its letter."""
        self._arrangement = arrangement
        self._width = width
        self._glyphs = glyphs
        self._letters = letters

    def __len__(self) -> int:
        return len(self._arrangement.runs)

    @overload
    def __getitem__(self, index: int) -> Text: ...
    @overload
    def __getitem__(self, index: slice) -> list[Text]: ...
    def __getitem__(self, index: int | slice) -> Text | list[Text]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        run = self._arrangement.runs[index]
        mark = letter_mark(self._letters.get(run.run)) if self._letters else Text()
        width = self._width - mark.cell_len
        columns = self._arrangement.columns
        if not columns:
            return mark.append_text(
                run_line(run, name_in_list(run, self._arrangement.repeated_titles), width, self._glyphs)
            )
        return mark.append_text(column_line(run, columns, self._arrangement.cells[run.run], width, self._glyphs))


def letter_mark(letter: str | None) -> Text:
    """Return a run's letter in the colour of its curves, or blanks for a run that isn't in the charts."""
    style = RUN_COLOURS[LETTERS.index(letter)] if letter else ""
    return Text.assemble((f"{letter or ' '} ", style), no_wrap=True)


def run_line(run: RunSummary, name: str, width: int, glyphs: Glyphs) -> Text:
    """Return a run's state, name, epochs, and test accuracy or loss, such as `✓ guide-a1b2    3/3     90.41 %`.

    For a logged or imported run, the last step is shown instead of epochs.
    """
    progress = f"{run.step:,}" if run.kind in {"logged", "imported"} else f"{run.epoch}/{run.epochs}"
    tail = f" {progress} {'damaged' if run.damage else _result(run):>{RESULT_WIDTH}} "
    width = max(width - len(tail) - 2, 4)
    shown = set_cell_size(shorten(name, width, glyphs), width)
    return Text.assemble(_state(run, glyphs), " ", (shown + tail, FOREGROUND), no_wrap=True)


def run_heading(width: int, glyphs: Glyphs) -> Text:
    """Return the heading of the lines that `run_line` returns."""
    tail = f" progress {'result':>{RESULT_WIDTH}} "
    name_width = max(width - len(tail) - 2, 4)
    return Text(f"  {shorten('name', name_width, glyphs):<{name_width}}{tail}", MUTED, no_wrap=True)


def column_line(run: RunSummary, columns: Sequence[Column], cells: Sequence[str], width: int, glyphs: Glyphs) -> Text:
    """Return a run's state and its cells. Columns that don't fit into the width are left out."""
    line = Text.assemble(_state(run, glyphs), " ", no_wrap=True)
    for column, cell in zip(_fitting(columns, width - line.cell_len), cells, strict=False):
        line.append(_aligned(cell, column, glyphs), FOREGROUND)
    return line


def heading_line(columns: Sequence[Column], sort: str, width: int, glyphs: Glyphs) -> Text:
    """Return the names of the columns. An arrow marks the column that the runs are sorted by."""
    line = Text("  ", no_wrap=True)
    for column in _fitting(columns, width - line.cell_len):
        name = column.name
        if name == sort.removeprefix("-"):
            name += _arrow(sort, glyphs)
        line.append(_aligned(name, column, glyphs), MUTED)
    return line


def sort_text(sort: str, glyphs: Glyphs) -> str:
    """Return the field that the runs are sorted by, and the direction, such as `loss.best↑`."""
    return sort.removeprefix("-") + _arrow(sort, glyphs)


def _arrow(sort: str, glyphs: Glyphs) -> str:
    up, down = ("↑", "↓") if glyphs.unicode else ("^", "v")
    return down if sort.startswith("-") else up


def _state(run: RunSummary, glyphs: Glyphs) -> tuple[str, str]:
    return (glyphs.bad, BAD) if run.damage else state_mark(run.state, glyphs)


def _fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """Return the columns that fit into the width. The first one is narrowed to make the second one fit, if possible."""
    if not columns:
        return []
    first, *others = columns
    free = width - GAP - others[0].width if others else width
    narrowed = min(first.width, max(free, MIN_FIRST_WIDTH), max(width, 1))
    fitting, used = [Column(first.name, narrowed, first.is_number)], narrowed
    for column in others:
        used += GAP + column.width
        if used > width:
            break
        fitting.append(column)
    return fitting


def _aligned(cell: str, column: Column, glyphs: Glyphs) -> str:
    """Return the cell with the width of its column, followed by the gap."""
    text = shorten(cell, column.width, glyphs)
    blanks = " " * (column.width - cell_len(text))
    return (blanks + text if column.is_number else text + blanks) + " " * GAP


def _result(run: RunSummary) -> str:
    if run.test_accuracy is not None:
        return format_accuracy(run.test_accuracy)
    return state_text(run) if run.loss is None or run.state == "queued" else f"loss {format_loss(run.loss)}"
