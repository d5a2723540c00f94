"""A run as its directory tells it: the configuration, the status, the pointer to a checkpoint, a line of the list."""

import math
from typing import Annotated, Literal

import msgspec

from .dataset import DatasetRef
from .errors import UsageError
from .recipe import Recipe

FORMAT = 1
"""Version of the run directory's format, written into every `config.json`."""

State = Literal["starting", "running", "paused", "finished", "stopped", "failed", "lost"]
"""`lost`: a run that should live, but has no heartbeat, and nobody holds its lock."""

LIVE_STATES: frozenset[State] = frozenset({"starting", "running", "paused"})

Action = Literal["pause", "resume", "stop", "checkpoint"]
"""What can be asked of a live trainer."""


class ModelSource(msgspec.Struct, frozen=True, kw_only=True):
    """A network that a person has written: its text lies in the run's directory, and this says what is made of it."""

    class_name: str
    arguments: dict[str, object] = {}
    """Keyword arguments of the class."""
    sha256: str
    """Of the text, as bytes in UTF-8."""


class RunConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`config.json`: what the run is. Written once, before the trainer starts."""

    format: int
    run: str
    """The id, also the directory's name."""
    created: float
    """Seconds since the epoch (Unix time), as all times here."""
    recipe: Recipe
    """With every choice of the person applied: the model, epochs, batch size, learning rate and precision to use."""
    dataset: DatasetRef
    seed: int
    device: str
    """`auto` (CUDA where there is one, else the CPU), `cpu`, `cuda`, `cuda:N` or `mps`."""
    threads: int
    """CPU threads of torch. Part of the configuration, since sums depend on it to the last bit."""
    deterministic: bool
    """On a GPU: only algorithms that give the same bits each time."""
    compiled: bool = False
    """The network by `torch.compile`."""
    validation: int
    """So many of the training images, the last ones, are held out; 0: none."""
    checkpoint_every: float
    """Seconds between checkpoints."""
    versions: dict[str, str]
    """Of python, fashion-tui, torch, torchvision."""
    git_revision: str | None
    host: str
    source: ModelSource | None = None
    """None: the network is one of ours, by the name in `recipe.model`. Otherwise that name is for people only."""


Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class RunStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`status.json`: where the run is now. Replaced about once a second by the trainer."""

    state: State
    step: Count
    """Optimiser steps made, over all epochs."""
    steps_per_epoch: Count
    """0 until the trainer knows."""
    epoch: Count
    """Epochs completed."""
    epochs: Count
    heartbeat: float
    """Unix time of this writing."""
    pid: int | None
    """Of the trainer; None before it has started."""
    pid_started: float | None
    """The process's start in Unix time: a pid alone may have been given to another."""
    boot_id: str
    host: str
    loss: float | str | None = None
    """Mean over the last second's steps; as a text ("NaN", "Infinity", "-Infinity") where it is no finite number."""
    images_per_second: float = 0.0
    train_seconds: float = 0.0
    """Time spent training, without loading, evaluation and pauses; all trainers of the run together."""
    test_accuracy: Share | None = None
    """Only when finished."""
    message: str | None = None
    """Why it failed, in one line."""


MAX_THREADS = 1024
"""Of a run: far more than any machine has cores; a slip of the keyboard must not exhaust its processes."""


def check_run_values(*, seed: int = 0, threads: int = 1, validation: int = 0, checkpoint_every: float = 1.0) -> None:
    """UsageError where one of these can't work, whatever the recipe and the data."""
    if not 0 <= seed < 2**63:
        raise UsageError(f"seed is {seed}; it must be between 0 and 2**63 - 1")
    if not 1 <= threads <= MAX_THREADS:
        raise UsageError(f"threads is {threads}; it must be between 1 and {MAX_THREADS:,}")
    if validation < 0:
        raise UsageError(f"validation is {validation}; it must be 0 or a number of images to hold out")
    if not (math.isfinite(checkpoint_every) and checkpoint_every > 0):
        raise UsageError(f"checkpoint-every is {checkpoint_every}; it must be a positive number of seconds")


class CheckpointRef(msgspec.Struct, frozen=True, kw_only=True):
    """`latest.json` and `best.json`: the name of a good checkpoint and how to know that it is whole."""

    file: str
    """`step-N.pt`, beside the pointer."""
    step: int
    epoch: int
    """Epochs completed."""
    sha256: str
    bytes: int
    validation_accuracy: float | None = None


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A line in the list of runs; also what `fashion-tui runs --json` prints of each."""

    run: str
    path: str
    state: State
    recipe: str | None
    """None where config.json can't be read."""
    dataset: str | None
    epoch: int
    epochs: int
    step: int
    total_steps: int
    test_accuracy: float | None
    pid: int | None
    created: float
    loss: float | str | None
    images_per_second: float
    train_seconds: float
    message: str | None
    damage: str | None
    """What of the directory can't be read, in one line; None where all is well."""
    disk_bytes: int = 0
    """What its files take, checkpoints included."""
    checkpoint_bytes: int = 0
