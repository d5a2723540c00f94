"""Background work for the Model pane: tracing the network, and computing histograms of its weights."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import cast

import msgspec
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.worker import Worker

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.replies import SourceTrace
from fashion_tui.schema.requests import GetTrainedWeights, GetWeights
from fashion_tui.schema.shapes import Remark, ShapeRow
from fashion_tui.schema.weights import Histogram
from fashion_tui.tui.lab_app import LabApp
from fashion_tui.tui.pane import Pane

from .network import ShownNetwork, trace_shapes

OPEN_TIME_LIMIT = 60.0
"""Time limit in seconds for opening or timing a network. A network's file may have slow imports."""
EDIT_TIME_LIMIT = 2.0
"""Time limit in seconds for tracing a network that is being edited."""
REAL = "real trace"
"""Name of the group of the workers that trace on real values. A new trace cancels them."""
WEIGHTS_TIME_LIMIT = 20.0
"""Time limit in seconds for initialising a network and computing its histograms."""
WEIGHTS_DELAY = 0.4
"""Seconds from the last change until the histograms are computed."""
REAL_DELAY = 0.6
"""Seconds from the last change until the network is run on real values."""
SLOW_AFTER = 0.5
"""Seconds after which an unfinished trace is reported as slow."""


@dataclass
class Traced(Message):
    network: ShownNetwork
    trace: SourceTrace
    time_limit: float
    """Time limit of the trace in seconds."""
    is_live: bool
    """Whether a slower trace, which shows more, should follow."""


@dataclass
class TraceIsSlow(Message):
    """A trace is still running."""


@dataclass
class HistogramsReady(Message):
    """The histograms of the network's weights have been computed."""


class ShapeTracer:
    """Traces one network at a time, and posts Traced to the pane. A new request replaces one that is still waiting.

    The first answer is a live trace, which is fast. The pane then asks for a trace on real values.
    """

    def __init__(self, pane: Pane) -> None:
        self._pane = pane
        self._newest: tuple[ShownNetwork, float] | None = None
        """The network to trace next, and its time limit in seconds."""
        self._wake = asyncio.Event()
        self._slow_timer: Timer | None = None
        self._real_timer: Timer | None = None

    def start(self) -> None:
        """Start the worker. Call this when the pane is mounted."""
        self._pane.start_worker(self._run, "trace")

    def trace(self, network: ShownNetwork, time_limit: float) -> None:
        """Trace a network as soon as the current trace is done. This replaces any network that is still waiting."""
        self._cancel_slow_traces()
        self._newest = (network, time_limit)
        self._wake.set()
        if self._slow_timer is None:
            self._slow_timer = self._pane.set_timer(SLOW_AFTER, self._report_slow)

    def trace_real(self, network: ShownNetwork, live: Traced) -> None:
        """Trace a network on real values after a pause, unless another network is traced before that.

        If that takes too long, the table of the live trace is shown again, with a remark.
        """
        self._cancel_slow_traces()
        start = partial(self._pane.start_worker, partial(self._trace_real, network, live), REAL, exclusive=True)
        self._real_timer = self._pane.set_timer(REAL_DELAY, start)

    def measure(self, network: ShownNetwork) -> None:
        """Trace a network again and time each row."""
        self._cancel_slow_traces()
        self._pane.start_worker(partial(self._measure, network), REAL, exclusive=True)

    def _cancel_slow_traces(self) -> None:
        if self._real_timer is not None:
            self._real_timer.stop()
        self._pane.workers.cancel_group(self._pane, REAL)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._newest is not None:
                network, time_limit = self._newest
                trace = await trace_shapes(self._pane.lab_app, network, time_limit, live=True)
                if self._newest[0] is network and self._slow_timer is not None:
                    self._slow_timer.stop()
                    self._slow_timer = None
                self._pane.post_message(Traced(network, trace, time_limit, is_live=trace.table is not None))

    async def _trace_real(self, network: ShownNetwork, live: Traced) -> None:
        trace = await trace_shapes(self._pane.lab_app, network, live.time_limit)
        if trace.table is not None and trace.table.timed_out and live.trace.table is not None:
            remark = Remark(None, f"not run on real values: {trace.table.error}")
            table = msgspec.structs.replace(live.trace.table, remarks=(*live.trace.table.remarks, remark))
            trace = msgspec.structs.replace(live.trace, table=table)
        self._pane.post_message(Traced(network, trace, live.time_limit, is_live=False))

    async def _measure(self, network: ShownNetwork) -> None:
        trace = await trace_shapes(self._pane.lab_app, network, OPEN_TIME_LIMIT, measure=True)
        self._pane.post_message(Traced(network, trace, OPEN_TIME_LIMIT, is_live=False))

    def _report_slow(self) -> None:
        if self._slow_timer is not None:  # the timer is None if the trace finished before this event was handled
            self._slow_timer = None
            self._pane.post_message(TraceIsSlow())


class WeightHistograms:
    """Computes histograms of a network's weights. Posts HistogramsReady to the widget that shows them."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._timer: Timer | None = None
        self._network: ShownNetwork | None = None
        """The network that the histograms belong to."""
        self._by_name: dict[str, Histogram] = {}

    def compute_soon(self, network: ShownNetwork) -> None:
        """Compute a network's histograms after a delay, unless they exist already. Another call restarts the delay."""
        if self._timer is not None:
            self._timer.stop()
        if self._network is not network or not self._by_name:
            self._timer = self._widget.set_timer(WEIGHTS_DELAY, lambda: self._start(network))

    def of_row(self, network: ShownNetwork, row: ShapeRow) -> list[Histogram]:
        """Return the histograms of the weights that a row uses, or an empty list if they haven't been computed yet."""
        if network is not self._network:
            return []
        return [self._by_name[name] for name in row.weights if name in self._by_name]

    def _start(self, network: ShownNetwork) -> Worker[None]:
        return self._widget.run_worker(partial(self._compute, network), group="weights", exclusive=True)

    async def _compute(self, network: ShownNetwork) -> None:
        lab_app = cast("LabApp", self._widget.app)
        try:
            if network.run is not None:
                trained = GetTrainedWeights(run_path=str(network.run), checkpoint="final")
                histograms = await lab_app.engine.ask(trained, tuple[Histogram, ...])
            else:
                initial = GetWeights(network=network.model, task=network.task(lab_app.dataset))
                histograms = await lab_app.sandbox.ask(initial, tuple[Histogram, ...], WEIGHTS_TIME_LIMIT)
        except UserError:
            histograms = ()  # the shape trace reports the network's errors
        self._network = network
        self._by_name = {histogram.name: histogram for histogram in histograms}
        self._widget.post_message(HistogramsReady())
