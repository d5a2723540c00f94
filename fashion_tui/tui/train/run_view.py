"""One run, live: its figures, how far it is, and its curves."""

import time
from dataclasses import replace

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.runs.reader import RunSnapshot
from fashion_tui.runs.series import Curve
from fashion_tui.tui.widgets.chart import Chart, ChartData
from fashion_tui.tui.widgets.lines import Lines

from .summary import figure_lines, note

CHART_INTERVAL = 1.0
"""Seconds between two paintings of the charts; figures are painted with every snapshot."""


TALL = 8
"""Lines from which on the figures that matter are drawn large."""


class RunView(Vertical):
    """Paints snapshots."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._snapshot: RunSnapshot | None = None
        self._asked: str | None = None
        self._charts_painted = 0.0
        self._recent_loss: tuple[float, ...] = ()
        """As of the charts' last painting: its sparkline changes all over, and goes with them."""

    def compose(self) -> ComposeResult:
        yield Lines(id="figures")
        yield Lines(id="note")
        yield Chart("loss", logarithmic=True, id="loss")
        with Horizontal(id="small-charts"):
            yield Chart("accuracy % of the batch", id="accuracy")
            yield Chart("learning rate", id="learning-rate")

    @property
    def snapshot(self) -> RunSnapshot | None:
        return self._snapshot

    def show(self, snapshot: RunSnapshot) -> None:
        """Paint a run's newest snapshot: figures at once, charts once a second."""
        before, self._snapshot = self._snapshot, snapshot
        another = before is None or before.run != snapshot.run or before.state != snapshot.state
        if another or time.monotonic() - self._charts_painted >= CHART_INTERVAL:
            self._recent_loss = snapshot.recent_loss
            self._paint_charts()
        self._paint_figures()

    def show_asked(self, text: str | None) -> None:
        """Say what was asked of the run and isn't answered yet; None: nothing."""
        self._asked = text
        self._paint_figures()

    def on_resize(self) -> None:
        self.call_after_refresh(self._paint_all)

    def _paint_all(self) -> None:
        self._paint_figures()
        self._paint_charts()

    def _paint_figures(self) -> None:
        if self._snapshot is not None:
            lines = self.query_one("#figures", Lines)
            tall = lines.size.height >= TALL
            shown = replace(self._snapshot, recent_loss=self._recent_loss)
            lines.show_lines(figure_lines(shown, lines.size.width, terminal_glyphs(), tall=tall))
            self._paint_note(note(shown, self._asked, terminal_glyphs()))

    def _paint_note(self, words: Text) -> None:
        """On as many lines as it takes. Only another number of them lays the pane out anew."""
        widget = self.query_one("#note", Lines)
        if widget.size.width:  # else it isn't laid out yet, and there will be a resize
            lines = list(words.wrap(self.app.console, widget.size.width)) or [words]
            widget.styles.height = len(lines)
            widget.show_lines(lines)

    def _paint_charts(self) -> None:
        if self._snapshot is None:
            return
        self._charts_painted = time.monotonic()
        for name, curve, factor in (
            ("#loss", self._snapshot.loss, 1.0),
            ("#accuracy", self._snapshot.accuracy, 100.0),
            ("#learning-rate", self._snapshot.learning_rate, 1.0),
        ):
            chart = self.query_one(name, Chart)
            chart.show(line_of(curve, chart.capacity, factor))


def line_of(curve: Curve, capacity: int, factor: float = 1.0) -> ChartData:
    """A run's curve as its chart takes it: the mean of each bucket, times the factor."""
    fitting = curve.at_most(capacity)
    marks = frozenset(place for place, count in enumerate(fitting.nonfinite) if count)
    return ChartData([mean * factor for mean in fitting.mean], fitting.steps_per_bucket, marks)
