"""The training loop.

`train_step` performs one step: forward pass, loss, backward pass, update. `Training.steps` loops over the batches of an
epoch. The rest of the code wraps these two functions to provide interruptible micro-batches and `torch.compile`
(`Training._step`), CUDA graphs (`cuda_graph.GPUStep`) and exact resume (`Training.state_dict`).
"""

import copy
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.lab.data.datasets import Batch, ImageBatches, Images
from fashion_tui.lab.errors import is_out_of_memory
from fashion_tui.lab.networks.pretrained import WeightsFile
from fashion_tui.lab.networks.weight_check import WrongWeights
from fashion_tui.lab.rng import preserve_rng_state, seed_everything
from fashion_tui.schema.dataset import FASHION_TASK, ImageTask
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import CPU_MICRO_BATCH, Precision, Recipe, is_fine_tuned

from .checkpoint import BadCheckpoint, preserve_state
from .cuda_graph import GPUStep
from .network_state import NetworkState, min_last_batch
from .observation import StepObserver
from .optimizers import clip_gradients, optimizers_for
from .precision import autocast, precision_on
from .schedules import learning_rate_at, set_learning_rates

STATISTICS_IMAGES, STATISTICS_BATCH = 10_000, 250
"""Maximum number of training images used to compute the batch normalisation statistics of averaged weights, and the
batch size for this."""

MicroBatch = tuple[Tensor, Tensor, float]
"""Images, float32 `[N, C, H, W]`; labels, int64 `[N]`; and this micro-batch's share of the batch, in (0, 1]."""


def train_step(
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    batch: Iterable[MicroBatch],
    *,
    label_smoothing: float = 0.0,
    precision: Precision = "fp32",
) -> tuple[Tensor, Tensor]:
    """Train on one batch. Return the mean loss and the number of correct predictions before the update.

    The gradients of the micro-batches add up to the gradients of the batch. On a GPU, a batch has only one micro-batch.
    """
    for optimizer in optimizers:
        optimizer.zero_grad()
    losses, correct = [], []
    for images, labels, share in batch:
        with autocast(images.device, precision):
            logits = model(images).float()
            loss = F.cross_entropy(logits, labels, label_smoothing=label_smoothing) * share
        loss.backward()
        losses.append(loss.detach())
        correct.append((logits.detach().argmax(dim=1) == labels).sum())
    for optimizer in optimizers:
        optimizer.step()
    return torch.stack(losses).sum(), torch.stack(correct).sum()


