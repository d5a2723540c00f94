"""Immutable values that a kernel session returns: the outputs of cells, and the replies to requests.

The strings in these values may contain arbitrary control sequences. Sanitize the strings with `ansi` before you show
them.
"""

from typing import Literal

import msgspec

from fashion_tui.schema.plots import Plot

State = Literal["starting", "idle", "busy", "dead"]
"""`dead`: no kernel is running. The next request that needs a kernel starts one."""

DoneStatus = Literal["ok", "error", "aborted", "died"]
"""`died`: the kernel died while the cell was running. `aborted`: the kernel was restarted, or it ended before it ran
the cell."""


class Stream(msgspec.Struct, frozen=True):
    """A chunk of printed text. It may start and end in the middle of a line."""

    name: Literal["stdout", "stderr"]
    text: str


class Dropped(msgspec.Struct, frozen=True):
    """Marks a gap in the output. Text or plots were dropped because they arrived faster than they could be shown."""

    lines: int
    characters: int


class Result(msgspec.Struct, frozen=True):
    """The value of a cell's last expression, shown as `Out[n]:`."""

    execution_count: int
    text: str
    plot: Plot | None = None
    """The plot that is shown instead of the text, or None."""


class Display(msgspec.Struct, frozen=True):
    """Output of `display(...)`, `show(...)` or a magic such as `name?`."""

    text: str
    plot: Plot | None = None
    """The plot that is shown instead of the text, or None."""


class TracebackPart(msgspec.Struct, frozen=True):
    """A part of a traceback: a frame, the message of the exception, or the text between two exceptions."""

    text: str
    is_library: bool
    """Whether the part is a frame of library code."""


class Error(msgspec.Struct, frozen=True):
    """An exception that the cell didn't catch."""

    ename: str
    evalue: str
    traceback: str
    """Several lines, with colours as SGR sequences."""
    parts: tuple[TracebackPart, ...] = ()
    """The parts of the traceback; empty if there is only one, or if they are too long in total."""
    explanation: str = ""
    """One line that explains the error, or an empty string."""


class InputRequested(msgspec.Struct, frozen=True):
    """A pending call to `input()`. Answer it with `KernelSession.send_input`."""

    prompt: str
    password: bool


class NextInput(msgspec.Struct, frozen=True):
    """Code that the kernel proposes as the next input, for example after `%recall` or `%load`."""

    text: str


class ExternalInput(msgspec.Struct, frozen=True):
    """A cell that another front end of the same kernel has started. The outputs that follow belong to this cell."""

    execution_count: int
    code: str
    cell: str = ""
    """Id of the cell in `Late` outputs."""


class ExternalDone(msgspec.Struct, frozen=True):
    """A cell of another front end has ended."""


class Late(msgspec.Struct, frozen=True):
    """An output that arrived after the end of its cell, for example from a thread that the cell started."""

    cell: str
    """The id that was passed to `KernelSession.execute`, or `ExternalInput.cell`."""
    output: Stream | Result | Display | Error


class Died(msgspec.Struct, frozen=True):
    """The kernel's process ended unexpectedly."""

    message: str
    """One line that says why the kernel ended and whether a new one will be started."""


class StateChanged(msgspec.Struct, frozen=True):
    state: State


class Done(msgspec.Struct, frozen=True):
    """The last output of every execution."""

    status: DoneStatus
    execution_count: int | None
    """The cell's execution count, or None if the kernel never started the cell."""


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
    | Late
    | Died
    | StateChanged
    | Done
)


class Completions(msgspec.Struct, frozen=True):
    """Completions of code: strings that can replace `code[start:end]`."""

    matches: tuple[str, ...]
    start: int
    end: int


class Completeness(msgspec.Struct, frozen=True):
    """Whether code is ready to run or needs more lines."""

    status: Literal["complete", "incomplete", "invalid", "unknown"]
    indent: str = ""
    """If the code is incomplete, the indentation of its next line."""


class Inspection(msgspec.Struct, frozen=True):
    """Documentation of a name."""

    status: Literal["found", "missing", "unknown"]
    """`missing`: the kernel doesn't know the name. `unknown`: the kernel didn't reply in time."""
    text: str = ""
    """Signature, docstring and more: several lines, with colours as SGR sequences."""
