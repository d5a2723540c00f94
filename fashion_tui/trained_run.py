"""A run together with the weights of one of its checkpoints.

This module combines `lab` and `runs` for the processes that import torch: the engine and the kernel.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from fashion_tui.lab.networks.build import build_network, move_network
from fashion_tui.lab.networks.extra_state import load_trained
from fashion_tui.lab.networks.weight_check import WrongWeights
from fashion_tui.lab.rng import CPU
from fashion_tui.lab.training.checkpoint import BadCheckpoint, final_weights, read_checkpoint
from fashion_tui.runs.errors import reason
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.run import CheckpointRef, RunConfig


@dataclass(frozen=True)
class TrainedRun:
    """A run and one of its checkpoints. The checkpoint's SHA-256 has been verified; its weights are read on demand.

    Use a TrainedRun as a context manager to close the run on exit.
    """

    run: Run
    checkpoint: CheckpointRef

    @classmethod
    def open(cls, run_path: Path, checkpoint: str = "final") -> "TrainedRun":
        """Open a run and find a checkpoint: `final` (the newest intact one), `best`, or a step number.

        Raises UserError if the run is damaged or has no such checkpoint, and UsageError if `checkpoint` is malformed.
        """
        run = Run(run_path)
        try:
            return cls(run, _find_checkpoint(run, checkpoint))
        except BaseException:
            run.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.run.close()

    @property
    def config(self) -> RunConfig:
        return self.run.config

    @property
    def checkpoint_file(self) -> Path:
        """Path of the checkpoint file, for use in messages."""
        return self.run.path / "checkpoints" / self.checkpoint.file

    @cached_property
    def custom_model(self) -> CustomModel | None:
        """The run's custom model, or None if the run trains a built-in one.

        Raises UntrustedSource if the user hasn't trusted the model.
        """
        return self.run.trusted_model()

    def weights(self) -> dict[str, Tensor]:
        """Load the weights onto the CPU without executing any of the run's code. Raises UserError."""
        return final_weights(self._training())

    def network(self, device: torch.device = CPU) -> nn.Module:
        """Build the network and load its weights and extra state. This executes the code of a custom model.

        Raises UserError if the checkpoint doesn't fit the network, and UntrustedSource if the model isn't trusted.
        """
        network = move_network(build_network(self.config.recipe, self.custom_model, self.config.task), device)
        training = self._training()
        try:
            load_trained(network, final_weights(training), training.get("extra"))
        except WrongWeights as error:
            raise UserError(
                f"{self.checkpoint_file} doesn't fit the network {self.config.recipe.model}: {error}{self._others()}"
            ) from error
        except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"the state of {self.config.recipe.model} in {self.checkpoint_file} can't be restored{self._others()}"
            ) from error
        return network

    def _training(self) -> dict[str, Any]:
        """Read the state of the `Training` from the checkpoint."""
        try:
            with self.run.checkpoints.open(self.checkpoint) as file:
                training, _ = read_checkpoint(file)
        except FileNotFoundError:
            raise UserError(
                f"{self.run.id} no longer has its checkpoint at step {self.checkpoint.step}{self._others()}"
            ) from None
        except OSError as error:
            raise UserError(f"can't read {self.checkpoint_file}: {reason(error)}{self._others()}") from error
        except BadCheckpoint as error:
            raise BadCheckpoint(f"{error}{self._others()}") from error
        return training

    def _others(self) -> str:
        return list_others(self.run, self.checkpoint.step)


def _find_checkpoint(run: Run, which: str) -> CheckpointRef:
    store, damaged = run.checkpoints, list[str]()
    validation, kind = run.config.validation, "checkpoint"
    if which == "final":
        found = store.latest(damaged.append)
        missing = _no_checkpoint(run)
    elif which == "best":
        if validation == 0:
            raise UserError(
                f"{run.id} has no best checkpoint because it was trained without a validation set; use final, or train "
                "with --validation N"
            )
        found, kind = store.best(damaged.append), "best checkpoint"
        missing = "has no best checkpoint yet; it is chosen after the first epoch"
    elif which.isdecimal():
        found, kind = store.at(int(which), damaged.append), f"checkpoint at step {which}"
        steps = ", ".join(str(step) for step in sorted(store.steps())) or "none"
        missing = f"has no checkpoint at step {which}; its checkpoints: {steps}"
    else:
        raise UsageError(f"checkpoint is {which!r}; it must be final, best or a step number")
    if found is None and damaged:
        others = "" if which == "final" else list_others(run, None)
        raise UserError(f"{run.id} has no intact {kind}: {'; '.join(damaged)}{others}")
    if found is None:
        raise UserError(f"{run.id} {missing}")
    return found


def list_others(run: Run, step: int | None) -> str:
    """Return the end of an error message: the steps of the run's intact checkpoints other than `step`, newest first."""
    steps = [other for other in run.checkpoints.steps() if other != step and run.checkpoints.at(other) is not None]
    return f"; choose another checkpoint: {', '.join(map(str, steps))}" if steps else ""


def _no_checkpoint(run: Run) -> str:
    """Explain why a run has no checkpoint.

    For a live run, say how to write a checkpoint. For any other run, state how the run ended.
    """
    if run.is_live():
        return f"has no checkpoint yet; write one with: fashion-tui checkpoint {run.id}"
    summary = summarise(run, trust_heartbeat=False)
    ended = "was lost" if summary.state == "lost" else summary.state
    return f"has no checkpoint: it {ended} at step {summary.step:,}"
