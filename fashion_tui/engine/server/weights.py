"""A run's network with the weights of one of its checkpoints."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from fashion_tui.data.files import MissingData, WrongFolder
from fashion_tui.lab.checkpoint import final_weights, read_checkpoint
from fashion_tui.lab.datasets import Dataset
from fashion_tui.lab.devices import choose_device
from fashion_tui.lab.written import network_for
from fashion_tui.runs.checkpoints import CheckpointStore
from fashion_tui.runs.store import load_config
from fashion_tui.runs.trust import trusted_network
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.requests import WrittenNetwork
from fashion_tui.schema.run import CheckpointRef, RunConfig

from .kept import Kept


@dataclass(frozen=True)
class Trained:
    """A run, its data, and which of its checkpoints is meant."""

    path: Path
    config: RunConfig
    dataset: Dataset
    checkpoint: CheckpointRef
    file: Path
    """Of the checkpoint."""

    @cached_property
    def network(self) -> WrittenNetwork | None:
        """The run's own network; None where it is one of ours. UntrustedSource where it may not be executed."""
        return trusted_network(self.path, self.config)

    def model(self) -> nn.Module:
        """The network on the CPU; its code is executed. UserError where the file isn't what a trainer writes."""
        model = network_for(self.config.recipe, self.network)
        training, _ = read_checkpoint(self.file)
        try:
            model.load_state_dict(final_weights(training))
        except (RuntimeError, LookupError, TypeError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"{self.file} holds no weights of the network {self.config.recipe.model}: {reason}"
            ) from error
        return model


def trained(run_path: str, checkpoint: str, kept: Kept) -> Trained:
    """The run at that path; UserError where its files, the checkpoint or its data aren't there or are damaged."""
    path = Path(run_path)
    config = load_config(path)
    ref = find_checkpoint(path, config, checkpoint)
    return Trained(path, config, run_dataset(config, kept), ref, CheckpointStore(path).path(ref))


def find_checkpoint(run_path: Path, config: RunConfig, wanted: str) -> CheckpointRef:
    """`final` (the newest one), `best`, or the one of a step; each checked by its SHA-256."""
    store, damaged = CheckpointStore(run_path), list[str]()
    if wanted == "final":
        found = store.latest(damaged.append)
        absent = "has no checkpoint yet: let it train on, or ask for one with `fashion-tui checkpoint`"
    elif wanted == "best":
        if config.validation == 0:
            raise UserError(
                f"{config.run} has no best checkpoint: nothing was held out to choose it by; use final, or train with "
                "--validation N"
            )
        found = store.best(damaged.append)
        absent = "has no best checkpoint yet: its first epoch isn't over"
    elif wanted.isdecimal():
        found = store.at(int(wanted), damaged.append)
        kept = ", ".join(str(step) for step in sorted(store.steps())) or "none"
        absent = f"has no checkpoint of step {wanted}; it keeps: {kept}"
    else:
        raise UsageError(f"checkpoint is {wanted!r}; it must be final, best or a step's number")
    if found is None:
        reason = f"has no such checkpoint that is whole: {'; '.join(damaged)}" if damaged else absent
        raise UserError(f"{config.run} {reason}")
    return found


def run_dataset(config: RunConfig, kept: Kept) -> Dataset:
    """The very set that the run was trained on: where it was, else where the search finds it."""
    directory = config.dataset.directory
    try:
        dataset = kept.dataset(config.dataset.name, None if directory is None else Path(directory))
    except (MissingData, WrongFolder):
        dataset = kept.dataset(config.dataset.name, None)
    if dataset.ref.sha256 != config.dataset.sha256:
        raise UserError(
            f"{config.run} was trained on other data than the {config.dataset.name} of today: SHA-256 "
            f"{config.dataset.sha256}, now {dataset.ref.sha256}; its accuracy there would mean nothing"
        )
    return dataset


def device_of(config: RunConfig) -> torch.device:
    """The run's device where this machine has it, else the CPU."""
    try:
        return choose_device(config.device)
    except UserError:
        return torch.device("cpu")
