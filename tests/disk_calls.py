"""Records the system calls that decide what a power failure leaves on disk."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROCESS_FILES = Path("/proc/self/fd")

TEMPORARY = re.compile(r"^\.(.+)\.[0-9a-f]{8}\.tmp$|^(\.new)-[0-9a-f]{16}$")


@contextmanager
def recorded_disk_calls() -> Iterator[list[str]]:
    """Record the renames and syncs of this process, in order, while the system makes them.

    The calls look like `sync a.json (12 bytes)`, `rename a.json` and `sync folder`. Temporary files and directories
    have the name that they will get; a new run's directory is `.new`.
    """
    if not PROCESS_FILES.is_dir():
        pytest.skip("needs Linux, to find the names of open files")
    calls: list[str] = []
    fsync, replace, rename = os.fsync, os.replace, os.rename

    def record_fsync(descriptor: int) -> None:
        status, name = os.fstat(descriptor), _final_name((PROCESS_FILES / str(descriptor)).readlink().name)
        calls.append(f"sync {name}" if stat.S_ISDIR(status.st_mode) else f"sync {name} ({status.st_size} bytes)")
        fsync(descriptor)

    def record_replace(source: Any, target: Any, **folders: int) -> None:
        calls.append(f"rename {Path(target).name}")
        replace(source, target, **folders)

    def record_rename(source: Any, target: Any, **folders: int) -> None:
        calls.append(f"rename {Path(target).name}")
        rename(source, target, **folders)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", record_fsync)
        patch.setattr(os, "replace", record_replace)
        patch.setattr(os, "rename", record_rename)
        yield calls


def _final_name(name: str) -> str:
    match = TEMPORARY.match(name)
    return next(filter(None, match.groups())) if match else name


def calls_of_a_write(file: Path, *, folder: str | None = None) -> list[str]:
    """Return the calls that put a file on disk: its complete content, then its name.

    `folder` is the name of the folder at that time, if it has changed since.
    """
    size = file.stat().st_size
    return [f"sync {file.name} ({size} bytes)", f"rename {file.name}", f"sync {folder or file.parent.name}"]
