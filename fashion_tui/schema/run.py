"""Files of a run's directory (configuration, status, checkpoint pointer), and a summary of the run."""

from typing import Annotated, Literal

import msgspec

from .dataset import DatasetInfo, DatasetRef, ImageShape, ImageTask
from .fields import About, FieldValue, fields_of
from .floats import JsonFloat
from .recipe import Recipe, adapt
from .text import printable

FORMAT_VERSION = 4
"""Version of the run directory's format, stored in every `config.json`."""

RUN = "Run"
"""Group of the fields that belong to the run rather than the recipe."""

State = Literal["queued", "starting", "running", "paused", "finished", "stopped", "failed", "lost", "imported"]
"""State of a run. A run is `lost` if its trainer should be alive but neither writes a heartbeat nor holds the lock.

A run that another library logs is `imported`, because its files don't say whether it is still running.
"""

LIVE_STATES: frozenset[State] = frozenset({"queued", "starting", "running", "paused"})
"""The states of a run with a live trainer. The trainer of a queued run waits until the device is free."""

ControlAction = Literal["pause", "resume", "stop", "checkpoint"]
"""Action that a running trainer can be asked to perform."""


class ModelSource(msgspec.Struct, frozen=True, kw_only=True):
    """A custom model, whose source code is stored in the run's directory."""

    class_name: str
    arguments: dict[str, object] = {}
    """Keyword arguments of the class."""
    sha256: str
    """SHA-256 of the source code, encoded as UTF-8."""
    main: str = "model.py"
    """Path of the source relative to the modules, as in `LocalModules`."""
    modules: dict[str, str] = {}
    """SHA-256 of each module that the source imports from its folder, keyed by path. The files are in `modules/`."""
    packages: tuple[str, ...] = ()
    """Packages that the files import, as in `LocalModules`. `CommonConfig.versions` has their versions."""


Index = Annotated[int, msgspec.Meta(ge=0)]

MAX_LEFT_OUT = 50_000
"""Maximum number of images that a run can leave out. Their indices are stored in `config.json`."""

RunKind = Literal["trained", "logged", "imported"]
"""How the run is made: by a trainer of this package, by a script that logs it, or by another library."""


class CommonConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The part of `config.json` that runs of all kinds have. The file is written once, when the run is created."""

    format: int
    """Value of FORMAT_VERSION when the run was created."""
    run: str
    """Id of the run, which is also the name of its directory."""
    created: float
    """Creation time as Unix time, like all times in this module."""
    versions: dict[str, str]
    """Versions of Python, this package, and the other libraries that affect the run."""
    host: str


class RunConfig(CommonConfig, frozen=True, kw_only=True):
    """`config.json` of a run that a trainer trains."""

    kind: Literal["trained"] = "trained"
    recipe: Recipe
    """Recipe with all of the user's choices applied, such as model, epochs, batch size and learning rate."""
    dataset: DatasetRef
    image_shape: ImageShape
    """Shape of the data set's images."""
    classes: tuple[str, ...]
    """Class names of the data set, in the order of the labels."""
    border: float | None = None
    """`DatasetInfo.border`. It decides whether `predict` inverts an image."""
    validation: Annotated[
        int, About("validation", "training images held out to evaluate each epoch", RUN, "images", ge=0)
    ] = 0
    seed: Annotated[
        int, About("seed", "random seed of weights, shuffling and augmentation", RUN, ge=0, le=2**63 - 1)
    ] = 0
    device: Annotated[str, About("device", "one of auto (a GPU if there is one), cpu, cuda, cuda:N, mps", RUN)] = "auto"
    threads: Annotated[int, About("threads", "CPU threads; by default, one per core", RUN, ge=1, le=1024)]
    """The number of threads affects how sums are rounded.

    The upper bound keeps a typo from using up the machine's process limit.
    """
    deterministic: Annotated[
        bool, About("deterministic", "use only deterministic algorithms on a GPU; may be slower", RUN)
    ] = False
    """On a CPU, training is deterministic in any case."""
    compiled: Annotated[bool, About("compile", "use torch.compile, which takes a minute at the start", RUN)] = False
    keep_going: Annotated[bool, About("keep going", "continue if the loss diverges, as long as it is finite", RUN)] = (
        False
    )
    checkpoint_every: Annotated[float, About("checkpoint period", "time between checkpoints", RUN, "seconds", gt=0)] = (
        30.0
    )
    git_revision: str | None
    source: ModelSource | None = None
    """The custom model, or None for a built-in network. For a custom model, `recipe.model` is only a display name."""
    weights_sha256: str = ""
    """SHA-256 of the file with the initial weights, or an empty string if they are random. The file is needed only for
    the first step, because checkpoints contain all weights."""
    left_out: tuple[Index, ...] = ()
    """Indices of the training images that the run isn't trained on, in ascending order: those that were marked as
    mislabelled when the run was created, if the user chose to leave them out."""
    suggested_learning_rate: float | None = None
    """The learning rate that a range test with this recipe, network and data set suggested in the form, or None."""

    @property
    def task(self) -> ImageTask:
        return ImageTask(image_shape=self.image_shape, classes=len(self.classes))


