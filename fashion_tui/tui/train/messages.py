"""What the Train pane's workers tell it."""

from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from fashion_tui.runs.reader import RunSnapshot


@dataclass
class SnapshotTaken(Message):
    """The run that the pane shows, as it is now."""

    snapshot: RunSnapshot


@dataclass
class RequestDone(Message):
    """What was asked of a run has been done, or could not be."""

    path: Path
    outcome: str
    """One line."""
    failed: bool = False
