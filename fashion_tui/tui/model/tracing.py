"""The Model pane's part that looks: a network is traced, its table shown, the step under the cursor told about."""

import asyncio

from rich.text import Text
from textual import on, work
from textual.timer import Timer
from textual.widgets import Static

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.shapes import shape_strip
from fashion_tui.report.style import BAD
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.replies import SourceTrace
from fashion_tui.schema.requests import GetTrainedWeights, GetWeights
from fashion_tui.schema.weights import Histogram
from fashion_tui.tui.pane import Pane
from fashion_tui.tui.widgets.fitted import FittedLines

from .messages import StepChosen, Traced, WeightsCounted
from .shape_view import ShapeView
from .step_view import StepView
from .subject import OURS, Subject, traced
from .title import title_left, title_line

PATIENCE = 60.0
"""Seconds for a network that was opened, whose file may have much to import, and for one that is measured."""
WEIGHTS_PATIENCE = 20.0
"""Seconds to make a network with values, and count them."""
WEIGHTS_PAUSE = 0.4
"""Seconds without a change after which weights are counted."""
SLOW = 0.5
"""Seconds after which it is said that a trace is under way."""


class TracingPane(Pane):
    """Shows one network at a time, as it is now: whatever comes of what it was before is dropped."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self.subject = OURS
        self.fault: SourceTrace | None = None
        """What is wrong with the network; None where all is well, or not known yet."""
        self.has_table = False
        """Of the network as it was opened, or as it was before the last edits."""
        self._patience = PATIENCE
        self._wanted = asyncio.Event()
        self._slow_timer: Timer | None = None
        self._weights_timer: Timer | None = None
        self._histograms: tuple[Subject, dict[str, Histogram]] = (OURS, {})
        """By the names of the weights, and whose they are."""

    def on_mount(self) -> None:
        self.run_worker(self._trace_wanted(), group="trace")

    def open(self, subject: Subject) -> None:
        """Show another network."""
        self.has_table = False
        self.look_at(subject, PATIENCE)

    def look_at(self, subject: Subject, patience: float) -> None:
        """Trace the network, which may have been edited, for at most so many seconds."""
        self.workers.cancel_group(self, "measure")
        self.subject, self._patience = subject, patience
        self._wanted.set()
        if self._slow_timer is None:
            self._slow_timer = self.set_timer(SLOW, self._is_slow)
        self.paint_title()

    # What a part that edits has to say

    @property
    def is_edited(self) -> bool:
        """The source differs from what was opened or saved."""
        return False

    def say_checking(self) -> None:
        """A trace takes its time."""
        if not self.has_table:
            self.query_one(ShapeView).say(
                "tracing the network …" if terminal_glyphs().unicode else "tracing the network ..."
            )

    def say(self, trace: SourceTrace) -> None:
        """What became of the network."""
        place = f"line {trace.line}: " if trace.line is not None else ""
        trouble = self.query_one("#trouble", Static)
        trouble.update(
            Text(f"{terminal_glyphs().bad} {place}{trace.error}", style=BAD) if trace.error is not None else ""
        )
        self.set_class(trace.error is not None, "-fault")

    # Tracing

    async def _trace_wanted(self) -> None:
        """One trace at a time, and always of the network as it is now."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            subject = self.subject
            self.post_message(Traced(subject, await traced(self.lab_app.sandbox, subject, self._patience)))

    def _is_slow(self) -> None:
        self._slow_timer = None
        self.say_checking()

    @on(Traced)
    def _traced(self, message: Traced) -> None:
        if message.subject is not self.subject:
            return  # it has been edited meanwhile
        if self._slow_timer is not None:
            self._slow_timer.stop()
            self._slow_timer = None
        self._show(message.trace)

    def _show(self, trace: SourceTrace) -> None:
        """The table; where the network fails, the last good one stays, dimmed."""
        shapes = self.query_one(ShapeView)
        self.fault = trace if trace.error is not None else None
        stale = self.fault is not None and self.has_table
        self.set_class(stale, "-stale")
        if trace.table is not None and not stale:
            shapes.show(trace.table)  # of a network that fails, as far as it came
        if self.fault is None:
            self.has_table = True
            self._want_weights()
        if (table := trace.table) is not None:
            self.query_one("#strip", FittedLines).fit(lambda width: [shape_strip(table, width=width)])
        self.say(trace)
        self.paint_title()
        self.refresh_bindings()

    def paint_title(self) -> None:
        stale = self.fault is not None and self.has_table
        left = title_left(self.subject, terminal_glyphs(), edited=self.is_edited, stale=stale)
        table = self.query_one(ShapeView).table
        self.query_one("#model-title", FittedLines).fit(lambda width: [title_line(left, table, width)])

    @work(group="measure", exclusive=True)
    async def measure(self) -> None:
        """Time each step."""
        subject = self.subject
        trace = await traced(self.lab_app.sandbox, subject, PATIENCE, measure=True)
        self.post_message(Traced(subject, trace))

    # The step under the cursor

    @on(StepChosen)
    def step_chosen(self) -> None:
        shapes = self.query_one(ShapeView)
        table, row = shapes.table, shapes.row
        if table is not None and row is not None:
            known = self._histograms[1]
            self.query_one(StepView).show(table, row, [known[name] for name in row.weights if name in known])
            self.refresh_bindings()

    def _want_weights(self) -> None:
        if self._weights_timer is not None:
            self._weights_timer.stop()
        if self._histograms[0] is not self.subject or not self._histograms[1]:
            self._weights_timer = self.set_timer(WEIGHTS_PAUSE, self._count_weights)

    @work(group="weights", exclusive=True)
    async def _count_weights(self) -> None:
        subject = self.subject
        try:
            if subject.run is not None:
                trained = GetTrainedWeights(run_path=str(subject.run), checkpoint="final")
                found = await self.lab_app.engine.ask(trained, tuple[Histogram, ...])
            else:
                fresh = GetWeights(network=subject.network)
                found = await self.lab_app.sandbox.ask(fresh, tuple[Histogram, ...], WEIGHTS_PATIENCE)
        except UserError:
            found = ()  # its shapes are known all the same
        self.post_message(WeightsCounted(subject, found))

    @on(WeightsCounted)
    def _weights_counted(self, message: WeightsCounted) -> None:
        if message.subject is self.subject:
            self._histograms = (message.subject, {histogram.name: histogram for histogram in message.histograms})
            self.step_chosen()
