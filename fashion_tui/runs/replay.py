"""The metrics and milestones of a run, accumulated from its events."""

import math
from array import array
from collections.abc import Sequence
from typing import cast

from fashion_tui.schema.events import (
    CheckpointSaved,
    End,
    EpochEnd,
    Failed,
    Finished,
    Resumed,
    RunEvent,
    ScriptEnded,
    Started,
    StepChunk,
    Stopped,
    Warned,
)
from fashion_tui.schema.floats import JsonFloat, decode_float

from .series import Series

MAX_WARNINGS = 20
MAX_EVENTS = 50

MAX_METRICS = 10_000
"""Maximum number of metrics per run. Further metrics are ignored."""

MAX_GAP = 10_000_000
"""Maximum number of consecutive missing steps in a log. A line after a larger gap counts as damaged, even if its
checksum is correct."""

EPOCH_METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
"""Fields of `EpochEnd` that are also metrics, with a value at the last step of each epoch."""


class Replay:
    """Accumulates the metrics and milestones of a run. Apply its events in order."""

    def __init__(self, *, compact: bool = False) -> None:
        """If `compact` is true, long series have single precision, which halves their memory."""
        self._compact = compact
        self.metrics: dict[str, Series] = {}
        """The metrics by name, in the order in which they first appear in the log."""
        self.times = Series()
        """Unix times at which metrics were logged. The time of a chunk is stored at its last step.

        If several chunks end at the same step, the time of the first one is stored.
        """
        self.steps = LoggedSteps()
        self.started: Started | None = None
        """The newest Started event."""
        self.first_started: float | None = None
        """Unix time at which training began for the first time, after the queue and the loading of the data."""
        self.target_epochs = 0
        """Number of epochs to train; 0 until an event reports it."""
        self.epochs: list[EpochEnd] = []
        self.checkpoints: list[CheckpointSaved] = []
        self.end: End | None = None
        self.warnings: list[Warned] = []
        self.events: list[RunEvent] = []
        """The most recent events except step chunks."""
        self.count = 0
        """Number of events applied."""
        self.bad_events = 0
        """Number of events whose checksum is correct but whose content is invalid."""
        self.has_ignored_metrics = False
        """Whether metrics were ignored because the run has more than MAX_METRICS."""
        self.last_time = 0.0

    def series(self, name: str) -> Series:
        """Return a metric of the run, or an empty series if the run has no metric of this name."""
        return self.metrics.get(name) or Series()

    @property
    def last_step(self) -> int:
        """The last step with a metric."""
        return max((series.last_step for series in self.metrics.values()), default=0)

    def apply(self, event: RunEvent) -> None:
        """Apply the next event."""
        self.count += 1
        self.last_time = event.time
        try:
            self._apply(event)
        except ValueError:
            self.bad_events += 1

    def _apply(self, event: RunEvent) -> None:
        if isinstance(event, StepChunk):
            self._add_steps(event)
            return
        self.events = [*self.events[1 - MAX_EVENTS :], event]
        match event:
            case Started():
                self.started, self.target_epochs, self.end = event, event.epochs, None
                if self.first_started is None:
                    self.first_started = event.time
            case Resumed():
                self._resume(event)
            case EpochEnd():
                self._add_epoch(event)
            case CheckpointSaved():
                self.checkpoints = [*self.checkpoints[1 - MAX_EVENTS :], event]
            case Warned():
                self.warnings = [*self.warnings[1 - MAX_WARNINGS :], event]
            case Finished() | Stopped() | Failed() | ScriptEnded():
                self.end = event
            case _:
                pass

    def _add_steps(self, event: StepChunk) -> None:
        steps = event.numbers
        last = steps[-1]
        columns = [_decode(values) for values in event.metrics.values()]
        if event.first_step is not None:
            self.steps.add(event.first_step, last)
            self.times.truncate(event.first_step - 1)
        for name, column in zip(event.metrics, columns, strict=True):
            self._put(name, steps, column)
        is_new = last > self.times.last_step or not len(self.times)
        if is_new and math.isfinite(event.time):  # an imported log may have no times
            self.times.put(last, (event.time,))

    def _add_epoch(self, event: EpochEnd) -> None:
        encoded: dict[str, JsonFloat | None] = {name: getattr(event, name) for name in EPOCH_METRICS}
        values = {name: decode_float(value) for name, value in encoded.items() if value is not None}
        self.epochs = [*(epoch for epoch in self.epochs if epoch.epoch < event.epoch), event]
        for name, value in values.items():
            self._put(name, [event.step], array("d", [value]))

    def _put(self, name: str, steps: Sequence[int], values: "array[float] | list[float | None]") -> None:
        series = self.metrics.get(name)
        if series is None:
            if len(self.metrics) == MAX_METRICS:
                self.has_ignored_metrics = True
                return
            series = self.metrics[name] = Series(compact=self._compact)
        if isinstance(values, array) and steps[-1] - steps[0] + 1 == len(steps):
            series.put(steps[0], values)
            return
        for step, value in zip(steps, values, strict=True):
            if value is not None:
                series.put(step, (value,))

    def _resume(self, event: Resumed) -> None:
        """Discard the metrics, epochs and checkpoints of all steps after `event.step`."""
        for series in (*self.metrics.values(), self.times):
            series.truncate(event.step)
        self.steps.truncate(event.step)
        self.epochs = [epoch for epoch in self.epochs if epoch.step <= event.step]
        self.checkpoints = [saved for saved in self.checkpoints if saved.step <= event.step]
        self.target_epochs = event.epochs
        self.end = None


class LoggedSteps:
    """The steps that a trainer has logged, to determine which steps are missing from the log."""

    def __init__(self) -> None:
        self._last = 0
        self._gaps: list[tuple[int, int]] = []
        """First and last step of each gap."""

    @property
    def missing(self) -> int:
        """Number of steps that are missing before the last step."""
        return sum(last + 1 - first for first, last in self._gaps)

    def add(self, first: int, last: int) -> None:
        """Add consecutive steps. Later steps are removed. Raises ValueError if the gap before them is too large."""
        if first - self._last - 1 > MAX_GAP:
            raise ValueError(f"step {first} can't follow step {self._last}")
        if first <= self._last:
            self.truncate(first - 1)
        elif first > self._last + 1:
            self._gaps.append((self._last + 1, first - 1))
        self._last = last

    def truncate(self, last: int) -> None:
        """Remove all steps after `last`."""
        self._gaps = [(first, min(end, last)) for first, end in self._gaps if first <= last]
        self._last = min(self._last, max(last, 0))


def _decode(values: list[JsonFloat | None]) -> "array[float] | list[float | None]":
    """Decode the values of a chunk. Return an array if no value is None."""
    if values[0] is not None and values[-1] is not None:
        try:
            return array("d", cast("list[float]", values))
        except TypeError:  # some values are None or strings, such as "NaN"
            pass
    decoded = [decode_float(value) if isinstance(value, str) else value for value in values]
    return decoded if None in decoded else array("d", cast("list[float]", decoded))
