"""The view of one run: its summary and its charts, together with those of the runs it is compared with."""

import time
from dataclasses import replace

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import BAD
from fashion_tui.runs.reader import RunSnapshot
from fashion_tui.tui.widgets.lines import Lines

from .chart_grid import ChartGrid
from .run_charts import ShownRuns
from .summary import note_text, summary_lines

CHART_INTERVAL = 1.0
"""Seconds between updates of the charts. The summary is updated with every snapshot."""

LARGE_HEIGHT = 8
"""Minimum height, in lines, for showing the main metrics in large digits."""


class RunView(Vertical):
    """Shows the summary and note of a run and the charts of several runs, and repaints them for new snapshots."""

    summary = getters.query_one("#summary", Lines)
    note = getters.query_one("#note", Lines)
    charts = getters.query_one(ChartGrid)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._shown = ShownRuns()
        self._snapshot: RunSnapshot | None = None
        self._problem = ""
        """Why the run can't be shown, or an empty string if it can."""
        self._pending: str | None = None
        """The request that the run hasn't answered yet."""
        self._charts_painted = 0.0
        self._charts_timer: Timer | None = None
        """The timer that will update the charts, or None if they are up to date."""
        self._recent_loss: tuple[float, ...] = ()
        """Losses in the sparkline. They are updated only with the charts, because each update repaints all of it."""

    def compose(self) -> ComposeResult:
        yield Lines(id="summary")
        yield Lines(id="note")
        yield ChartGrid(id="grid")

    @property
    def snapshot(self) -> RunSnapshot | None:
        """The snapshot of the run under the cursor."""
        return self._snapshot

    def show(self, snapshot: RunSnapshot, shown: ShownRuns) -> None:
        """Show the summary of the run under the cursor, and the charts of several runs.

        Paint the charts once a second, when a run or its state changes, and while a chart awaits its curves.
        """
        previous, self._shown = self._shown, shown
        self._snapshot, self._problem = snapshot, ""
        self.charts.display = True
        wait = self._charts_painted + CHART_INTERVAL - time.monotonic()
        if wait <= 0 or self.charts.awaits_curves or _states(previous) != _states(shown):
            self._paint_charts()
        elif self._charts_timer is None:
            self._charts_timer = self.set_timer(wait, self._paint_charts)
        self._paint_summary()

    def show_problem(self, problem: str) -> None:
        """Explain why a run can't be shown, and hide the charts."""
        self._snapshot, self._problem, self._shown = None, problem, ShownRuns()
        self.charts.display = False
        self.summary.show_lines([])
        self._paint_summary()
        self._paint_charts()

    def show_pending(self, pending: str | None) -> None:
        """Show a request that the run hasn't answered yet."""
        self._pending = pending
        self._paint_summary()

    def on_resize(self) -> None:
        self.call_after_refresh(self._paint_summary)

    def _paint_summary(self) -> None:
        if self._snapshot is not None:
            snapshot = replace(self._snapshot, recent_loss=self._recent_loss)
            width, height = self.summary.size
            title, large = self._shown.titles.get(snapshot.run, ""), height >= LARGE_HEIGHT
            lines = summary_lines(snapshot, width, terminal_glyphs(), large=large, title=title)
            self.summary.show_lines(lines)
            self._paint_note(note_text(snapshot, self._pending, terminal_glyphs()))
        elif self._problem:
            self._paint_note(Text(f"{terminal_glyphs().bad} {self._problem}", style=BAD))

    def _paint_note(self, text: Text) -> None:
        """Wrap the note and paint it. This triggers a layout only if the height changes."""
        if self.note.size.width:  # the width is 0 before the first layout; a resize follows
            lines = list(text.wrap(self.app.console, self.note.size.width)) or [text]
            self.note.styles.height = len(lines)
            self.note.show_lines(lines)

    def _paint_charts(self) -> None:
        self._charts_painted = time.monotonic()
        if self._charts_timer is not None:
            self._charts_timer.stop()
            self._charts_timer = None
        self._recent_loss = self._snapshot.recent_loss if self._snapshot is not None else ()
        self.charts.show(self._shown)


def _states(shown: ShownRuns) -> tuple[object, ...]:
    """Return the values whose changes are shown in the charts at once."""
    states = [(run, None if snapshot is None else (snapshot.state, _windows(snapshot))) for run, snapshot in shown.runs]
    return (states, shown.selected, shown.baseline, shown.titles)


def _windows(snapshot: RunSnapshot) -> list[object]:
    return [(name, detail.first_step, detail.steps_per_bucket) for name, detail in snapshot.details.items()]
