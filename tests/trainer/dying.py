"""Instants at which a trainer kills itself by SIGKILL: whatever Python or torch would still like to write is lost."""

import os
import signal
from collections.abc import Callable
from typing import Any

from fashion_tui.runs import checkpoints

Die = Callable[[], None]
"""Kills this process where it is called for the chosen time."""


def in_a_checkpoint(die: Die) -> None:
    """Half of a piece of the file is written."""
    write = checkpoints._HashingFile.write

    def write_half(self: checkpoints._HashingFile, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        self._file.write(view[: len(view) // 2])
        self._file.flush()
        die()
        write(self, view[len(view) // 2 :])
        return view.nbytes

    checkpoints._HashingFile.write = write_half  # type: ignore[method-assign]


def around_a_rename(suffix: str, *, before: bool) -> Callable[[Die], None]:
    """Immediately before a file with a name that ends so comes into its place, or immediately after."""

    def install(die: Die) -> None:
        replace = os.replace

        def replace_and_die(source: Any, target: Any, **folders: int) -> None:
            matches = os.fspath(target).endswith(suffix)
            if matches and before:
                die()
            replace(source, target, **folders)
            if matches and not before:
                die()

        os.replace = replace_and_die  # type: ignore[assignment]

    return install


def in_a_line_of_the_log(die: Die) -> None:
    """Half of the line is written."""
    write = os.write

    def write_half(descriptor: int, data: bytes, /) -> int:
        if not data.startswith(b'{"run"'):
            return write(descriptor, data)
        half = write(descriptor, data[: len(data) // 2])
        die()
        return half + write(descriptor, data[len(data) // 2 :])

    os.write = write_half  # type: ignore[assignment]


INSTANTS: dict[str, Callable[[Die], None]] = {
    "in a checkpoint": in_a_checkpoint,
    "before a checkpoint's rename": around_a_rename(".pt", before=True),
    "between a checkpoint's rename and its sum": around_a_rename(".pt", before=False),
    "before the pointer to a checkpoint": around_a_rename("latest.json", before=True),
    "after the pointer to a checkpoint": around_a_rename("latest.json", before=False),
    "in a line of the log": in_a_line_of_the_log,
    "before a status's rename": around_a_rename("status.json", before=True),
}


def die_at(instant: str, nth: int) -> None:
    """This process is killed when that instant comes for the `nth` time."""
    left = nth

    def die() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    INSTANTS[instant](die)
