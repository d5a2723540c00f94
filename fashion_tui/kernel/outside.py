"""The kernels of open apps as other programs find them: by a connection file, which any Jupyter front end takes."""

import contextlib
import shlex
from pathlib import Path

import msgspec

from . import folder


class OpenKernel(msgspec.Struct, frozen=True):
    """The kernel of an open app."""

    connection_file: str
    command: str
    """Opens a second front end on it."""
    app_pid: int
    started: float
    """Seconds since the epoch."""


def open_kernels() -> list[OpenKernel]:
    """Those of this person's open apps, the newest first."""
    found = []
    for place, owner in folder.living().items():
        with contextlib.suppress(OSError):  # ended meanwhile
            files = {file: file.stat().st_mtime for file in place.glob("*.json")}
            if files:
                newest = max(files, key=files.__getitem__)
                found.append(OpenKernel(str(newest), console_command(newest), owner, files[newest]))
    return sorted(found, key=lambda kernel: kernel.started, reverse=True)


def console_command(connection_file: Path) -> str:
    """What a person types in another terminal, to work in the kernel from there too."""
    return f"jupyter console --existing {shlex.quote(str(connection_file))}"
