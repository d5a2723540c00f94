"""The figures of single steps, gathered into chunks for the log."""

import math
import time
from collections import deque

import numpy as np

from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.events import StepChunk
from fashion_tui.schema.floats import JsonFloat, encode_float

from .endings import LossNotFinite
from .log import RunLog
from .status import StatusBoard

EVERY = 0.25
"""Seconds between two chunks."""

RECENT = 4
"""So many chunks, about a second, make up the loss and the speed that the status shows."""


class StepFigures:
    """Logs each step's loss and accuracy, a chunk at a time, and counts the seconds spent training.

    In between nothing is read from the device: a GPU never waits for its log.
    """

    def __init__(self, training: Training, log: RunLog, board: StatusBoard) -> None:
        self.training = training
        self.log = log
        self.board = board
        self._logged = training.step_in_epoch
        self._began = time.perf_counter()
        self._begun = 0.0
        """Seconds of a step that was being made when the clock was stopped."""
        self._due = 0.0
        self._recent: deque[tuple[list[float], int, float]] = deque(maxlen=RECENT)

    @property
    def due(self) -> bool:
        return time.perf_counter() >= self._due

    def restart_clock(self) -> None:
        """What passed since the last `flush` or `stop_clock` (an evaluation, a pause) was no training."""
        self._began = time.perf_counter() - self._begun
        self._begun = 0.0

    def stop_clock(self) -> None:
        """What follows up to `restart_clock` is no training; a step may have begun before."""
        self._begun = time.perf_counter() - self._began

    def flush(self) -> None:
        """Logs the steps since the last time. LossNotFinite, naming the first such step, where a loss isn't finite."""
        first, last = self._logged, self.training.step_in_epoch
        if first == last:
            return
        losses, accuracies = self.training.step_metrics(first, last)
        seconds = self._lap()
        self._logged = last
        broken = next((place for place, loss in enumerate(losses) if not math.isfinite(loss)), None)
        if broken is not None:
            del losses[broken + 1 :], accuracies[broken + 1 :]
        images = int(self.training.batch_sizes(first, first + len(losses)).sum())
        self._recent.append((losses, images, seconds))
        first_step = self.training.epoch * self.training.steps_per_epoch + first + 1
        self._tell(
            StepChunk(
                time=time.time(),
                first_step=first_step,
                epoch=self.training.epoch + 1,
                loss=_shortest(losses),
                accuracy=_shortest(accuracies),
                learning_rate=[self.training.learning_rate(first_step - 1 + place) for place in range(len(losses))],
                images_per_second=images / seconds,
            )
        )
        if broken is not None:
            raise LossNotFinite(losses[broken], first_step + broken, self.training.recipe)

    def begin_epoch(self) -> None:
        """The training has gone on to its next epoch."""
        self._logged = 0

    def _lap(self) -> float:
        """Seconds of training since the last flush, added to the training's own count."""
        now = time.perf_counter()
        seconds = now - self._began
        self._began, self._due = now, now + EVERY
        self.training.train_seconds += seconds
        self.training.epoch_seconds += seconds
        return seconds

    def _tell(self, steps: StepChunk) -> None:
        self.log.write(steps)
        losses = [loss for chunk, _, _ in self._recent for loss in chunk]
        self.board.update(
            step=steps.first_step + len(steps.loss) - 1,
            loss=encode_float(sum(losses) / len(losses)),
            images_per_second=sum(images for _, images, _ in self._recent) / sum(s for _, _, s in self._recent),
            train_seconds=self.training.train_seconds,
        )


def _shortest(values: list[float]) -> list[JsonFloat]:
    """float32 values in as few digits as tell them apart: half the length in the log, and nothing lost."""
    return [encode_float(float(str(value))) for value in np.array(values, dtype=np.float32)]
