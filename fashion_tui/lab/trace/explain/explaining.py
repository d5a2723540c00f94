"""Find the explanation of an error and an edit that fixes it."""

import itertools
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from fashion_tui.lab.trace.calls import Recording
from fashion_tui.schema.shapes import Fix, ShapeRow

from .arguments import explain_wrong_kind
from .batch_axis import explain_lost_batch_axis
from .calls import counterparts, explain_arguments
from .context import ErrorContext
from .definitions import find_constructor
from .dtypes import explain_dtypes
from .failure import Change, Explanation, Failure
from .leaves import explain_leaf, explain_shared_memory
from .python_errors import explain_python_error
from .repair import Repair
from .sizes import BatchSizes
from .source import Source, error_location

MAX_CHECKED_FIXES = 6
"""Maximum number of edits to try for one error. The network is built and run again for each edit."""

FIX_SECONDS = 1.0
"""Time after which no further edit is tried, in seconds."""


@dataclass(frozen=True, slots=True)
class Explained:
    """The explanation of an error, as it is shown to the user."""

    text: str
    file: str | None
    """File of the user's code that raised the error, or None if unknown."""
    line: int | None
    fix: Fix | None


def explain(
    recording: Recording,
    other: Recording | None,
    rows: Sequence[ShapeRow],
    model: nn.Module,
    repair: Repair | None = None,
) -> Explained | None:
    """Explain the error in a recording in one line, or return None if the recording contains no error.

    `other` is a recording of the same network with another batch size. It shows which sizes depend on the batch size;
    they are written as N. `rows` are the rows of the recording. If `repair` is given, the suggested changes are tried.
    """
    error = recording.error
    if error is None:
        return None
    batches = BatchSizes(recording.batch, None if other is None else other.batch)
    failure = _failure(recording, other, rows, batches, model)
    their_error = None if other is None else other.error
    explanation = _explain(error, their_error, batches, model, failure)
    text = explanation.text if explanation is not None else _torch_message(error, their_error, batches)
    if explanation is None and failure is not None:
        text = f"{failure.name}: {text}"
    file, line = error_location(error)
    fix = None
    if repair is not None:
        source = Source(repair.file, model, error)
        if line is None and failure is not None and failure.row.is_module:
            constructor = find_constructor(source, failure.row.path)
            file, line = (repair.file, constructor.lineno) if constructor is not None else (None, None)

        def runs(fix: Fix) -> bool:
            table = repair.trace(fix)
            return table is not None and table.error is None

        fix = find_fix(explanation.changes if explanation is not None else (), source, runs)
    return Explained(text, file, line, fix)


def _failure(
    recording: Recording, other: Recording | None, rows: Sequence[ShapeRow], batches: BatchSizes, model: nn.Module
) -> Failure | None:
    if not recording.failed:
        return None
    index = recording.failed[-1]
    call = recording.calls[index]
    theirs = other.calls[other.failed[-1]] if other is not None and other.failed else None
    same = theirs if theirs is not None and (theirs.path, theirs.op) == (call.path, call.op) else None
    return Failure(
        call,
        rows[index],
        rows,
        recording.error,
        recording.calls,
        counterparts(recording, other),
        same,
        batches,
        model,
    )


def _explain(
    error: BaseException, other: BaseException | None, batches: BatchSizes, model: nn.Module, failure: Failure | None
) -> Explanation | None:
    if _is_internal(error):
        return None
    if failure is not None:
        for explain_failure in _EXPLAINERS:
            explanation = explain_failure(failure)
            if explanation is not None:
                return explanation
    return explain_python_error(ErrorContext(error, other, batches, model, failure))


def _is_internal(error: BaseException) -> bool:
    """Return whether an error is about torch itself, such as code that it can't compile, and not about arguments."""
    return type(error).__module__.startswith("torch._") or "INTERNAL ASSERT FAILED" in str(error)


_EXPLAINERS = (
    explain_wrong_kind,
    explain_leaf,
    explain_shared_memory,
    explain_dtypes,
    explain_lost_batch_axis,
    explain_arguments,
)
"""The order matters: an argument of the wrong kind has no shape to explain."""


def find_fix(changes: Sequence[Change], source: Source, is_right: Callable[[Fix], bool]) -> Fix | None:
    """Return the first edit for which `is_right` returns True, or None if none is found within the limits."""
    fixes = list(dict.fromkeys(fix for change in changes for fix in change(source)))
    end = time.monotonic() + FIX_SECONDS
    checked = itertools.takewhile(lambda _: time.monotonic() < end, fixes[:MAX_CHECKED_FIXES])
    return next((fix for fix in checked if is_right(fix)), None)


def _torch_message(error: BaseException, other: BaseException | None, batches: BatchSizes) -> str:
    """Return the first line of the message, preceded by the error's class unless the class is RuntimeError."""
    message = batches.format_message(_first_line(error), None if other is None else _first_line(other))
    return message if type(error) is RuntimeError else f"{type(error).__name__}: {message}"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return re.sub(r"torch\.Size\((\[.*?\])\)", r"\1", lines[0].strip()) if lines else "no reason given"
