"""A trainer's work on its run: load data, network and checkpoint, train to the end, test what was learned."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import msgspec
import torch
from torch import Tensor

from fashion_tui.lab.data.datasets import Dataset, Images, hold_out
from fashion_tui.lab.devices import choose_device, describe_device, set_cpu_threads, set_determinism
from fashion_tui.lab.evaluation.metrics import evaluate, predict_logits
from fashion_tui.lab.networks.builtin import count_parameters
from fashion_tui.lab.training.diagnosis import find_broken_layer
from fashion_tui.lab.training.loop import Training
from fashion_tui.runs.run import Run
from fashion_tui.schema.evaluation import Metrics
from fashion_tui.schema.events import EpochEnd, Finished, Resumed, Started, StepChunk
from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.recipe import Recipe

from .checkpoints import Checkpoints, Found, newest_checkpoint
from .control import Control
from .endings import LossNotFinite, TrainingFailed
from .figures import StepFigures
from .log import RunLog
from .preparation import Preparation
from .signals import StopSignals
from .status import StatusBoard

NICENESS = 5
"""Of a trainer that computes on the CPU, unless it was started with more."""

DIAGNOSIS_SECONDS = 60.0
"""How long is looked for the layer that a loss which isn't finite came from."""


@dataclass(frozen=True)
class Orders:
    """What a trainer is told, and whom it tells."""

    run: Run
    epochs: int | None
    """So many in all, where the person asked for another number than before."""
    log: RunLog
    board: StatusBoard
    signals: StopSignals
    preparation: Preparation
    taken: float
    """When the trainer took them, by the monotonic clock."""


def train(orders: Orders) -> Finished:
    """From the newest good checkpoint, or the beginning, to the end. Raises Stop, UserError, and what torch raises."""
    config = orders.run.config
    set_cpu_threads(config.threads)
    set_determinism(deterministic=config.deterministic)
    device = choose_device(config.device)
    if device.type == "cpu":
        give_way()
    dataset = orders.preparation.dataset(config.dataset)
    try:
        return Session(orders, dataset, device).train()
    except (RuntimeError, MemoryError) as error:
        if config.compiled and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise TrainingFailed(f"torch.compile failed: {_first_line(error)}; leave out --compile") from error
        if not _is_out_of_memory(error):
            raise
        size = config.recipe.batch_size
        hint = f"try a batch size of {size // 2}" if size > 1 else "try another device"
        raise TrainingFailed(f"{device} has too little memory for a batch of {size}: {hint}") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def give_way() -> None:
    """Lets whatever a person works with go first where all compute on the same CPU: it costs a lone run nothing."""
    with suppress(OSError):
        os.nice(max(0, NICENESS - os.nice(0)))


