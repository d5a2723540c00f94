"""Files that are whole or not there, whatever happens while they are written."""

import errno
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

TEMPORARY_SUFFIX = ".tmp"
"""Names of unfinished files begin with a dot and end so; readers pass over them."""

Content = bytes | Callable[[BinaryIO], None]


def write_atomically(path: Path, content: Content, *, durable: bool = True) -> None:
    """Replace the file at once: readers see the old content or the new, also after a kill at any instant.

    `content` is the bytes, or a function that writes them into the open file. `durable` waits until the disk has
    them, so that a power cut can't bring back the old content or an empty file. Raises OSError with the old content
    left as it was.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                content(file)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def open_to_read(path: Path) -> FileIO:
    """A file, unbuffered. OSError also for a pipe or a device, which would have to be waited for."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = FileIO(descriptor)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a file", str(path))
    return file


def read_whole(path: Path) -> bytes:
    """What is in the file; OSError as `open_to_read`."""
    with open_to_read(path) as file:
        return file.read()


def remove_unfinished(folder: Path) -> None:
    """Remove what writers that were killed left behind; for when nobody writes there."""
    for path in unfinished(folder):
        with suppress(OSError):
            path.unlink()


def unfinished(folder: Path) -> list[Path]:
    """What writers have left behind, or are writing now."""
    return list(folder.glob(f".*{TEMPORARY_SUFFIX}"))


def sync_folder(folder: Path) -> None:
    """Wait until the disk knows the folder's names: a file's own fsync doesn't cover them."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