def adapt_like(run: RunConfig, recipe: Recipe, dataset: DatasetInfo) -> Recipe:
    """Adapt the recipe of a run, or a changed copy, to the data set of a new run.

    A recipe of a run already suits the data set of that run.
    """
    is_same = dataset.ref.sha256 == run.dataset.sha256
    return recipe if is_same else adapt(recipe, dataset, run.image_shape)


class LoggedConfig(CommonConfig, frozen=True, kw_only=True):
    """`config.json` of a run that a script logs. Such a run has metrics, but no recipe, data set or checkpoints."""

    kind: Literal["logged"] = "logged"
    name: str
    """The name that the script gave to the run."""
    script: str | None
    """File name of the script, or None if the run was logged from an interactive session."""
    settings: dict[str, object] = {}
    """The `config` that the script gave, with values that JSON can't represent converted to strings."""


class ImportedConfig(CommonConfig, frozen=True, kw_only=True):
    """Configuration of a run that another library, such as Lightning, logs. It is composed from the library's files."""

    kind: Literal["imported"] = "imported"
    library: str
    """Name of the library or of the format, such as `Lightning` or `TensorBoard`."""
    settings: dict[str, object] = {}
    """Hyperparameters that the library has stored."""


LogOnlyConfig = LoggedConfig | ImportedConfig
"""Configuration of a run without recipe, data set and checkpoints."""

StoredConfig = RunConfig | LogOnlyConfig

Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]


class RunStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`status.json`: the current status of a run, replaced by the trainer about once a second."""

    state: State
    step: Count
    """Number of completed training steps over all epochs."""
    steps_per_epoch: Count
    """Number of steps per epoch; 0 until the trainer has loaded the data."""
    epoch: Count
    """Number of completed epochs."""
    epochs: Count
    """Number of epochs to train. A logged or imported run has 0 epochs, and 0 steps per epoch."""
    heartbeat: float
    """Unix time at which this status was written, or at which the log of an imported run was last changed."""
    pid: int | None
    """Process id of the trainer, or None before it has started."""
    pid_started: float | None
    """Start time of the trainer's process. It distinguishes the process from a later process with the same id."""
    boot_id: str
    host: str
    loss: JsonFloat | None = None
    """Mean loss over the steps of the last second."""
    images_per_second: float = 0.0
    train_seconds: float = 0.0
    """Total training time of all trainers of the run, excluding loading, evaluation and pauses."""
    test_accuracy: Fraction | None = None
    """Test accuracy of a finished run."""
    message: str | None = None
    """One-line reason why the run failed."""


def check_run_values(**values: FieldValue) -> None:
    """Raise InvalidField if a setting is out of range. The keywords are names of fields of RunConfig.

    Limits that depend on the recipe or the data set aren't checked.
    """
    fields = fields_of(RunConfig)
    for name, value in values.items():
        fields[name].check(value)


class CheckpointRef(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Content of `latest.json` and `best.json`: a reference to a valid checkpoint, with the checkpoint's checksum."""

    file: str
    """Name of the checkpoint in the same folder: `step-N.pt`."""
    step: int
    epoch: int
    """Number of completed epochs."""
    sha256: str
    bytes: int
    validation_accuracy: float | None = None
    unsaved: tuple[str, ...] = ()
    """Names of a custom model's values that change during training but aren't stored in the checkpoint."""


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """An entry in the list of runs, also printed by `fashion-tui runs --json`."""

    run: str
    path: str
    state: State
    recipe: str | None
    """Name of the recipe, or None for a run that isn't trained here or if `config.json` can't be read."""
    dataset: str | None
    """Name of the data set or, if it is a folder with the user's images, of the folder. None like `recipe`."""
    epoch: int
    epochs: int
    step: int
    total_steps: int
    test_accuracy: float | None
    pid: int | None
    created: float
    loss: JsonFloat | None
    images_per_second: float
    train_seconds: float
    message: str | None
    damage: str | None
    """One-line message that says which file can't be read and why; None if all files can be read."""
    disk_bytes: int = 0
    """Size of all files, including checkpoints."""
    checkpoint_bytes: int = 0
    """Size of the checkpoints."""
    title: str = ""
    """Title that the user has given the run, or an empty string."""
    tags: tuple[str, ...] = ()
    note: str = ""
    kind: RunKind | None = None
    """Kind of the run, or None if `config.json` can't be read."""
    queue_place: int | None = None
    """Position of a queued run in the queue of its device, counted from 1."""


def short_name(run: str) -> str:
    """Return a run's id for display, without its date and time: `guide-a1b2` for `20261123-143012-guide-a1b2`."""
    parts = run.split("-", 2)
    return printable(parts[2] if len(parts) == 3 and parts[0].isdigit() and parts[1].isdigit() else run)


def titled_name(run: str, title: str) -> str:
    """Return a run's title and short name, such as `wider (guide-a1b2)`, or the short name if it has no title."""
    return f"{title} ({short_name(run)})" if title else short_name(run)