def _is_out_of_memory(error: Exception) -> bool:
    """A GPU has an error of its own for it, the CPU only words."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


class Session:
    """The training and those who look after it, put together."""

    def __init__(self, orders: Orders, dataset: Dataset, device: torch.device) -> None:
        self.orders = orders
        self.log, self.board = orders.log, orders.board
        self.dataset = dataset
        self.device = device
        config = orders.run.config
        images, self.validation = hold_out(dataset.train, config.validation)
        found = newest_checkpoint(orders.run, self.log.report)
        self.recipe = self._recipe(found)
        network = orders.run.trusted_model()
        self._begin = partial(
            Training, self.recipe, images, device=device, seed=config.seed, network=network, compiled=config.compiled
        )
        self.training = self._begin()
        if found is not None:
            self.training.load_state_dict(found.training)
        self._announce(found)
        self.figures = StepFigures(self.training, self.log, self.board)
        self.checkpoints = Checkpoints(
            orders.run, self.training, self.log, config.checkpoint_every, is_saved=found is not None
        )
        self.control = Control(orders.run, orders.signals, self.figures, self.checkpoints)
        self.loading_seconds = time.monotonic() - orders.taken

    def train(self) -> Finished:
        try:
            while self.training.epoch < self.recipe.epochs:
                self._train_epoch()
                self._end_epoch()
        except LossNotFinite as error:
            layer = self._layer_that_broke(error.step)
            raise LossNotFinite(error.loss, error.step, self.recipe, layer) from None
        return self._finish()

    def _train_epoch(self) -> None:
        self.control.look()
        self.figures.restart_clock()
        for _ in self.training.steps(poll=self.control.look):
            if self.figures.due:
                self.figures.flush()
            if self.checkpoints.due:
                self.figures.flush()
                self.checkpoints.save("interval")
            self.control.look()
        self.figures.flush()

    def _end_epoch(self) -> None:
        training = self.training
        loss, accuracy = training.epoch_metrics()
        judged = self._judge(self.validation) if len(self.validation) else None
        self.log.write(
            EpochEnd(
                time=time.time(),
                epoch=training.epoch + 1,
                step=training.step,
                train_loss=loss,
                train_accuracy=accuracy,
                validation_loss=encode_float(judged.loss) if judged else None,
                validation_accuracy=judged.accuracy if judged else None,
                seconds=training.epoch_seconds,
            )
        )
        best_before = training.best_validation
        is_best = judged is not None and (best_before is None or judged.accuracy > best_before)
        if judged and is_best:
            training.best_validation = judged.accuracy
        training.end_epoch()
        self.figures.begin_epoch()
        self.board.update(epoch=training.epoch)
        is_last = training.epoch >= self.recipe.epochs
        saved = self.checkpoints.save(
            "end" if is_last else "epoch", validation_accuracy=judged.accuracy if judged else None, best=is_best
        )
        if not saved:
            training.best_validation = best_before
        if is_last and not saved:
            raise TrainingFailed(
                f"the trained weights can't be saved: {self.checkpoints.problem}; put that right, then resume the run"
            )

    def _layer_that_broke(self, step: int) -> str | None:
        """From the last good checkpoint on the steps are made once more, for as long as anybody would wait."""
        training = self._begin()
        found = newest_checkpoint(self.orders.run, self.log.report)
        if found is not None:
            training.load_state_dict(found.training)
        deadline = time.monotonic() + DIAGNOSIS_SECONDS
        return find_broken_layer(
            training, step, keep_going=lambda: not self.control.is_asked and time.monotonic() < deadline
        )

    def _finish(self) -> Finished:
        training = self.training
        images = self.dataset.test
        began = time.monotonic()
        logits = self._logits(images.pixels)
        test = evaluate(logits, images.labels, self.dataset.classes)
        flipped = None if self.recipe.flip == "none" else self._accuracy_on_both_sides(images, logits)
        return Finished(
            time=time.time(),
            run=self.orders.run.config.run,
            path=str(self.orders.run.path),
            step=training.step,
            epochs=training.epoch,
            test_accuracy=test.accuracy,
            test_accuracy_flipped=flipped,
            test_loss=encode_float(test.loss),
            train_seconds=training.train_seconds,
            loading_seconds=self.loading_seconds,
            evaluation_seconds=time.monotonic() - began,
            images_per_second=training.images_seen / training.train_seconds,
        )

    def _judge(self, images: Images) -> Metrics:
        """How the trained network does on images that it isn't trained on."""
        return evaluate(self._logits(images.pixels), images.labels, self.dataset.classes)

    def _accuracy_on_both_sides(self, images: Images, logits: Tensor) -> float:
        """Of the mean probabilities for each image, whose logits are these, and its mirror image."""
        answers = logits.softmax(dim=1) + self._logits(images.pixels.flip(-1)).softmax(dim=1)
        return (answers.argmax(dim=1) == images.labels).double().mean().item()

    def _logits(self, pixels: Tensor) -> Tensor:
        """Requests are answered meanwhile."""
        return predict_logits(
            self.training.model,
            pixels,
            self.recipe,
            self.device,
            progress=lambda _done, _total: self.control.look(),
        )

    def _recipe(self, found: Found | None) -> Recipe:
        """The run's recipe, with as many epochs as it is to have by now."""
        epochs = self.orders.epochs or max(self.board.status.epochs, found.epochs if found else 0)
        if found is not None:  # an epoch that was begun is brought to its end
            epochs = max(epochs, found.training["epoch"] + (1 if found.training["step_in_epoch"] else 0))
        return msgspec.structs.replace(self.orders.run.config.recipe, epochs=epochs)

    def _announce(self, found: Found | None) -> None:
        """Tells the log and the status what begins here, or goes on."""
        training, now = self.training, time.time()
        if self.orders.run.config.compiled:
            self.log.report("torch.compile works before the first step; what is asked meanwhile is answered then")
        if training.precision != self.recipe.precision:
            self.log.report(f"{self.device} doesn't compute in {self.recipe.precision}: {training.precision} is used")
        unwritten = found.unwritten if found else []
        if self.log.continues:
            # What the checkpoint knows and the log perhaps doesn't is void in the log, and follows this line.
            unlogged = [figures.first_step for figures in unwritten if isinstance(figures, StepChunk)]
            self.log.write(
                Resumed(
                    time=now,
                    step=min([training.step, *(first - 1 for first in unlogged)]),
                    epoch=training.epoch,
                    epochs=self.recipe.epochs,
                    checkpoint=found.file if found else None,
                    pid=os.getpid(),
                )
            )
        for figures in unwritten:
            self.log.write(figures)
        self.log.write(
            Started(
                time=now,
                run=self.orders.run.config.run,
                model=self.recipe.model,
                parameters=count_parameters(training.model),
                train_images=len(training.batches.images),
                epochs=self.recipe.epochs,
                steps_per_epoch=training.steps_per_epoch,
                device=str(self.device),
                device_name=describe_device(self.device),
                threads=self.orders.run.config.threads,
                pid=os.getpid(),
            )
        )
        self.board.update(
            state="running",
            step=training.step,
            steps_per_epoch=training.steps_per_epoch,
            epoch=training.epoch,
            epochs=self.recipe.epochs,
            train_seconds=training.train_seconds,
        )
