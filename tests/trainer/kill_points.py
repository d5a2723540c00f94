"""Points at which a trainer kills itself with SIGKILL. Data that Python or torch has only buffered is lost."""

import os
import signal
from collections.abc import Callable
from typing import Any

from fashion_tui.runs import checkpoints

Kill = Callable[[], None]
"""Kills this process at the chosen call, and does nothing at the others."""


def within_a_checkpoint(kill: Kill) -> None:
    """Kill after half of a write to the checkpoint's file."""
    write = checkpoints._HashingFile.write

    def write_half(self: checkpoints._HashingFile, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        self._file.write(view[: len(view) // 2])
        self._file.flush()
        kill()
        write(self, view[len(view) // 2 :])
        return view.nbytes

    checkpoints._HashingFile.write = write_half  # type: ignore[method-assign]


def around_a_rename(suffix: str, *, before: bool) -> Callable[[Kill], None]:
    """Kill immediately before or after a temporary file is renamed to a name with this suffix."""

    def install(kill: Kill) -> None:
        replace = os.replace

        def replace_and_kill(source: Any, target: Any, **folders: int) -> None:
            matches = os.fspath(target).endswith(suffix)
            if matches and before:
                kill()
            replace(source, target, **folders)
            if matches and not before:
                kill()

        os.replace = replace_and_kill  # type: ignore[assignment]

    return install


def within_a_line_of_the_log(kill: Kill) -> None:
    """Kill after half of a line is written."""
    write = os.write

    def write_half(descriptor: int, data: bytes, /) -> int:
        if not data.startswith(b'{"run"'):
            return write(descriptor, data)
        half = write(descriptor, data[: len(data) // 2])
        kill()
        return half + write(descriptor, data[len(data) // 2 :])

    os.write = write_half  # type: ignore[assignment]


KILL_POINTS: dict[str, Callable[[Kill], None]] = {
    "within a checkpoint": within_a_checkpoint,
    "before a checkpoint is renamed": around_a_rename(".pt", before=True),
    "between a checkpoint and its reference": around_a_rename(".pt", before=False),
    "before the pointer to a checkpoint is renamed": around_a_rename("latest.json", before=True),
    "after the pointer to a checkpoint is renamed": around_a_rename("latest.json", before=False),
    "within a line of the log": within_a_line_of_the_log,
    "before a status is renamed": around_a_rename("status.json", before=True),
}


def kill_at(point: str, occurrence: int) -> None:
    """Kill this process when it reaches the point for the Nth time; `occurrence` is N, from 1."""
    remaining = occurrence

    def kill() -> None:
        nonlocal remaining
        remaining -= 1
        if remaining == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    KILL_POINTS[point](kill)
