"""The handler that repeats steps of a run and compares them bit for bit with the log and the checkpoints."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from torch import Tensor

from fashion_tui.lab.data.datasets import hold_out
from fashion_tui.lab.devices import choose_device, describe_device, set_cpu_threads, set_determinism
from fashion_tui.lab.networks.pretrained import weights_file
from fashion_tui.lab.training.checkpoint import BadCheckpoint, first_different_tensor, read_checkpoint
from fashion_tui.lab.training.loop import Training
from fashion_tui.machine.host import host_name
from fashion_tui.runs.create import changed_versions, library_versions
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import Resumed, RunEvent
from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.requests import Verify
from fashion_tui.schema.run import CheckpointRef, RunConfig
from fashion_tui.schema.verification import StepDifference, Verification

from .cache import Cache
from .connection import CallContext, RequestCancelled
from .runs import run_dataset


def verify_run(request: Verify, call: CallContext, cache: Cache) -> Verification:
    """Repeat steps of a run. This changes settings of the whole process, such as the number of threads."""
    with Run(Path(request.run_path)) as run:
        config = run.config
        log = _Log(run, config.recipe.epochs)
        if not log.losses:
            raise UserError(f"{run.id} has no steps to repeat yet")
        network = run.trusted_model()
        set_cpu_threads(config.threads)
        device = choose_device(config.device)
        set_determinism(device, deterministic=config.deterministic)
        images, _ = hold_out(run_dataset(config, cache).train, config.validation, config.left_out)
        checkpoint = _checkpoint_before(run, max(log.losses) - request.steps)
        training = Training(
            config.recipe,
            images,
            classes=len(config.classes),
            device=device,
            seed=config.seed,
            network=network,
            weights=weights_file(config.recipe, config.weights_sha256) if checkpoint is None else None,
            compiled=config.compiled,
        )
        if checkpoint is not None:
            training.load_state_dict(checkpoint)
        from_step = training.step
        last_step = min(from_step + request.steps, max(log.losses))
        saved_steps, compared = set(run.checkpoints.steps()), list[int]()
        difference = None
        for step, loss in _repeat(training, last_step, log):
            call.progress(step - from_step, last_step - from_step)
            if call.cancelled():
                raise RequestCancelled
            difference = _loss_difference(step, log.losses.get(step), loss)
            ref = run.checkpoints.at(step) if difference is None and step in saved_steps else None
            if ref is not None:
                difference = _weight_difference(run, ref, training)
                compared.append(step)
            if difference is not None:
                break
        return Verification(
            run=run.id,
            from_step=from_step,
            steps=training.step - from_step,
            identical=difference is None,
            first_difference=difference,
            checkpoints=tuple(compared),
            device=str(device),
            device_name=describe_device(device),
            threads=config.threads,
            host=host_name(),
            versions=library_versions(config.versions),
            changed=_changes(config),
        )


class _Log:
    """The losses and the epoch limits in a run's log."""

    def __init__(self, run: Run, epochs: int) -> None:
        """Read the log. `epochs` is the configured number of epochs."""
        self._epochs = [(0, epochs)]
        """Each step after which the total number of epochs changed, with the new number."""
        reader = RunReader(run, on_event=self._add)
        reader.poll()
        self.losses = dict(reader.series("loss").items())
        """The logged loss of each step, without values that a resumed run has replaced."""

    def epochs_at(self, step: int) -> int:
        """Return the total number of epochs that applied to this step. The learning rate depends on it."""
        return next(epochs for after, epochs in reversed(self._epochs) if after < step)

    def _add(self, event: RunEvent) -> None:
        if isinstance(event, Resumed):
            self._epochs = [(after, epochs) for after, epochs in self._epochs if after < event.step]
            self._epochs.append((event.step, event.epochs))


def _checkpoint_before(run: Run, last_step: int) -> dict[str, Any] | None:
    """Return the training state in the newest intact checkpoint up to this step, or None if there is none."""
    for step in sorted(run.checkpoints.steps(), reverse=True):
        ref = run.checkpoints.at(step) if step <= last_step else None
        if ref is not None:
            with suppress(BadCheckpoint, OSError):
                return _read(run, ref)
    return None


def _read(run: Run, ref: CheckpointRef) -> dict[str, Any]:
    with run.checkpoints.open(ref) as file:
        return read_checkpoint(file)[0]


def _repeat(training: Training, last_step: int, log: _Log) -> Iterator[tuple[int, float]]:
    """Train up to a step. Yield each step with its loss."""
    while training.step < last_step:
        if training.step_in_epoch == training.steps_per_epoch:
            training.end_epoch()
        training.recipe = msgspec.structs.replace(training.recipe, epochs=log.epochs_at(training.step + 1))
        for step in training.steps():
            yield step, training.step_metrics(training.step_in_epoch - 1, training.step_in_epoch)[0][0]
            if step == last_step:
                return
            training.recipe = msgspec.structs.replace(training.recipe, epochs=log.epochs_at(step + 1))


def _loss_difference(step: int, logged: float | None, again: float) -> StepDifference | None:
    """Compare a step's loss with the logged one, both as float32. `logged` is None if the log lacks the step."""
    if logged is None or np.float32(logged).tobytes() == np.float32(again).tobytes():
        return None
    return StepDifference(step=step, what="loss", run=encode_float(logged), again=encode_float(again))


def _weight_difference(run: Run, ref: CheckpointRef, training: Training) -> StepDifference | None:
    """Compare the weights, buffers and averaged weights with those in a checkpoint."""
    again = training.state_dict()
    # A checkpoint may also contain batch normalisation statistics of the averaged weights. Steps don't compute them.
    averaged = again.get("averaged", {})

    def tensors(state: dict[str, Any]) -> dict[str, Tensor]:
        weights: dict[str, Tensor] = state["model"]
        return weights | {f"averaged {name}": state["averaged"][name] for name in averaged}

    difference = first_different_tensor(tensors(_read(run, ref)), tensors(again))
    if difference is None:
        return None
    name, saved_value, value = difference
    return StepDifference(step=ref.step, what=name, run=encode_float(saved_value), again=encode_float(value))


def _changes(config: RunConfig) -> tuple[str, ...]:
    host = [] if config.host == host_name() else [f"host {config.host} is now {host_name()}"]
    return (*changed_versions(config), *host)
