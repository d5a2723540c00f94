"""The app's own state, frozen: panes watch it and paint."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from fashion_tui.schema.dataset import DatasetRef

if TYPE_CHECKING:  # the first paint doesn't need it
    from fashion_tui.schema.models import CustomModel


@dataclass(frozen=True, slots=True)
class DatasetState:
    """Which data the panes show."""

    ref: DatasetRef
    problem: str | None = None
    """Why it isn't the set that was asked for, in one line."""

    @property
    def is_synthetic(self) -> bool:
        return self.ref.name == "synthetic"


@dataclass(frozen=True, slots=True)
class NewNetwork:
    """What a new run is to train."""

    name: str
    """Of ours, or of the class."""
    written: "CustomModel | None" = None
    """None: it is one of ours."""
    is_edited: bool = False
    """The source is neither ours nor that of a file."""

    @property
    def origin(self) -> str:
        """Where it comes from, in a few words."""
        if self.written is None:
            return "one of ours"
        given = ", ".join(f"{name}={value!r}" for name, value in self.written.arguments.items())
        file = None if self.written.file is None else PurePath(self.written.file).name
        edited = ["edited"] if self.is_edited else []
        return ", ".join([*edited, file or "of no file", *([given] if given else [])])
