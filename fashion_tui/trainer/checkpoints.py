"""Save a run's checkpoints when they are due, and load the newest one to resume from."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from fashion_tui.lab.networks.builtin import first_non_finite
from fashion_tui.lab.training.checkpoint import BadCheckpoint, read_checkpoint, write_checkpoint
from fashion_tui.lab.training.early_stopping import EarlyStopping
from fashion_tui.lab.training.loop import Training
from fashion_tui.runs.checkpoints import CheckpointStore
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import CheckpointSaved
from fashion_tui.schema.run import CheckpointRef

from .reporting import EventLog, MetricEvent, decode_metric_events
from .stopping import TrainingFailed, suggest_learning_rate

MAX_COST = 0.02
"""Maximum fraction of the training time to spend on saving checkpoints. If saving is slow, saves are less frequent."""

RETRY_PERIOD = 5.0
"""Minimum number of seconds between a failed attempt to save a checkpoint and the next attempt."""


class CheckpointSaver:
    """Saves the checkpoints of a run."""

    def __init__(  # noqa: PLR0913
        self,
        run: Run,
        training: Training,
        log: EventLog,
        period: float,
        *,
        is_saved: bool,
        recent_losses: Collection[float] = (),
        early_stopping: EarlyStopping | None = None,
    ) -> None:
        """`period` is in seconds. Set `is_saved` if the current state was loaded from a checkpoint.

        `recent_losses` contains the losses of the most recent steps. The caller updates it and `early_stopping`.
        """
        self.training = training
        self.log = log
        self.period = period
        self.problem: str | None = None
        """The system's error message if the last attempt to save failed, else None."""
        self._store = run.checkpoints
        self._recent_losses = recent_losses
        self._early_stopping = early_stopping or EarlyStopping(training.recipe)
        self._unsaved: tuple[str, ...] = ()
        """Names of values that checkpoints can't contain and that have already been reported."""
        self._saved = self._position if is_saved else None
        self._next = time.monotonic() + period

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._next

    @property
    def _position(self) -> tuple[int, int]:
        return self.training.epoch, self.training.step_in_epoch

    def save(self, reason: str, *, validation_accuracy: float | None = None, best: bool = False) -> bool:
        """Save the current state, unless a checkpoint already contains it. Return False if saving fails.

        Disk errors are reported, not raised. Call `StepMetrics.flush` first. Raises TrainingFailed and saves nothing if
        a weight isn't finite.
        """
        training = self.training
        position = self._position
        if position == self._saved:
            return True
        if (broken := first_non_finite(training.model)) is not None:
            raise TrainingFailed(
                f"{broken} contains NaN or infinity after step {training.step}; "
                f"{suggest_learning_rate(training.recipe)}"
            )
        self.report_unsavable()
        started = time.monotonic()
        notes = {
            "epochs": training.recipe.epochs,
            "unwritten": self.log.sync(),
            "recent_losses": list(self._recent_losses),
            "early_stopping": self._early_stopping.state_dict(),
        }
        try:
            ref = self._store.save(
                partial(write_checkpoint, training=training.state_dict(), trainer=notes),
                step=training.step,
                epoch=training.epoch,
                validation_accuracy=validation_accuracy,
                best=best,
                unsaved=self._unsaved,
            )
        except OSError as error:
            self._next = time.monotonic() + max(RETRY_PERIOD, self.period)
            self._warn(error.strerror or str(error), reason)
            return False
        seconds = time.monotonic() - started
        self._saved = position
        if self.problem is not None:
            self.problem = None
            self.log.status.update(message=None)
        interval = max(self.period, seconds / MAX_COST)
        self._next = time.monotonic() + interval
        self.log.write(
            CheckpointSaved(
                time=time.time(),
                step=training.step,
                epoch=training.epoch,
                file=ref.file,
                bytes=ref.bytes,
                seconds=seconds,
                reason=reason,
                next_in=interval,
            )
        )
        return True

    def report_unsavable(self) -> None:
        """Report the values of a custom model that checkpoints can't contain. Each value is reported only once."""
        unsavable = self.training.unsavable
        if new := [name for name in unsavable if name not in self._unsaved]:
            self._unsaved = (*self._unsaved, *new)
            self.log.report(
                f"{', '.join(new)} of {self.training.recipe.model} can't be saved: after a resume, the run will differ "
                "from an uninterrupted one"
            )

    def _warn(self, problem: str, reason: str) -> None:
        """Report that a checkpoint couldn't be saved. Repeated failures of periodic saves are reported only once."""
        if problem != self.problem or reason != "interval":
            self.problem = problem
            step = self.training.step
            self.log.report(f"the checkpoint at step {step} can't be written: {problem}; earlier ones are kept")


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A checkpoint from which training is resumed."""

    file: str
    training: dict[str, Any]
    """State to pass to `Training.load_state_dict`."""
    begun_epochs: int
    """Number of epochs that began before this checkpoint."""
    epochs: int
    """Total number of epochs to train, as stored in this checkpoint."""
    unwritten: list[MetricEvent]
    """Metric events that may not have been on disk when this checkpoint was saved."""
    recent_losses: list[float]
    """Losses of the most recent steps."""
    early_stopping: dict[str, Any] | None
    """State to pass to `EarlyStopping.load_state_dict`, or None in a checkpoint of an earlier version."""


def load_newest_checkpoint(run: Run, warn: Callable[[str], None]) -> LoadedCheckpoint | None:
    """Load the newest intact and readable checkpoint. Return None if there is none.

    `warn` is called with the error of each checkpoint that can't be used.
    """
    store = run.checkpoints
    newest = store.latest(warn)
    older = (store.at(step, warn) for step in store.steps() if newest and step < newest.step)
    for ref in chain([newest], older):
        if ref is None:
            continue
        try:
            return _load(store, ref)
        except (BadCheckpoint, OSError) as error:
            warn(str(error))
    return None


def _load(store: CheckpointStore, ref: CheckpointRef) -> LoadedCheckpoint:
    """Load a checkpoint. Raises BadCheckpoint if it isn't a trainer's checkpoint, and OSError if it can't be read."""
    with store.open(ref) as file:
        training, notes = read_checkpoint(file)
        try:
            return LoadedCheckpoint(
                ref.file,
                training,
                training["epoch"] + (1 if training["step_in_epoch"] else 0),
                notes["epochs"],
                decode_metric_events(notes["unwritten"]),
                notes.get("recent_losses", []),
                notes.get("early_stopping"),
            )
        except (LookupError, TypeError, ValueError) as error:
            raise BadCheckpoint(f"{file.name} lacks the trainer's state, so training can't resume from it") from error
