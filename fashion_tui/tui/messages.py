"""What panes ask of the app, and what its workers tell it."""

from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from fashion_tui.schema.run import RunSummary

from .state import DatasetState, NewNetwork


@dataclass
class DatasetFound(Message):
    state: DatasetState


@dataclass
class RunsListed(Message):
    runs: tuple[RunSummary, ...]
    """Newest first."""


@dataclass
class RunsUnreadable(Message):
    problem: str


@dataclass
class OpenRun(Message):
    """Show this run in the Train pane."""

    path: Path


@dataclass
class EvaluateRun(Message):
    """Show what this run learned in the Evaluate pane."""

    path: Path


@dataclass
class TrainNetwork(Message):
    """Start a run with this network."""

    network: NewNetwork
