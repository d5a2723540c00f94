"""Log the metrics of the training steps, in chunks of several steps."""

import math
import time
from collections import deque

import numpy as np

from fashion_tui.lab.training.loop import Training
from fashion_tui.runs.verdicts import BATCH_TIME
from fashion_tui.schema.events import StepChunk
from fashion_tui.schema.floats import JsonFloat, encode_float
from fashion_tui.schema.recipe import Recipe

from .devices import DeviceMonitor
from .reporting import EventLog, StatusUpdater
from .stopping import LossDiverged, LossNotFinite, TrainingFailed

CHUNK_PERIOD = 0.25
"""Seconds between chunks."""

LAYER_PERIOD = 1.0
LAYER_STEPS = 20
"""Minimum time in seconds, and minimum number of steps, between two measurements of the layers and devices.

Measuring a step makes it up to 20 % slower.
"""

LAYER_MEASUREMENTS = 1000
"""Number of measurements after which the period becomes longer, so that long runs have a log of limited size."""

RECENT_CHUNKS = 4
"""Number of chunks over which the status averages loss and speed. These chunks cover about a second."""


DIVERGENCE_STEPS = 50
DIVERGENCE_FACTOR = 10
"""A run fails if the mean loss of the last steps exceeds the loss of random predictions by this factor."""


class DivergenceCheck:
    """Detects when the loss diverges."""

    def __init__(self, recipe: Recipe, classes: int, losses: list[float]) -> None:
        """`losses` are the losses of the most recent steps, from the checkpoint if the run is resumed."""
        self.recipe = recipe
        self.limit = DIVERGENCE_FACTOR * math.log(classes)
        self.losses = deque(losses, maxlen=DIVERGENCE_STEPS)
        """Losses of the most recent steps. They are saved in every checkpoint."""

    def add(self, loss: float, step: int) -> LossDiverged | None:
        """Add the loss of the next step. Return an error if the mean loss has become too high, else None."""
        self.losses.append(loss)
        mean = sum(self.losses) / len(self.losses)
        if len(self.losses) < DIVERGENCE_STEPS or not mean > self.limit:
            return None
        return LossDiverged(mean, DIVERGENCE_STEPS, step, self.limit, self.recipe)


