"""When checkpoints are taken, what stands in them, and which one a resumed run goes on from."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from fashion_tui.lab.networks.builtin import first_non_finite
from fashion_tui.lab.training.checkpoint import BadCheckpoint, read_checkpoint, write_checkpoint
from fashion_tui.lab.training.loop import Training
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import CheckpointSaved

from .endings import TrainingFailed, lower_rate
from .log import Figures, RunLog, decode_figures

COST = 0.02
"""Most of the run's time that checkpoints may take: where they cost more, they are taken more rarely."""

RETRY = 5.0
"""Seconds until the next attempt after one that failed."""


class Checkpoints:
    """Saves a training."""

    def __init__(self, run: Run, training: Training, log: RunLog, every: float, *, is_saved: bool) -> None:
        """`is_saved`: the training, as it stands, comes from a checkpoint."""
        self.training = training
        self.log = log
        self.every = every
        self._store = run.checkpoints
        self._saved = (training.epoch, training.step_in_epoch) if is_saved else None
        self._next = time.monotonic() + every
        self.problem: str | None = None
        """Why the last attempt failed, in the system's words."""

    @property
    def due(self) -> bool:
        return time.monotonic() >= self._next

    def save(self, reason: str, *, validation_accuracy: float | None = None, best: bool = False) -> bool:
        """Whether the training, as it stands, is on disk. A failing disk is told to the person, and no error.

        The figures of all steps have to be in the log before (`StepFigures.flush`). TrainingFailed, with the last
        checkpoint left as it is, where a weight is no finite number.
        """
        training = self.training
        position = (training.epoch, training.step_in_epoch)
        if position == self._saved:
            return True
        if (broken := first_non_finite(training.model)) is not None:
            raise TrainingFailed(
                f"{broken} holds a NaN or an infinity after step {training.step}; {lower_rate(training.recipe)}"
            )
        began = time.monotonic()
        notes = {"epochs": training.recipe.epochs, "unwritten": self.log.sync()}
        try:
            ref = self._store.save(
                partial(write_checkpoint, training=training.state_dict(), trainer=notes),
                step=training.step,
                epoch=training.epoch,
                validation_accuracy=validation_accuracy,
                best=best,
            )
        except OSError as error:
            self._next = time.monotonic() + max(RETRY, self.every)
            self._warn(error.strerror or str(error), reason)
            return False
        seconds = time.monotonic() - began
        self._saved = position
        if self.problem is not None:
            self.problem = None
            self.log.board.update(message=None)
        interval = max(self.every, seconds / COST)
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

    def _warn(self, problem: str, reason: str) -> None:
        """Tells of a failed attempt: of the repeated ones once, of those that someone waits for each time."""
        if problem != self.problem or reason != "interval":
            self.problem = problem
            step = self.training.step
            self.log.report(f"the checkpoint of step {step} can't be written: {problem}; those before it are kept")


@dataclass(frozen=True)
class Found:
    """A checkpoint to go on from."""

    file: str
    training: dict[str, Any]
    """State of the `Training`."""
    epochs: int
    """How many the run was to have when it was saved."""
    unwritten: list[Figures]
    """Figures that weren't in the log yet."""


def newest_checkpoint(run: Run, warn: Callable[[str], None]) -> Found | None:
    """The newest checkpoint that is whole and can be read; None where there is none. `warn` is told of the others."""
    store = run.checkpoints
    newest = store.latest(warn)
    older = (store.at(step, warn) for step in store.steps() if newest and step < newest.step)
    for ref in chain([newest], older):
        if ref is None:
            continue
        try:
            with store.open(ref) as file:
                training, notes = read_checkpoint(file)
        except (BadCheckpoint, OSError) as error:
            warn(str(error))
            continue
        return Found(ref.file, training, notes["epochs"], decode_figures(notes["unwritten"]))
    return None
