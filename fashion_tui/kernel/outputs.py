"""What comes out of a kernel, as frozen values.

The texts are as the person's code wrote them: show them through `ansi`, never raw.
"""

from typing import Literal

import msgspec

from fashion_tui.schema.plots import Plot

State = Literal["starting", "idle", "busy", "dead"]
"""`dead`: no kernel lives, and none is started until something is asked of it."""

DoneStatus = Literal["ok", "error", "aborted", "died"]
"""`aborted`: the code never ran to its end, since the kernel was restarted or died before its turn."""


class Stream(msgspec.Struct, frozen=True):
    """Printed text, a piece of it: lines may be cut anywhere."""

    name: Literal["stdout", "stderr"]
    text: str


class Dropped(msgspec.Struct, frozen=True):
    """Output that came faster than it could be shown; it stood before what follows."""

    lines: int
    characters: int


class Result(msgspec.Struct, frozen=True):
    """The value of the last expression: what follows `Out[n]:`."""

    execution_count: int
    text: str
    plot: Plot | None = None
    """What is to be seen in place of the text."""


class Display(msgspec.Struct, frozen=True):
    """Something shown by `display(...)` or `show(...)`, or by a magic such as `name?`."""

    text: str
    plot: Plot | None = None
    """As of a `Result`."""


class Error(msgspec.Struct, frozen=True):
    """An exception that nothing caught."""

    ename: str
    evalue: str
    traceback: str
    """In colour (SGR), several lines."""


class InputRequested(msgspec.Struct, frozen=True):
    """`input()` waits for `KernelSession.send_input`."""

    prompt: str
    password: bool


class NextInput(msgspec.Struct, frozen=True):
    """The kernel proposes what to type next (`%recall`, `%load`)."""

    text: str


class ExternalInput(msgspec.Struct, frozen=True):
    """Another front end, connected to the same kernel, has begun to run a cell; what follows is of it."""

    execution_count: int
    code: str


class ExternalDone(msgspec.Struct, frozen=True):
    """The cell of another front end has ended."""


class Died(msgspec.Struct, frozen=True):
    """The kernel's process has ended without being asked to."""

    message: str
    """One line: what happened, and what follows."""


class StateChanged(msgspec.Struct, frozen=True):
    state: State


class Done(msgspec.Struct, frozen=True):
    """The last output of every execution."""

    status: DoneStatus
    execution_count: int | None
    """The number of the cell; None where the kernel never came to it."""


Output = (
    Stream
    | Dropped
    | Result
    | Display
    | Error
    | InputRequested
    | NextInput
    | ExternalInput
    | ExternalDone
    | Died
    | StateChanged
    | Done
)


class Completions(msgspec.Struct, frozen=True):
    """What could stand in place of `code[start:end]`."""

    matches: tuple[str, ...]
    start: int
    end: int


class Completeness(msgspec.Struct, frozen=True):
    status: Literal["complete", "incomplete", "invalid", "unknown"]
    indent: str = ""
    """Where it is incomplete: how the next line begins."""


class Inspection(msgspec.Struct, frozen=True):
    """What the kernel tells of a name."""

    status: Literal["found", "missing", "unknown"]
    """`missing`: it knows no such name; `unknown`: it gave no answer in time."""
    text: str = ""
    """Signature, docstring and more, in colour (SGR), several lines."""
