"""What the parts of the Model pane and its workers tell it."""

from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.replies import SourceTrace
from fashion_tui.schema.weights import FeatureMaps, Histogram

from .subject import Subject


@dataclass
class Traced(Message):
    """What became of a network."""

    subject: Subject
    trace: SourceTrace


@dataclass
class TextLoaded(Message):
    """The source of a network that is to be edited."""

    subject: Subject
    network: CustomModel


@dataclass
class SourceChanged(Message):
    """A person has paused in typing."""

    text: str


@dataclass
class EditorLeft(Message):
    """The editor gives the keys back to the pane."""


@dataclass
class StepChosen(Message):
    """Another step is under the cursor, or the steps have changed."""


@dataclass
class WeightsCounted(Message):
    subject: Subject
    histograms: tuple[Histogram, ...]


@dataclass
class RunsFound(Message):
    """Runs with a checkpoint, newest first."""

    paths: tuple[Path, ...]


@dataclass
class RunOpened(Message):
    """A run was chosen, and its network is known."""

    subject: Subject


@dataclass
class MapsMade(Message):
    key: "MapsKey"
    maps: FeatureMaps


@dataclass
class MapsFailed(Message):
    key: "MapsKey"
    problem: str


@dataclass(frozen=True, slots=True)
class MapsKey:
    """Which maps, of which step, for which picture."""

    run_path: str
    path: str
    op: str
    occurrence: int
    index: int
    """Of the test picture."""
    offset: int
    count: int


@dataclass
class SourceSaved(Message):
    path: Path
    text: str
