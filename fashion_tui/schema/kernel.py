"""What a kernel is told at its start."""

import msgspec

from .dataset import DatasetRef


class KernelSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What the other panes work with, and the kernel is to have at hand."""

    dataset: DatasetRef | None = None
    """None: it goes without data."""
    runs_directory: str | None = None
    """None: it goes without runs."""
