"""A run with its data and one of its checkpoints, as requests name it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from fashion_tui.data.files import MissingData, WrongFolder
from fashion_tui.lab.data.datasets import Dataset
from fashion_tui.lab.devices import choose_device
from fashion_tui.runs.checkpoints import CheckpointStore
from fashion_tui.runs.store import load_config
from fashion_tui.runs.trust import trusted_network
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.run import CheckpointRef, RunConfig
from fashion_tui.trained import find_checkpoint, load_network

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
    def network(self) -> CustomModel | None:
        """The run's own network; None where it is one of ours. UntrustedSource where it may not be executed."""
        return trusted_network(self.path, self.config)

    def model(self) -> nn.Module:
        """The network on the CPU; its code is executed. UserError where the file isn't what a trainer writes."""
        return load_network(self.file, self.config, self.network)


def trained(run_path: str, checkpoint: str, kept: Kept) -> Trained:
    """The run at that path; UserError where its files, the checkpoint or its data aren't there or are damaged."""
    path = Path(run_path)
    config = load_config(path)
    ref = find_checkpoint(path, config, checkpoint)
    return Trained(path, config, run_dataset(config, kept), ref, CheckpointStore(path).path(ref))


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
