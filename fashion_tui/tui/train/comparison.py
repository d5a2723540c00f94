"""A table that compares runs: the settings that differ, and the metrics."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import DataTable, Static

from fashion_tui.report.charts.colours import LETTERS, RUN_COLOURS
from fashion_tui.report.comparison import Row, metric_rows, result_rows, setting_rows
from fashion_tui.report.formatting import shorten
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import FOREGROUND, MUTED
from fashion_tui.runs.compare import compare_runs
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.schema.comparison import RunComparison
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import RunSummary, titled_name
from fashion_tui.tui.actions import key_hints
from fashion_tui.tui.dialogs.dialog import Dialog

MAX_CELL = 24
"""Maximum width of a value, in columns. Longer values are wrapped."""


async def compare(app: App[None], runs: Sequence[RunSummary]) -> None:
    """Read the logs of the runs, then show what differs between them."""
    try:
        comparison = await asyncio.to_thread(read_comparison, [Path(run.path) for run in runs])
    except UserError as error:
        app.notify(str(error), severity="error", markup=False)
        return
    await app.push_screen_wait(ComparisonDialog(runs, comparison))


def read_comparison(paths: Sequence[Path]) -> RunComparison:
    """Read the logs of the runs and compare them. Raises UserError if one can't be read."""
    with ExitStack() as stack:
        readers = [RunReader(stack.enter_context(Run(path))) for path in paths]
        for reader in readers:
            reader.watched = ()  # curves aren't needed
            reader.poll()
        return compare_runs(readers)


class ComparisonDialog(Dialog[None]):
    """A dialog with a row for each setting that differs and for each metric, and a column for each run."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,enter,equals_sign", "dismiss", "close")]
    DEFAULT_CSS = """
    ComparisonDialog .panel { width: auto; }
    ComparisonDialog DataTable { width: auto; max-width: 100%; height: auto; background: $panel; margin: 0 0 1 0;
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1; }
    ComparisonDialog .datatable--fixed, ComparisonDialog .datatable--header { background: $panel; }
    ComparisonDialog Static { width: auto; }
    """

    def __init__(self, runs: Sequence[RunSummary], comparison: RunComparison) -> None:
        super().__init__()
        self._runs = runs
        self._comparison = comparison
        self.table = DataTable[Text](fixed_columns=1, cursor_type="row", cell_padding=1)

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel"):
            yield self.table
            yield Static(key_hints(("↑↓←→", "scroll"), ("esc", "close")))

    def on_mount(self) -> None:
        self.table.add_column(Text("setting", MUTED))
        for index, run in enumerate(self._runs):
            self.table.add_column(_heading(index, run))
        settings = setting_rows(self._comparison)
        self._add_rows(settings or [("all settings are the same", ("",) * len(self._runs))])
        self.table.add_row()
        self.table.add_row(Text("metric: last (best)", MUTED))
        self._add_rows([*result_rows(self._comparison), *metric_rows(self._comparison)])

    def on_resize(self) -> None:
        self.table.styles.max_height = self.size.height - 4

    def _add_rows(self, rows: Sequence[Row]) -> None:
        for name, values in rows:
            cells = [_wrapped(value) for value in values]
            self.table.add_row(Text(name, MUTED), *cells, height=max(cell.plain.count("\n") + 1 for cell in cells))


def _heading(index: int, run: RunSummary) -> Text:
    """Return the letter and the name of a run in the colour of its curves."""
    name = shorten(titled_name(run.run, run.title), MAX_CELL, terminal_glyphs())
    return Text(f"{LETTERS[index]} {name}", RUN_COLOURS[index])


def _wrapped(value: str) -> Text:
    return Text("\n".join(value[start : start + MAX_CELL] for start in range(0, len(value), MAX_CELL)), FOREGROUND)
