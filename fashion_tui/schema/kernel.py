"""Messages from the Playground to its kernel: the setup, and the base class of requests about objects (probes)."""

import msgspec

from .dataset import DatasetRef


class KernelSetup(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a new kernel."""

    dataset: DatasetRef | None = None
    """Data set to load on first use, or None for a kernel without data."""
    runs_directory: str | None = None
    """Folder that contains the trained runs, or None for a kernel without runs."""
    columns: int = 80
    """Width of the transcript, in columns."""
    client: str = ""
    """Id of the Playground's client. It distinguishes the Playground's cells from the cells of other front ends."""


class Probe(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base class of requests about objects in the kernel. Each docstring names the type of the reply."""


class ListVariables(Probe, frozen=True, kw_only=True):
    """Ask for the names of all variables that the user has defined, except modules; the reply is a tuple of strings.

    The kernel answers even while torch is being imported.
    """
