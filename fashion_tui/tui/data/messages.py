"""What the Data pane's workers tell it."""

from dataclasses import dataclass

from textual.message import Message

from fashion_tui.schema.dataset import DatasetInfo, DatasetRef, Split


@dataclass(frozen=True, slots=True)
class PageKey:
    """Which pictures a page shows."""

    name: str
    """The data set."""
    directory: str | None
    split: Split
    label: int | None
    """Only pictures of this class; None: all."""
    offset: int
    count: int


@dataclass
class InfoLoaded(Message):
    info: DatasetInfo


@dataclass
class InfoFailed(Message):
    problem: str
    """One line."""


@dataclass
class DownloadMoved(Message):
    done: int
    """Bytes that are here."""
    whole: int
    """Bytes that there will be."""


@dataclass
class DownloadEnded(Message):
    ref: DatasetRef | None
    """None where it failed or was cancelled."""
    problem: str | None
    """Why it failed, in one line; None where it was cancelled."""
