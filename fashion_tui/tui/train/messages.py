"""What the Train pane's workers tell it."""

from collections.abc import Callable
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


@dataclass
class TrustWanted(Message):
    """What was asked of a run would execute code from elsewhere."""

    path: Path
    again: Callable[[], None]
    """Asks for it once more, when the person has let the code run."""
