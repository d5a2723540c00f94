"""Replies of the engine. Further replies are defined in other modules of `schema`."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from .shapes import Fix, ShapeTable


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device that torch can compute on."""

    name: str
    """Name in the form that `--device` accepts: `cpu`, `cuda:0`, `mps`."""
    description: str
    memory: int | None
    """Total memory in bytes, or None if unknown."""
    utilization: float | None = None
    """Fraction of time, in [0, 1], during which any process uses the device; None if unknown."""
    memory_used: int | None = None
    """Memory used by all processes together, in bytes, or None if unknown."""
    problem: str | None = None
    """Why torch can't compute on the device and what to do about it, or None if torch can compute on the device."""


def auto_problem(devices: Sequence[Device]) -> str | None:
    """Return why `auto` selects the CPU although this machine has a GPU, and what to do.

    Return None if `auto` selects a GPU, or if the machine has no GPU.
    """
    gpus = [device for device in devices if device.name.startswith("cuda")]
    return None if any(gpu.problem is None for gpu in gpus) else next((gpu.problem for gpu in gpus), None)


ErrorCause = Literal["source", "arguments", "input"]
"""What the user has to change so that the network can be traced: its source code, its arguments, or the input."""


class SourceTrace(msgspec.Struct, frozen=True, kw_only=True):
    """Result of tracing a network from its source: the table, the error, or both."""

    table: ShapeTable | None
    """The shape trace, up to the error if there is one; None if the network could not be created."""
    class_name: str | None
    """Name of the network's class, or None if it could not be determined."""
    error: str | None = None
    """One-line error message, without the location."""
    line: int | None = None
    """Line of the source in which the error occurred, or None if unknown."""
    cause: ErrorCause | None = None

    @property
    def fix(self) -> Fix | None:
        """The fix for the error, or None if there is none."""
        return None if self.table is None else self.table.fix


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a check by `fashion-tui doctor`."""

    name: str
    ok: bool
    detail: str
    """What was found and, if the check failed, what to do."""
