"""The interface of logs, which all formats implement, and shared functions."""

import math
import os
import re
import stat
import time
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from fashion_tui.runs.folder import Folder
from fashion_tui.runs.follow import Follower
from fashion_tui.schema.text import one_line

UNKNOWN_TIME = math.nan
"""Time of the events of a log that doesn't contain times."""

MAX_NAME = 200
"""Maximum length of a metric's name, in characters. Longer names are truncated."""

MAX_STEP = 10**12

WRITING_SECONDS = 60.0
"""For this many seconds after its last change, a file is assumed to be still being written, and an incomplete end isn't
reported."""

_LOSS = re.compile(r"(^|[/_.\- ])loss($|[/_.\- ])", re.IGNORECASE)
_ACCURACY = re.compile(r"(^|[/_.\- ])acc(uracy)?($|[/_.\- ])", re.IGNORECASE)
_HELD_OUT = re.compile(r"val|test|eval|dev", re.IGNORECASE)


@dataclass
class LastValues:
    """The last values of a log, read from its end."""

    step: int = 0
    epoch: int = 0
    """Number of completed epochs, rounded down, or 0 if the log has no epochs."""
    seconds: float = 0.0
    """Time from the first to the last value, or 0 if the log has no times."""
    values: dict[str, float] = field(default_factory=dict)
    """The last value of each metric near the end of the log."""

    def set_epoch(self, epoch: float | None) -> None:
        """Set the number of epochs from a value of the log, which may be missing or invalid."""
        self.epoch = int(epoch) if epoch is not None and 0 <= epoch <= MAX_STEP else 0

    @property
    def loss(self) -> float | None:
        """The metric `loss`, else the first training loss, else the first loss, else None."""
        name = next(iter(main_metrics_first(self.values)), "")
        return self.values[name] if _LOSS.search(name) else None


class Log(Protocol):
    """A log in a folder. The folder stays open as long as its `Run` does."""

    library: str
    """Name of the library or of the format."""

    @abstractmethod
    def settings(self) -> tuple[dict[str, object], str | None]:
        """Return the hyperparameters, and a one-line reason if some can't be read."""

    @abstractmethod
    def last(self) -> LastValues:
        """Return the last values, from the end of the log if possible. Raises OSError if the log can't be read."""

    @abstractmethod
    def files(self) -> Mapping[str, os.stat_result]:
        """Return the `lstat` of the log's files by name. Raises OSError."""

    @abstractmethod
    def created(self) -> float:
        """Return the Unix time of the run's start, or of the oldest change of a file. Raises OSError."""

    @abstractmethod
    def follow(self) -> Follower:
        """Return a follower that starts at the beginning of the log."""


def file_status(folder: Folder, name: str) -> os.stat_result | None:
    """Return the `lstat` of a regular file, or None if there is no such file."""
    try:
        status = folder.status(name)
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def is_written(status: os.stat_result) -> bool:
    """Return whether a file seems to be still being written."""
    return time.time() - status.st_mtime < WRITING_SECONDS


def metric_name(name: str) -> str:
    """Return a metric's name as one printable line, never empty."""
    return one_line(name, MAX_NAME) or "unnamed"


def main_metrics_first(names: Iterable[str]) -> list[str]:
    """Sort the names of metrics: losses first, then accuracies, then all others, and `epoch` last.

    Training losses and accuracies come before those on held-out data.
    """

    def rank(name: str) -> tuple[bool, bool, bool, bool, bool]:
        is_loss, is_accuracy = _LOSS.search(name) is not None, _ACCURACY.search(name) is not None
        is_held_out = (is_loss or is_accuracy) and _HELD_OUT.search(name) is not None
        return name != "loss", not is_loss, not is_accuracy, is_held_out, name == "epoch"

    return sorted(names, key=rank)


def oldest_change(files: Mapping[str, os.stat_result]) -> float:
    """Return the oldest modification time of the files, as Unix time, or 0 if there are no files."""
    return min((status.st_mtime for status in files.values()), default=0.0)
