"""What the command line tells the app."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    runs_directory: Path
    data_directory: Path | None = None
    """As `--data` gave it; None: search for it."""
    dataset: str = "fashion-mnist"
    attach: str | None = None
    """The id of the run to open on; None: open on the Playground."""
