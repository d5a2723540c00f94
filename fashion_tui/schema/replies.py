"""What the engine answers to the requests of the panes and commands, where no other module of `schema` defines it."""

from typing import Literal

import msgspec

from .shapes import ShapeTable


class Device(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """As `--device` takes it: `cpu`, `cuda:0`, `mps`."""
    description: str
    memory: int | None
    """Bytes; None where it isn't known."""
    busy: float | None = None
    """Share of its time in which it computes, for whomever, in [0, 1]; None where it isn't known."""
    memory_used: int | None = None
    """Bytes, by all processes."""


class BuiltinSource(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    class_name: str


Fault = Literal["source", "arguments", "input"]
"""Of a network that can't be traced: what is to be mended."""


class SourceTrace(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a source: the table of its network, and what is wrong with it, if anything is."""

    table: ShapeTable | None
    """None where the network couldn't even be made."""
    class_name: str | None
    """The network's class."""
    error: str | None = None
    """One line, without the place."""
    line: int | None = None
    """Of the source, where it fails; None where that isn't known."""
    fault: Fault | None = None


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    format: str
    max_difference: float
    """Between the logits of the run's network and of the file read back, over a batch of test images."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `doctor`."""

    name: str
    ok: bool
    detail: str
    """What was found; where it isn't well, what to do."""
