"""The view of one run: its summary and its charts."""

import time
from dataclasses import replace

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from fashion_tui.report.charts.chart import Chart
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import BAD
from fashion_tui.runs.reader import RunSnapshot
from fashion_tui.tui.widgets.chart import ChartView
from fashion_tui.tui.widgets.lines import Lines

from .chart_options import ChartOptions
from .run_charts import chart_of
from .summary import note_text, summary_lines

CHART_INTERVAL = 1.0
"""Seconds between updates of the charts. The summary is updated with every snapshot."""

NO_CHART = Chart("")

LARGE_HEIGHT = 8
"""Minimum height, in lines, for showing the main metrics in large digits."""


class RunView(Vertical):
    """Shows the summary, note and charts of a run, and repaints them for new snapshots."""

    summary = getters.query_one("#summary", Lines)
    note = getters.query_one("#note", Lines)
    loss = getters.query_one("#loss", ChartView)
    accuracy = getters.query_one("#accuracy", ChartView)
    learning_rate = getters.query_one("#learning-rate", ChartView)

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._snapshot: RunSnapshot | None = None
        self._problem = ""
        """Why the run can't be shown, or an empty string if it can."""
        self._pending: str | None = None
        """The request that the run hasn't answered yet."""
        self._charts_painted = 0.0
        self._recent_loss: tuple[float, ...] = ()
        """Losses in the sparkline. They are updated only with the charts, because each update repaints all of it."""

    def compose(self) -> ComposeResult:
        yield Lines(id="summary")
        yield Lines(id="note")
        yield ChartView(NO_CHART, id="loss")
        with Horizontal(id="small-charts"):
            yield ChartView(NO_CHART, id="accuracy")
            yield ChartView(NO_CHART, id="learning-rate")

    @property
    def snapshot(self) -> RunSnapshot | None:
        return self._snapshot

    def show(self, snapshot: RunSnapshot) -> None:
        """Paint the summary of a new snapshot. Paint the charts once a second, or when the run or its state changes."""
        previous, self._snapshot, self._problem = self._snapshot, snapshot, ""
        is_other = previous is None or previous.run != snapshot.run or previous.state != snapshot.state
        if is_other or time.monotonic() - self._charts_painted >= CHART_INTERVAL:
            self._recent_loss = snapshot.recent_loss
            self._paint_charts()
        self._paint_summary()

    def show_problem(self, problem: str) -> None:
        """Explain why a run can't be shown."""
        self._snapshot, self._problem = None, problem
        self.summary.show_lines([])
        self._paint_summary()
        for chart in self._charts().values():
            chart.show(NO_CHART)

    def show_pending(self, pending: str | None) -> None:
        """Show a request that the run hasn't answered yet."""
        self._pending = pending
        self._paint_summary()

    def on_resize(self) -> None:
        self.call_after_refresh(self._paint_all)

    def _paint_all(self) -> None:
        self._paint_summary()
        self._paint_charts()

    def _paint_summary(self) -> None:
        if self._snapshot is not None:
            snapshot = replace(self._snapshot, recent_loss=self._recent_loss)
            width, height = self.summary.size
            lines = summary_lines(snapshot, width, terminal_glyphs(), large=height >= LARGE_HEIGHT)
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
        if self._snapshot is None:
            return
        self._charts_painted = time.monotonic()
        for name, view in self._charts().items():
            view.show(chart_of(name, [self._snapshot], ChartOptions()))

    def _charts(self) -> dict[str, ChartView]:
        return {"loss": self.loss, "accuracy": self.accuracy, "learning_rate": self.learning_rate}
