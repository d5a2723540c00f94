"""The app's own state, frozen: panes watch it and paint."""

from dataclasses import dataclass

from fashion_tui.schema.dataset import DatasetRef


@dataclass(frozen=True, slots=True)
class DatasetState:
    """Which data the panes show."""

    ref: DatasetRef
    problem: str | None = None
    """Why it isn't the set that was asked for, in one line."""

    @property
    def is_synthetic(self) -> bool:
        return self.ref.name == "synthetic"
