"""What the events of a run amount to."""

from array import array
from typing import cast

from fashion_tui.schema.events import (
    CheckpointSaved,
    EpochEnd,
    Failed,
    Finished,
    JsonFloat,
    Resumed,
    RunEvent,
    Started,
    StepChunk,
    Stopped,
    Warned,
)

from .events import decode_number
from .series import Series

KEPT_WARNINGS = 20
KEPT_EVENTS = 50


class Story:
    """Takes one event after the other, in order."""

    def __init__(self) -> None:
        self.loss = Series()
        self.accuracy = Series()
        self.learning_rate = Series()
        self.started: Started | None = None
        self.target_epochs = 0
        """0 while no event has told it."""
        self.epochs: list[EpochEnd] = []
        self.checkpoints: list[CheckpointSaved] = []
        self.end: Finished | Stopped | Failed | None = None
        self.warnings: list[Warned] = []
        self.events: list[RunEvent] = []
        self.told = 0
        """How many events it is made of."""
        self.bad_events = 0
        """Events whose checksum is right and whose content makes no sense."""
        self.last_time = 0.0

    def tell(self, event: RunEvent) -> None:
        self.told += 1
        self.last_time = event.time
        if isinstance(event, StepChunk):
            self._steps(event)
            return
        self.events = [*self.events[1 - KEPT_EVENTS :], event]
        match event:
            case Started():
                self.started, self.target_epochs, self.end = event, event.epochs, None
            case Resumed():
                self._resumed(event)
            case EpochEnd():
                self.epochs = [*(done for done in self.epochs if done.epoch < event.epoch), event]
            case CheckpointSaved():
                self.checkpoints = [*self.checkpoints[1 - KEPT_EVENTS :], event]
            case Warned():
                self.warnings = [*self.warnings[1 - KEPT_WARNINGS :], event]
            case Finished() | Stopped() | Failed():
                self.end = event
            case _:
                pass

    def _steps(self, event: StepChunk) -> None:
        try:
            columns = [_decode(numbers) for numbers in (event.loss, event.accuracy, event.learning_rate)]
            if len({len(column) for column in columns}) != 1:
                raise ValueError("its lists are of different lengths")  # noqa: TRY301
            for series, column in zip((self.loss, self.accuracy, self.learning_rate), columns, strict=True):
                series.put(event.first_step, column)
        except ValueError:
            self.bad_events += 1

    def _resumed(self, event: Resumed) -> None:
        """Void is what earlier trainers did after the step that the new one goes on from."""
        for series in (self.loss, self.accuracy, self.learning_rate):
            series.truncate(event.step)
        self.epochs = [done for done in self.epochs if done.step <= event.step]
        self.checkpoints = [saved for saved in self.checkpoints if saved.step <= event.step]
        self.target_epochs = event.epochs
        self.end = None


def _decode(numbers: list[JsonFloat]) -> "array[float]":
    try:
        return array("d", cast("list[float]", numbers))
    except TypeError:  # a text among them
        return array("d", map(decode_number, numbers))