class StepMetrics:
    """Logs the metrics of the steps in chunks, and measures the time spent training.

    Loss, accuracy and learning rate are logged for each step. The speed, the share of the time spent preparing images,
    and the gradient norm are logged for one step per chunk, and the metrics of layers and devices about once a second.
    Nothing is read from the device between chunks, so logging doesn't stall a GPU.
    """

    def __init__(
        self, training: Training, log: EventLog, status: StatusUpdater, divergence: DivergenceCheck | None
    ) -> None:
        """If `divergence` is None, training continues even if the loss diverges."""
        self.training = training
        self._divergence = divergence
        self.log = log
        self.status = status
        self._devices = DeviceMonitor(training.device)
        self._layers_due = (0.0, 0)
        """Time, in seconds of training, and step at which the layers and devices are measured next."""
        if training.device.type != "cuda":  # the first step on a GPU may capture a graph, so it isn't observed
            training.observer.request(layers=True)
        self._logged = training.step_in_epoch
        """Number of steps of the current epoch that have been logged."""
        self._started = time.perf_counter()
        self._partial = 0.0
        """Seconds already spent on an unfinished step when the clock was stopped."""
        self._due = 0.0
        self._batch_seconds = training.batches.seconds
        """Value of `ImageBatches.seconds` at the last `flush`."""
        self._recent: deque[tuple[list[float], int, float]] = deque(maxlen=RECENT_CHUNKS)
        """Losses, number of images and duration in seconds of each of the most recent chunks."""

    @property
    def is_due(self) -> bool:
        return time.perf_counter() >= self._due

    def restart_clock(self) -> None:
        """Exclude the time since the last `flush` or `stop_clock` from the training time.

        Call this method after an evaluation, a pause, or any other work that isn't training.
        """
        self._started = time.perf_counter() - self._partial
        self._partial = 0.0

    def stop_clock(self) -> None:
        """Stop the clock until `restart_clock` is called. This is also allowed during a step."""
        self._partial = time.perf_counter() - self._started

    def flush(self) -> None:
        """Log the metrics of the steps completed since the last call.

        Raises LossNotFinite for the first step whose loss isn't finite, and LossDiverged if the loss diverges.
        """
        first, last = self._logged, self.training.step_in_epoch
        if first == last:
            return
        losses, accuracies = self.training.step_metrics(first, last)
        seconds = self._count_time()
        self._logged = last
        first_step = self.training.epoch * self.training.steps_per_epoch + first + 1
        error = None
        for index, loss in enumerate(losses):
            if (error := self._check(loss, first_step + index)) is not None:
                del losses[index + 1 :], accuracies[index + 1 :]
                break
        images = int(self.training.batch_sizes(first, first + len(losses)).sum())
        self._recent.append((losses, images, seconds))
        rates = [self.training.learning_rate(first_step - 1 + index) for index in range(len(losses))]
        self.log.write(
            StepChunk(
                time=time.time(),
                first_step=first_step,
                metrics={"loss": _shortest(losses), "accuracy": _shortest(accuracies), "learning_rate": [*rates]},
            )
        )
        last_step = first_step + len(losses) - 1
        self._write_samples(first_step, last_step, images / seconds, self._batch_share(seconds))
        self._update_status(last_step)
        if error is not None:
            raise error

    def _check(self, loss: float, step: int) -> TrainingFailed | None:
        """Return an error if training can't continue after this step, else None."""
        if not math.isfinite(loss):
            return LossNotFinite(loss, step, self.training.recipe)
        return None if self._divergence is None else self._divergence.add(loss, step)

    def begin_epoch(self) -> None:
        """Reset the number of logged steps at the beginning of an epoch."""
        self._logged = 0

    def _count_time(self) -> float:
        """Return the seconds since the last call, and add them to the training time of the run and of the epoch."""
        now = time.perf_counter()
        seconds = now - self._started
        self._started, self._due = now, now + CHUNK_PERIOD
        self.training.train_seconds += seconds
        self.training.epoch_seconds += seconds
        return seconds

    def _batch_share(self, seconds: float) -> dict[str, float]:
        """Return the share of the last `seconds` spent preparing images. On a GPU, this isn't measured."""
        before, self._batch_seconds = self._batch_seconds, self.training.batches.seconds
        if self.training.device.type != "cpu":
            return {}
        return {BATCH_TIME: min((self._batch_seconds - before) / seconds, 1.0)}

    def _write_samples(
        self, first_step: int, last_step: int, images_per_second: float, batch_share: dict[str, float]
    ) -> None:
        """Log the measurements of the steps from `first_step` to `last_step`, and request the next measurement."""
        samples: dict[int, dict[str, float]] = {last_step: {"images_per_second": images_per_second} | batch_share}
        due_time, due_step = self._layers_due
        is_due = self.training.train_seconds >= due_time and last_step >= due_step
        if is_due:
            samples[last_step] |= self._devices.measure()
            period = max(LAYER_PERIOD, self.training.train_seconds / LAYER_MEASUREMENTS)
            self._layers_due = self.training.train_seconds + period, last_step + LAYER_STEPS
        observation = self.training.observer.take()
        if observation is not None and first_step <= observation[0] <= last_step:
            step, metrics = observation
            samples[step] = metrics | samples.get(step, {})
        self.training.observer.request(layers=is_due)
        self.log.write(_sample_chunk(samples))

    def _update_status(self, step: int) -> None:
        losses = [loss for chunk_losses, _, _ in self._recent for loss in chunk_losses]
        self.status.update(
            step=step,
            loss=encode_float(sum(losses) / len(losses)),
            images_per_second=sum(images for _, images, _ in self._recent) / sum(s for _, _, s in self._recent),
            train_seconds=self.training.train_seconds,
        )


def _sample_chunk(samples: dict[int, dict[str, float]]) -> StepChunk:
    """Return a chunk with these metrics. `samples` maps each step to its metrics."""
    steps = sorted(samples)
    names = dict.fromkeys(name for step in steps for name in samples[step])
    metrics: dict[str, list[JsonFloat | None]] = {
        name: [encode_float(float(f"{samples[step][name]:.6g}")) if name in samples[step] else None for step in steps]
        for name in names
    }
    return StepChunk(time=time.time(), steps=steps, metrics=metrics)


def _shortest(values: list[float]) -> list[JsonFloat | None]:
    """Round float32 values to the fewest digits that identify them. This halves the log without losing precision."""
    return [encode_float(float(str(value))) for value in np.array(values, dtype=np.float32)]
