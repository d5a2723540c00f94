"""What the Evaluate pane's workers tell it."""

from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from fashion_tui.schema.evaluation import Evaluation


@dataclass(frozen=True, slots=True)
class PageKey:
    """Which predictions a page shows."""

    run_path: str
    checkpoint: str
    wrong_only: bool
    truth: int | None
    """Only images of this class; None: all."""
    offset: int
    count: int


@dataclass
class EvaluationMoved(Message):
    path: Path
    done: int
    """Test images."""
    total: int


@dataclass
class EvaluationDone(Message):
    path: Path
    evaluation: Evaluation


@dataclass
class EvaluationFailed(Message):
    path: Path
    problem: str
    """One line."""
    untrusted: bool = False
    """The run's network is code from elsewhere."""


@dataclass
class EvaluableRuns(Message):
    """Runs that have a checkpoint, newest first."""

    paths: tuple[Path, ...]
    choose: bool
    """A person wants to choose one of them; else the newest finished one is shown."""
