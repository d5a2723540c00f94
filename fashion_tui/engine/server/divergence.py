"""The handler that compares a step of two runs: its batch, and the weights before it."""

from pathlib import Path

import torch
from torch import Tensor

from fashion_tui.lab.data.datasets import ImageBatches, hold_out
from fashion_tui.lab.rng import CPU
from fashion_tui.lab.training.checkpoint import BadCheckpoint, first_different_tensor, read_checkpoint
from fashion_tui.runs.run import Run
from fashion_tui.schema.comparison import Sameness, StepComparison
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import Started
from fashion_tui.schema.requests import CompareStep

from .cache import Cache
from .connection import CallContext
from .runs import run_dataset


def compare_step(request: CompareStep, _call: CallContext, cache: Cache) -> StepComparison:
    with Run(Path(request.run_path)) as first, Run(Path(request.other_path)) as second:
        weights, weights_step = _compare_weights(first, second, request.step)
        return StepComparison(
            batch=_compare_batches(first, second, request.step, cache), weights=weights, weights_step=weights_step
        )


def _compare_batches(first: Run, second: Run, step: int, cache: Cache) -> Sameness:
    """Recompute the batch of a step for both runs, from the seed, epoch and step, and compare the batches."""
    try:
        (images, labels), (other_images, other_labels) = (_batch(run, step, cache) for run in (first, second))
    except UserError:  # the data set is missing or has changed
        return "unknown"
    same = (
        images.shape == other_images.shape and torch.equal(images, other_images) and torch.equal(labels, other_labels)
    )
    return "same" if same else "different"


def _batch(run: Run, step: int, cache: Cache) -> tuple[Tensor, Tensor]:
    """Return the images of a step, as the network receives them, and their labels. Steps are counted from 1."""
    config = run.config
    images, _ = hold_out(run_dataset(config, cache).train, config.validation, config.left_out)
    batches = ImageBatches(images, config.recipe, seed=config.seed, device=CPU)
    started = next((event for event in run.follow_events().events() if isinstance(event, Started)), None)
    if started is not None and started.steps_per_epoch < len(batches):  # the last image was added to the previous batch
        batches = ImageBatches(images, config.recipe, seed=config.seed, device=CPU, min_last=2)
    epoch, index = divmod(step - 1, len(batches))
    batch = next(batches.epoch(epoch, first_step=index))
    return batches.prepare(batch), batch.labels


def _compare_weights(first: Run, second: Run, step: int) -> tuple[Sameness, int | None]:
    """Compare the weights at the last common checkpoint before a step. Also return the checkpoint's step."""
    common = set(first.checkpoints.steps()) & set(second.checkpoints.steps())
    for saved_step in sorted((saved for saved in common if saved < step), reverse=True):
        try:
            weights, other = (_weights(run, saved_step) for run in (first, second))
        except (BadCheckpoint, LookupError, OSError):
            continue
        return ("same" if first_different_tensor(weights, other) is None else "different"), saved_step
    return "unknown", None


def _weights(run: Run, step: int) -> dict[str, Tensor]:
    ref = run.checkpoints.at(step)
    if ref is None:
        raise LookupError(step)
    with run.checkpoints.open(ref) as file:
        weights: dict[str, Tensor] = read_checkpoint(file)[0]["model"]
    return weights
