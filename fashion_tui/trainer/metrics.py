"""The metrics of single steps, logged in chunks."""

import math
import time
from collections import deque

import numpy as np

from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.events import StepChunk
from fashion_tui.schema.floats import JsonFloat, encode_float

from .reporting import EventLog, StatusUpdater
from .stopping import LossNotFinite

CHUNK_PERIOD = 0.25
"""Seconds between chunks."""

RECENT_CHUNKS = 4
"""Number of chunks (about a second) over which the loss and the speed in the status are averaged."""


class StepMetrics:
    """Logs the loss, accuracy and learning rate of each step in chunks, and measures the time spent training.

    Nothing is read from the device between chunks, so logging doesn't stall a GPU.
    """

    def __init__(self, training: Training, log: EventLog, status: StatusUpdater) -> None:
        self.training = training
        self.log = log
        self.status = status
        self._logged = training.step_in_epoch
        """Number of steps of the current epoch that have been logged."""
        self._started = time.perf_counter()
        self._partial = 0.0
        """Seconds that had been spent on an unfinished step when the clock was stopped."""
        self._due = 0.0
        self._recent: deque[tuple[list[float], int, float]] = deque(maxlen=RECENT_CHUNKS)
        """Losses, number of images and duration in seconds of each of the most recent chunks."""

    @property
    def is_due(self) -> bool:
        return time.perf_counter() >= self._due

    def restart_clock(self) -> None:
        """Exclude the time since the last `flush` or `stop_clock` from the training time.

        Call this after an evaluation, a pause, or anything else that isn't training.
        """
        self._started = time.perf_counter() - self._partial
        self._partial = 0.0

    def stop_clock(self) -> None:
        """Stop the clock until `restart_clock`. A step may be in progress."""
        self._partial = time.perf_counter() - self._started

    def flush(self) -> None:
        """Log the steps made since the last call. Raises LossNotFinite for the first step whose loss isn't finite."""
        first, last = self._logged, self.training.step_in_epoch
        if first == last:
            return
        losses, accuracies = self.training.step_metrics(first, last)
        seconds = self._count_time()
        self._logged = last
        broken = next((index for index, loss in enumerate(losses) if not math.isfinite(loss)), None)
        if broken is not None:
            del losses[broken + 1 :], accuracies[broken + 1 :]
        images = int(self.training.batch_sizes(first, first + len(losses)).sum())
        self._recent.append((losses, images, seconds))
        first_step = self.training.epoch * self.training.steps_per_epoch + first + 1
        self._write(
            StepChunk(
                time=time.time(),
                first_step=first_step,
                epoch=self.training.epoch + 1,
                loss=_shortest(losses),
                accuracy=_shortest(accuracies),
                learning_rate=[self.training.learning_rate(first_step - 1 + index) for index in range(len(losses))],
                images_per_second=images / seconds,
            )
        )
        if broken is not None:
            raise LossNotFinite(losses[broken], first_step + broken, self.training.recipe)

    def begin_epoch(self) -> None:
        """Reset the count of logged steps, because the next step is the first of a new epoch."""
        self._logged = 0

    def _count_time(self) -> float:
        """Return the seconds since the last call, and add them to the training time of the run and of the epoch."""
        now = time.perf_counter()
        seconds = now - self._started
        self._started, self._due = now, now + CHUNK_PERIOD
        self.training.train_seconds += seconds
        self.training.epoch_seconds += seconds
        return seconds

    def _write(self, chunk: StepChunk) -> None:
        self.log.write(chunk)
        losses = [loss for chunk_losses, _, _ in self._recent for loss in chunk_losses]
        self.status.update(
            step=chunk.first_step + len(chunk.loss) - 1,
            loss=encode_float(sum(losses) / len(losses)),
            images_per_second=sum(images for _, images, _ in self._recent) / sum(s for _, _, s in self._recent),
            train_seconds=self.training.train_seconds,
        )


def _shortest(values: list[float]) -> list[JsonFloat]:
    """Round float32 values to the fewest digits that identify them. This halves the log without losing precision."""
    return [encode_float(float(str(value))) for value in np.array(values, dtype=np.float32)]
