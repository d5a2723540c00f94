"""Train a run: load the data, network and checkpoint, train to the end, and evaluate on the test set."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import msgspec
import torch

from fashion_tui.lab.data.datasets import Dataset, hold_out
from fashion_tui.lab.devices import (
    choose_device,
    describe_device,
    set_cpu_threads,
    set_determinism,
    unused_gpu_problem,
)
from fashion_tui.lab.errors import first_line, is_compiler_error, is_out_of_memory
from fashion_tui.lab.gpus import explain_memory
from fashion_tui.lab.networks.builtin import count_parameters
from fashion_tui.lab.networks.pretrained import weights_file
from fashion_tui.lab.training.checkpoint import BadCheckpoint
from fashion_tui.lab.training.diagnosis import find_broken_layer
from fashion_tui.lab.training.early_stopping import EarlyStopping
from fashion_tui.lab.training.loop import Training
from fashion_tui.machine.threads import available_cpus
from fashion_tui.runs.create import changed_versions
from fashion_tui.runs.run import Run
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import EpochEnd, Finished, Resumed, Started, StepChunk
from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.recipe import Recipe
from fashion_tui.schema.run import RunConfig

from .checkpoints import CheckpointSaver, LoadedCheckpoint, load_newest_checkpoint
from .control import Control
from .devices import device_key
from .evaluation import Evaluation
from .metrics import DivergenceCheck, StepMetrics
from .queue import DeviceQueue
from .reporting import EventLog, StatusUpdater
from .stopping import LossNotFinite, StepFailed, StopSignals, StopTraining, TrainingFailed

NICENESS = 5
"""Niceness of a trainer that uses the CPU, unless it was started with a higher niceness."""

DIAGNOSIS_SECONDS = 60.0
"""Time limit, in seconds, for finding the layer that produced the first non-finite value."""


@dataclass(frozen=True)
class Job:
    """A run to train, and the objects needed to train it."""

    run: Run
    epochs: int | None
    """Total number of epochs if the user changed it, else None."""
    log: EventLog
    status: StatusUpdater
    signals: StopSignals
    load_dataset: Callable[[DatasetRef], Dataset]
    devices: DeviceQueue
    started: float
    """Monotonic time, in seconds, at which the trainer received the job."""


def train(job: Job) -> Finished:
    """Train a run to completion, starting from its newest intact checkpoint or, if there is none, from the beginning.

    Raises StopTraining, UserError, and torch's own exceptions.
    """
    config = job.run.config
    set_cpu_threads(config.threads)
    device = choose_device(job.devices.device or config.device)
    job.devices.occupy(device_key(device))
    set_determinism(device, deterministic=config.deterministic)
    if device.type == "cpu":
        lower_priority()
        if config.device == "auto" and (problem := unused_gpu_problem()) is not None:
            job.log.report(f"training on the CPU: {problem}")
    dataset = job.load_dataset(config.dataset)
    try:
        return Session(job, dataset, device).train()
    except StepFailed as failure:
        failure.error = _explain(failure.error, config, device)
        raise
    except (RuntimeError, MemoryError) as error:
        explained = _explain(error, config, device)
        if explained is error:
            raise
        raise explained from error


def _explain(error: Exception, config: RunConfig, device: torch.device) -> Exception:
    """Return a TrainingFailed with advice if the error has a known cause, else the error itself."""
    if config.compiled and is_compiler_error(error):
        return TrainingFailed(f"torch.compile failed: {first_line(error)}; leave out --compile")
    if not is_out_of_memory(error):
        return error
    size = config.recipe.batch_size
    hint = f"try a batch size of {size // 2}" if size > 1 else "try another device"
    if device.type != "cuda":
        return TrainingFailed(f"{device} has too little memory for a batch of {size}: {hint}")
    memory, is_ours = explain_memory(device)
    if not is_ours:
        hint = "wait until another program frees memory, or choose another device"
    return TrainingFailed(f"{device} has too little memory for a batch of {size}: {memory}; {hint}")


def lower_priority() -> None:
    """Lower this process's priority so that the user's programs stay responsive. This costs nothing on an idle CPU."""
    with suppress(OSError):
        os.nice(max(0, NICENESS - os.nice(0)))


class Session:
    """Drives a training run: logs its metrics, saves its checkpoints, and handles requests."""

    def __init__(self, job: Job, dataset: Dataset, device: torch.device) -> None:
        self.job = job
        self.run, self.log, self.status = job.run, job.log, job.status
        self.dataset = dataset
        self.device = device
        config = self.run.config
        images, self.validation = hold_out(dataset.train, config.validation, config.left_out)
        checkpoint = load_newest_checkpoint(self.run, self.log.report)
        self.recipe = self._recipe(checkpoint)
        custom_model = self.run.trusted_model()
        self._create_training = partial(
            Training,
            self.recipe,
            images,
            classes=len(dataset.classes),
            device=device,
            seed=config.seed,
            network=custom_model,
            compiled=config.compiled,
            report=self.log.report,
        )
        self.training = self._new_training(checkpoint)
        self.early_stopping = self._restore_early_stopping(checkpoint)
        self._log_start(checkpoint)
        divergence = DivergenceCheck(self.recipe, len(dataset.classes), checkpoint.recent_losses if checkpoint else [])
        self.metrics = StepMetrics(self.training, self.log, self.status, None if config.keep_going else divergence)
        self.checkpoints = CheckpointSaver(
            self.run,
            self.training,
            self.log,
            config.checkpoint_every,
            is_saved=checkpoint is not None,
            recent_losses=divergence.losses,
            early_stopping=self.early_stopping,
        )
        self.checkpoints.report_unsavable()
        if self.training.joins_last_image:
            self.log.report(
                f"{self.recipe.model} can't be trained on one image, so the last image of each epoch is added "
                "to the previous batch"
            )
        self.control = Control(self.run, job.signals, self.metrics, self.checkpoints)
        self.evaluation = Evaluation(self.training, dataset.classes, self.log, self.control.poll)
        self.loading_seconds = time.monotonic() - job.started

    def _new_training(self, checkpoint: LoadedCheckpoint | None) -> Training:
        """Return a Training in the state of a checkpoint or, without one, with initial weights."""
        if checkpoint is None:
            config = self.run.config
            return self._create_training(weights=weights_file(config.recipe, config.weights_sha256))
        training = self._create_training()
        try:
            training.load_state_dict(checkpoint.training)
        except BadCheckpoint as error:
            raise BadCheckpoint(
                f"the checkpoint {checkpoint.file} {error}; to resume from an earlier checkpoint, delete this file"
            ) from error
        return training

    def train(self) -> Finished:
        try:
            while not self._is_complete:
                self._train_epoch()
                self._end_epoch()
        except LossNotFinite as error:
            layer = None
            # Ignore errors, because repeating the steps may exhaust the memory or fail in the user's code.
            with suppress(Exception):
                layer = self._find_nonfinite_layer(error.step)
            raise LossNotFinite(error.loss, error.step, self.recipe, layer) from None
        return self._finish()

    @property
    def _is_complete(self) -> bool:
        """Whether the last epoch has been completed, or early stopping has ended training."""
        epoch = self.training.epoch
        return epoch >= self.recipe.epochs or self.early_stopping.reason_to_stop(epoch) is not None

    def _train_epoch(self) -> None:
        self.control.poll()
        self.metrics.restart_clock()
        for _ in self._steps():
            if self.metrics.is_due:
                self.metrics.flush()
            if self.checkpoints.is_due:
                self.metrics.flush()
                self.checkpoints.save("interval")
            self.control.poll()
        self.metrics.flush()

    def _steps(self) -> Iterator[int]:
        """Train for the rest of the epoch, and yield after each step.

        If a step raises an error, log the steps before it and raise StepFailed.
        """
        steps = self.training.steps(poll=self.control.poll)
        while True:
            try:
                step = next(steps, None)
            except (StopTraining, UserError):
                raise
            except Exception as error:
                with suppress(RuntimeError):  # after some errors, the metrics can't be read from the GPU
                    self.metrics.flush()
                raise StepFailed(self.training.step + 1, error) from error
            if step is None:
                return
            yield step

    def _end_epoch(self) -> None:
        training = self.training
        loss, accuracy = training.epoch_metrics()
        training.update_statistics(self.control.poll)
        validation = self.evaluation.evaluate(self.validation, "validation")[0] if len(self.validation) else None
        self.log.write(
            EpochEnd(
                time=time.time(),
                epoch=training.epoch + 1,
                step=training.step,
                train_loss=loss,
                train_accuracy=accuracy,
                validation_loss=encode_float(validation.loss) if validation else None,
                validation_accuracy=encode_float(validation.accuracy) if validation else None,
                seconds=training.epoch_seconds,
            )
        )
        if validation is not None and validation.invalid:
            validation = None
        best_before = training.best_validation
        is_best = validation is not None and (best_before is None or validation.accuracy > best_before)
        if validation and is_best:
            training.best_validation = validation.accuracy
        training.end_epoch()
        self.early_stopping.add(training.epoch, validation)
        self.metrics.begin_epoch()
        self.status.update(epoch=training.epoch)
        is_saved = self.checkpoints.save(
            "end" if self._is_complete else "epoch",
            validation_accuracy=validation.accuracy if validation else None,
            best=is_best,
        )
        if not is_saved:
            training.best_validation = best_before
        if self._is_complete and not is_saved:
            raise TrainingFailed(
                f"the trained weights can't be saved: {self.checkpoints.problem}; fix that, then resume the run"
            )

    def _find_nonfinite_layer(self, step: int) -> str | None:
        """Repeat the steps since the newest checkpoint to find the layer that first produced NaN or infinity.

        Give up when a request arrives or after DIAGNOSIS_SECONDS.
        """
        training = self._new_training(load_newest_checkpoint(self.run, self.log.report))
        deadline = time.monotonic() + DIAGNOSIS_SECONDS
        return find_broken_layer(
            training, step, keep_going=lambda: not self.control.has_request and time.monotonic() < deadline
        )

    def _finish(self) -> Finished:
        training = self.training
        images = self.dataset.test
        started = time.monotonic()
        test, logits = self.evaluation.evaluate(images, "test")
        flipped = None if self.recipe.flip == "none" else self.evaluation.accuracy_with_flips(images, logits)
        return Finished(
            time=time.time(),
            run=self.run.config.run,
            path=str(self.run.path),
            step=training.step,
            epochs=training.epoch,
            stopped_early=self._stopped_early(),
            test_accuracy=encode_float(test.accuracy),
            test_accuracy_flipped=None if flipped is None else encode_float(flipped),
            test_loss=encode_float(test.loss),
            train_seconds=training.train_seconds,
            loading_seconds=self.loading_seconds,
            evaluation_seconds=time.monotonic() - started,
            images_per_second=training.images_seen / training.train_seconds,
        )

    def _stopped_early(self) -> str | None:
        epoch = self.training.epoch
        return self.early_stopping.reason_to_stop(epoch) if epoch < self.recipe.epochs else None

    def _recipe(self, checkpoint: LoadedCheckpoint | None) -> Recipe:
        """Return the run's recipe with the total number of epochs to train, which the user may have changed."""
        epochs = self.job.epochs or max(self.status.status.epochs, checkpoint.epochs if checkpoint else 0)
        if checkpoint is not None:  # an epoch that began before the checkpoint must be completed
            epochs = max(epochs, checkpoint.begun_epochs)
        return msgspec.structs.replace(self.run.config.recipe, epochs=epochs)

    def _restore_early_stopping(self, checkpoint: LoadedCheckpoint | None) -> EarlyStopping:
        """Return an `EarlyStopping` with the state in the checkpoint.

        A run that was stopped early is resumed only if the user asks for more epochs. Its patience then starts again.
        """
        early_stopping, epoch = EarlyStopping(self.recipe), self.training.epoch
        if checkpoint is not None and checkpoint.early_stopping is not None:
            early_stopping.load_state_dict(checkpoint.early_stopping)
        if early_stopping.reason_to_stop(epoch) is not None and self._has_finished_at(self.training.step):
            early_stopping.restart(epoch)
        return early_stopping

    def _has_finished_at(self, step: int) -> bool:
        """Return whether the run had finished at this step before it was resumed."""
        events = self.run.follow_events().events()
        return any(isinstance(event, Finished) and event.step == step for event in events)

    def _log_start(self, checkpoint: LoadedCheckpoint | None) -> None:
        """Record in the log and the status that the run has started or resumed."""
        training, config, now = self.training, self.run.config, time.time()
        if config.compiled:
            self.log.report("torch.compile compiles the network before the first step; requests are handled afterwards")
        if training.precision != self.recipe.precision:
            self.log.report(f"{self.device} doesn't support {self.recipe.precision}; {training.precision} is used")
        if checkpoint is not None and (changed := changed_versions(config)):
            self.log.report(f"{'; '.join(changed)}: the run may differ from one that wasn't interrupted")
        unwritten = checkpoint.unwritten if checkpoint else []
        if self.log.is_continued:
            # When readers reach this event, they discard all earlier events about later steps.
            # Therefore, the events that are only in the checkpoint must be written after this event.
            unlogged = [event.numbers[0] for event in unwritten if isinstance(event, StepChunk)]
            self.log.write(
                Resumed(
                    time=now,
                    step=min([training.step, *(first - 1 for first in unlogged)]),
                    epoch=training.epoch,
                    epochs=self.recipe.epochs,
                    checkpoint=checkpoint.file if checkpoint else None,
                    pid=os.getpid(),
                )
            )
        for event in unwritten:
            self.log.write(event)
        self.log.write(
            Started(
                time=now,
                run=config.run,
                model=self.recipe.model,
                parameters=count_parameters(training.model),
                train_images=len(training.batches.images),
                epochs=self.recipe.epochs,
                steps_per_epoch=training.steps_per_epoch,
                device=str(self.device),
                device_name=describe_device(self.device),
                threads=config.threads,
                cpus=available_cpus(),
                pid=os.getpid(),
            )
        )
        self.status.update(
            state="running",
            step=training.step,
            steps_per_epoch=training.steps_per_epoch,
            epoch=training.epoch,
            epochs=self.recipe.epochs,
            train_seconds=training.train_seconds,
        )
