"""The metrics and milestones of a run, accumulated from its events."""

from array import array
from typing import cast

from fashion_tui.schema.events import (
    CheckpointSaved,
    EpochEnd,
    Failed,
    Finished,
    Resumed,
    RunEvent,
    Started,
    StepChunk,
    Stopped,
    Warned,
)
from fashion_tui.schema.floats import JsonFloat, decode_float

from .series import Series

MAX_WARNINGS = 20
MAX_EVENTS = 50


class Replay:
    """Accumulates the metrics and milestones of a run. Apply its events in order."""

    def __init__(self) -> None:
        self.loss = Series()
        self.accuracy = Series()
        self.learning_rate = Series()
        self.started: Started | None = None
        self.target_epochs = 0
        """Number of epochs to train; 0 until an event reports it."""
        self.epochs: list[EpochEnd] = []
        self.checkpoints: list[CheckpointSaved] = []
        self.end: Finished | Stopped | Failed | None = None
        self.warnings: list[Warned] = []
        self.events: list[RunEvent] = []
        """The most recent events except step chunks."""
        self.count = 0
        """Number of events applied."""
        self.bad_events = 0
        """Number of events whose checksum is correct but whose content is invalid."""
        self.last_time = 0.0

    def apply(self, event: RunEvent) -> None:
        """Apply the next event."""
        self.count += 1
        self.last_time = event.time
        if isinstance(event, StepChunk):
            self._add_steps(event)
            return
        self.events = [*self.events[1 - MAX_EVENTS :], event]
        match event:
            case Started():
                self.started, self.target_epochs, self.end = event, event.epochs, None
            case Resumed():
                self._resume(event)
            case EpochEnd():
                self.epochs = [*(epoch for epoch in self.epochs if epoch.epoch < event.epoch), event]
            case CheckpointSaved():
                self.checkpoints = [*self.checkpoints[1 - MAX_EVENTS :], event]
            case Warned():
                self.warnings = [*self.warnings[1 - MAX_WARNINGS :], event]
            case Finished() | Stopped() | Failed():
                self.end = event
            case _:
                pass

    def _add_steps(self, event: StepChunk) -> None:
        try:
            columns = [_decode(values) for values in (event.loss, event.accuracy, event.learning_rate)]
            if len({len(column) for column in columns}) != 1:
                raise ValueError("the lists differ in length")  # noqa: TRY301
            for series, column in zip((self.loss, self.accuracy, self.learning_rate), columns, strict=True):
                series.put(event.first_step, column)
        except ValueError:
            self.bad_events += 1

    def _resume(self, event: Resumed) -> None:
        """Discard the metrics, epochs and checkpoints of all steps after `event.step`."""
        for series in (self.loss, self.accuracy, self.learning_rate):
            series.truncate(event.step)
        self.epochs = [epoch for epoch in self.epochs if epoch.step <= event.step]
        self.checkpoints = [saved for saved in self.checkpoints if saved.step <= event.step]
        self.target_epochs = event.epochs
        self.end = None


def _decode(values: list[JsonFloat]) -> "array[float]":
    try:
        return array("d", cast("list[float]", values))
    except TypeError:  # some values are strings, such as "NaN"
        return array("d", map(decode_float, values))
