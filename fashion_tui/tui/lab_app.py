"""The interface through which panes use the app: state, services and messages.

Panes import this module instead of `app`, because `app` imports the panes.
"""

from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Protocol

from textual.message import Message
from textual.worker import Worker

from fashion_tui.schema.dataset import FASHION_TASK, DatasetInfo, DatasetRef, Fit, ImageTask
from fashion_tui.schema.run import RunSummary

from .pane_actions import PaneName

if TYPE_CHECKING:  # not needed for the first paint
    from fashion_tui.data.stored import StoredDataset
    from fashion_tui.engine.client import Engine
    from fashion_tui.runs.spare import SpareTrainer
    from fashion_tui.schema.models import CustomModel

    from .sandbox_engine import SandboxEngine


@dataclass(frozen=True, slots=True)
class Settings:
    """The app's command-line options."""

    runs_directory: Path
    data_directory: Path | None = None
    """The value of `--data`, or None to search the usual directories."""
    dataset: str = "fashion-mnist"
    """One of DATASETS, or the path of a folder of images."""
    image_size: int | None = None
    fit: Fit | None = None
    attach: str | None = None
    """Id of the run to open, or None to open the Playground."""


@dataclass(frozen=True, slots=True)
class DatasetState:
    """The data set that the panes show."""

    info: DatasetInfo
    problem: str | None = None
    """One-line reason why the requested data set isn't shown, or None if it is shown."""
    requested: str = "Fashion-MNIST"
    """Title of the requested data set, which synthetic images may replace."""
    stored: "StoredDataset | None" = field(default=None, compare=False)
    """The images, mapped into memory, or None if they have to be found or drawn first."""

    @property
    def ref(self) -> DatasetRef:
        return self.info.ref

    @property
    def is_synthetic(self) -> bool:
        return self.ref.name == "synthetic"


def task_of(dataset: DatasetState | None) -> ImageTask:
    """Return the task of networks for a data set, or for Fashion-MNIST until a data set has been found."""
    return FASHION_TASK if dataset is None else dataset.info.task


@dataclass(frozen=True, slots=True)
class Preparation:
    """The progress of reading a data set for the first time, after which its images can be mapped into memory."""

    ref: DatasetRef
    done: int = 0
    """Number of images that have been read."""
    total: int = 0
    """Number of images to read; 0 if this isn't known yet."""


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """The network that a new run trains."""

    name: str
    """Name of the built-in network or of the custom model's class."""
    custom: "CustomModel | None" = None
    """The custom model, or None for a built-in network."""
    is_edited: bool = False
    """Whether the source has unsaved edits."""

    @property
    def origin(self) -> str:
        """Where the source comes from, for example `edited, net.py, width=32`."""
        if self.custom is None:
            return "built in"
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.custom.arguments.items())
        file = None if self.custom.file is None else PurePath(self.custom.file).name
        edited = ["edited"] if self.is_edited else []
        return ", ".join([*edited, file or "not saved", *([arguments] if arguments else [])])


class LabApp(Protocol):
    """The properties and methods of the app that panes and widgets use."""

    @property
    def settings(self) -> Settings: ...

    @property
    def dataset(self) -> DatasetState | None:
        """The data set that the panes show, or None until a data set has been found."""

    @property
    def preparing(self) -> "Preparation | None":
        """The data set that is being read for the first time, or None."""

    def cancel_preparing(self) -> None:
        """Stop reading a data set for the first time."""

    @property
    def runs(self) -> tuple[RunSummary, ...]:
        """All runs, newest first."""

    @property
    def runs_problem(self) -> str | None:
        """Why the runs folder can't be read, or None if it can be read."""

    @property
    def engine(self) -> "Engine":
        """The client of the engine process, which does all work that needs torch."""

    def new_engine(self) -> "Engine":
        """Return the client of a new engine process, for computations that take minutes. The caller must close it."""

    @property
    def sandbox(self) -> "SandboxEngine":
        """The client of a second engine process, which runs the user's own code."""

    @property
    def spare_trainer(self) -> "SpareTrainer":
        """A trainer process that is started in advance for the next run."""

    async def run_on_pane(self, name: PaneName, action: str) -> None:
        """Show a pane and run one of its actions."""

    def hold_input(self, worker: Worker[Any]) -> None:
        """Hold back keys until the worker finishes or opens a dialog, which then receives the keys."""

    def refresh_runs(self) -> None:
        """Read the runs directory now instead of waiting for the next interval."""


# Messages from the app's background threads


@dataclass
class DatasetFound(Message):
    state: DatasetState


@dataclass
class UnpreparedFound(Message):
    """A data set has to be read before its images can be shown, because it is new or has changed."""

    ref: DatasetRef


@dataclass
class RunsListed(Message):
    runs: tuple[RunSummary, ...]
    """Newest first."""


@dataclass
class RunsFolderChecked(Message):
    problem: str | None
    """Why the runs folder can't be read, or None if it can be read again."""


@dataclass
class RunsUnreadable(Message):
    """Some folders in the runs folder can't be searched for logs."""

    problem: str


# Messages from panes


@dataclass
class OpenRun(Message):
    """Show this run in the Train pane."""

    path: Path


@dataclass
class EvaluateRun(Message):
    """Evaluate this run in the Evaluate pane."""

    path: Path


@dataclass
class TrainNetwork(Message):
    """Open the form that starts a run with this network."""

    network: NetworkChoice