class Training:
    """Trains a network according to a recipe.

        training = Training(recipe, dataset.train, device=torch.device("cpu"), seed=0)
        while training.epoch < recipe.epochs:
            for step in training.steps():
                ...
            training.end_epoch()

    Training can be resumed exactly: if `state_dict()` is saved between steps and loaded into a new `Training`, all
    later weights are bit-identical. Everything that determines a step is either part of this state or a function of the
    seed, the epoch and the step.
    """

    def __init__(  # noqa: PLR0913
        self,
        recipe: Recipe,
        images: Images,
        *,
        classes: int = FASHION_TASK.classes,
        device: torch.device,
        seed: int,
        network: CustomModel | None = None,
        weights: WeightsFile | None = None,
        compiled: bool = False,
        report: Callable[[str], None] = warnings.warn,
    ) -> None:
        """Prepare to train on `images`, which belong to a number of classes.

        `network`, if given, is a custom model that replaces the recipe's network. The custom model's code is executed.
        `weights` is the file with the initial weights of a network that is fine-tuned; without it, they are random.
        If `compiled` is True, the network is compiled with `torch.compile`, which makes the first step slow. `report`
        is called with a warning for the user if training is slower than expected.
        """
        if device.type == "cuda":
            device = torch.device("cuda", torch.cuda.current_device() if device.index is None else device.index)
            torch.cuda.set_device(device)  # streams and graphs are created on the current device
        seed_everything(seed)
        self.recipe = recipe
        self.device = device
        task = ImageTask(image_shape=images.shape, classes=classes)
        self._network = NetworkState(recipe, network, task, device, weights)
        self.model, self.average = self._network.model, self._network.average
        min_last = min_last_batch(recipe, network, task, len(images))
        self.batches = ImageBatches(images, recipe, seed=seed, device=device, min_last=min_last)
        capture = device.type == "cuda" and network is None and not is_fine_tuned(recipe)
        self.optimizers = optimizers_for(recipe, self.model, capturable=capture)
        unclipped_norm = clip_gradients(self.model, self.optimizers, recipe.max_gradient_norm)
        self.precision = precision_on(device, recipe)
        """The recipe's precision if the device supports it, else fp32."""

        self.epoch = 0
        """Number of completed epochs."""
        self.step_in_epoch = 0
        """Number of completed steps in the current epoch."""
        self.losses = torch.zeros(self.steps_per_epoch, device=device)
        """Loss of each step of the current epoch, kept on the device because reading it would synchronise a GPU."""
        self.correct = torch.zeros(self.steps_per_epoch, dtype=torch.int32, device=device)
        """Number of correct predictions in each step of the current epoch."""
        self.best_validation: float | None = None
        """Best accuracy on the validation set so far; maintained by the caller."""
        self.train_seconds = 0.0
        """Total time spent in steps, in seconds; maintained by the caller."""
        self.epoch_seconds = 0.0
        """Time spent in steps of the current epoch, in seconds; maintained by the caller."""

        self.observer = StepObserver(self.model, unclipped_norm)
        """Measures the steps that the caller requests."""
        self._runs_hooks = not (capture or compiled)
        """Whether forward hooks run in each step."""
        self._compiled_model = cast("nn.Module", torch.compile(self.model, dynamic=False)) if compiled else None
        self._max_micro_batch = CPU_MICRO_BATCH if device.type == "cpu" else max(self.batches.sizes)
        self._make_step: Callable[[Batch, Callable[[], None]], tuple[Tensor, Tensor]] = self._step
        if device.type == "cuda":
            averages = [] if self.average is None else self.average.averages
            self._make_step = GPUStep(
                self._step,
                partial(preserve_state, self.model, device, self.optimizers, averages),
                recipe.batch_size,
                parameters=self.model.parameters(),
                capture=capture,
                report=report,
            )

    def steps(
        self, poll: Callable[[], None] = lambda: None, schedule: Callable[[int, float], float] | None = None
    ) -> Iterator[int]:
        """Train for the rest of the epoch. After each step, yield the total number of completed steps.

        `poll` is called between the micro-batches of a step. If `poll` raises an error, the step is rolled back. If
        `poll` calls `state_dict`, it gets the state after the last completed step. `schedule`, if given, replaces
        the recipe's: it maps the number of completed steps and a maximum learning rate to the learning rate of the next
        step.
        """
        self.model.train()
        if self.average is not None:
            self.average.statistics = {}  # the statistics don't match the weights after the next step
        for batch in self.batches.epoch(self.epoch, first_step=self.step_in_epoch):
            set_learning_rates(self.optimizers, partial(schedule or self._learning_rate, self.step))
            forward = None if self._runs_hooks else partial(self._forward_without_side_effects, batch)
            with self.observer.observe(self.step + 1, forward):
                loss, correct = self._make_step(batch, poll)
            if self.average is not None and self.step == 0:
                self.average.restart()
            self.losses[self.step_in_epoch] = loss
            self.correct[self.step_in_epoch] = correct
            self.step_in_epoch += 1
            yield self.step

    def end_epoch(self) -> None:
        """Advance to the next epoch. Call this after the last step of the current epoch."""
        self.epoch += 1
        self.step_in_epoch = 0
        self.epoch_seconds = 0.0

    @property
    def step(self) -> int:
        """Number of completed steps, over all epochs."""
        return self.epoch * self.steps_per_epoch + self.step_in_epoch

    @property
    def joins_last_image(self) -> bool:
        """Whether the last image of an epoch is added to the previous batch.

        This is the case if the last batch would otherwise have only one image, and the network can't be trained on one
        image.
        """
        return self.batches.sizes[-1] > self.recipe.batch_size

    @property
    def steps_per_epoch(self) -> int:
        return len(self.batches)

    @property
    def images_seen(self) -> int:
        """Number of training images that have been processed, over all epochs."""
        return self.epoch * len(self.batches.images) + int(self.batch_sizes(0, self.step_in_epoch).sum())

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of a step. Steps are counted from 0 over all epochs."""
        return self._learning_rate(step, self.recipe.learning_rate)

    def batch_sizes(self, first: int, last: int) -> Tensor:
        """Return the number of images in each step from `first` to `last - 1` of an epoch, int64 `[last - first]`."""
        return torch.tensor(self.batches.sizes[first:last], dtype=torch.int64)

    def step_metrics(self, first: int, last: int) -> tuple[list[float], list[float]]:
        """Return the loss and accuracy of each step from `first` to `last - 1` in the current epoch.

        On a GPU, this synchronises the device.
        """
        accuracy = self.correct[first:last].cpu() / self.batch_sizes(first, last)
        return self.losses[first:last].tolist(), accuracy.tolist()

    def epoch_metrics(self) -> tuple[float, float]:
        """Return the mean loss and accuracy over the images of the current epoch, as measured before each update."""
        sizes = self.batch_sizes(0, self.step_in_epoch)
        losses, correct = self.losses[: self.step_in_epoch].cpu(), self.correct[: self.step_in_epoch].cpu()
        images = int(sizes.sum())
        return (losses.double() @ sizes.double()).item() / images, int(correct.sum()) / images

    def next_images(self) -> Iterator[Tensor]:
        """Yield the images of each micro-batch of the next step, as the network will receive them.

        The images are float32 `[N, C, H, W]`.
        """
        batch = next(self.batches.epoch(self.epoch, first_step=self.step_in_epoch))
        for micro_batch in batch.split(self._max_micro_batch):
            yield self.batches.prepare(micro_batch)

    @property
    def unsavable(self) -> tuple[str, ...]:
        """Names of a custom model's values that change during training but can't be saved."""
        return self._network.unsavable

    def state_dict(self) -> dict[str, Any]:
        """Return the state after the last completed step, as tensors and plain values.

        The tensors of the network and the optimizers aren't copied. The settings of the optimizers aren't included,
        because the recipe and the device determine them.
        """
        return {
            **self._network.state_dict(),
            "optimizers": [optimizer.state_dict()["state"] for optimizer in self.optimizers],
            "epoch": self.epoch,
            "step_in_epoch": self.step_in_epoch,
            "losses": self.losses[: self.step_in_epoch].clone(),
            "correct": self.correct[: self.step_in_epoch].clone(),
            "best_validation": self.best_validation,
            "train_seconds": self.train_seconds,
            "epoch_seconds": self.epoch_seconds,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state saved by a `Training` with the same recipe, images and seed.

        Raises BadCheckpoint if the state belongs to another network or is incomplete.
        """
        try:
            self._load(state)
        except WrongWeights as error:
            raise BadCheckpoint(f"doesn't fit the network {self.recipe.model}: {error}") from error
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            if is_out_of_memory(error):
                raise
            raise BadCheckpoint("is from a different training run, or is incomplete") from error

    def _load(self, state: dict[str, Any]) -> None:
        self.epoch = state["epoch"]
        self.step_in_epoch = state["step_in_epoch"]
        self.losses[: self.step_in_epoch] = state["losses"]
        self.correct[: self.step_in_epoch] = state["correct"]
        self.best_validation = state["best_validation"]
        self.train_seconds = state["train_seconds"]
        self.epoch_seconds = state["epoch_seconds"]
        for optimizer, optimizer_state in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(optimizer.state_dict() | {"state": optimizer_state})
        if isinstance(self._make_step, GPUStep):
            self._make_step.discard_graph()  # the graph writes to the optimizers' previous tensors
        self._network.load_state_dict(state)  # last, because this restores the random generators

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Undo all steps of the `with` block on exit, bit for bit, even if the block raises an error."""
        state = copy.deepcopy(self.state_dict())
        try:
            with self._network.preserved_extra_state():  # `load_state_dict` sets only what has changed since the start
                yield
        finally:
            self.load_state_dict(state)

    def _step(self, batch: Batch, poll: Callable[[], None]) -> tuple[Tensor, Tensor]:
        """Train on a batch. A large batch is split into micro-batches, and `poll` is called between them."""
        model: nn.Module = self.model
        if self._compiled_model is not None and len(batch.labels) == self.recipe.batch_size:
            model = self._compiled_model  # a smaller last batch would be compiled separately
        micro_batches = batch.split(self._max_micro_batch)
        with self._network.interruptible() if len(micro_batches) > 1 else nullcontext():
            result = train_step(
                model,
                self.optimizers,
                self._prepare(micro_batches, poll),
                label_smoothing=self.recipe.label_smoothing,
                precision=self.precision,
            )
        if self.average is not None:
            self.average.update()
        return result

    def _forward_without_side_effects(self, batch: Batch) -> None:
        """Run the network on a batch as the next step will, but without changing its buffers.

        Do nothing for a custom model, whose code may have other side effects.
        """
        if not self._network.is_custom:
            buffers = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
            with preserve_rng_state(self.device), autocast(self.device, self.precision):
                torch.func.functional_call(self.model, buffers, (self.batches.prepare(batch),))

    def _prepare(self, micro_batches: Sequence[Batch], poll: Callable[[], None]) -> Iterator[MicroBatch]:
        batch_size = sum(len(micro_batch.labels) for micro_batch in micro_batches)
        for index, micro_batch in enumerate(micro_batches):
            if index > 0:
                poll()
            yield self.batches.prepare(micro_batch), micro_batch.labels, len(micro_batch.labels) / batch_size

    def update_statistics(self, poll: Callable[[], None] = lambda: None) -> None:
        """Recompute the batch normalisation statistics of the averaged weights. Call this before an evaluation.

        They are computed over a sample of the training images. `poll` is called between batches, as in `steps`. Nothing
        happens if the recipe doesn't average the weights.
        """

        def images() -> Iterator[Tensor]:
            for batch in self.batches.sample(STATISTICS_IMAGES, STATISTICS_BATCH):
                poll()
                yield batch

        self._network.update_statistics(images())

    def evaluation(self) -> AbstractContextManager[None]:
        """Return a context manager that replaces the weights by the averaged ones, if the recipe averages them.

        If the block raises an error, changes made by the evaluation are rolled back. Inside the block, `state_dict`
        returns the state from before it.
        """
        return self._network.evaluation()

    def _learning_rate(self, step: int, max_lr: float) -> float:
        return learning_rate_at(self.recipe, max_lr, step, self.recipe.epochs * self.steps_per_epoch)
