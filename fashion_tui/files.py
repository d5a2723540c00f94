"""Replace a file atomically: readers see either the old content or the new, never a partial file."""

import errno
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

TEMPORARY_SUFFIX = ".tmp"
"""Suffix of temporary files, which are named `.NAME.RANDOM.tmp`.

A process that crashes or is killed by a signal that it doesn't handle leaves its temporary file behind.
"""

PUBLIC_MODE = 0o666
"""Mode of files that the user saves or exports, before the umask is applied."""

_unfinished: set[tuple[int, str]] = set()
"""Pairs of a folder's descriptor and the name of a temporary file that this process is writing into it."""

Content = bytes | Callable[[BinaryIO], None]
"""The content of a file: bytes, or a function that writes the content to the open file and may read it back."""


def write_atomically(path: Path, content: Content, *, durable: bool = True, mode: int = 0o600) -> None:
    """Replace a file atomically, even if this process is killed.

    If `durable` is true, this function returns only after the new content is on disk: a power failure can't bring back
    the old content or leave an empty file. The umask applies to `mode`. Raises OSError if writing fails, and the errors
    that `content` raises. The file then keeps its old content.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        write_atomically_at(folder, path.name, content, durable=durable, mode=mode)
    finally:
        os.close(folder)


def write_atomically_at(folder: int, name: str, content: Content, *, durable: bool = True, mode: int = 0o600) -> None:
    """Like `write_atomically`, but takes a folder's descriptor and a file name.

    If `name` is a symbolic link, the link itself is replaced.
    """
    temporary = f".{name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    _unfinished.add((folder, temporary))
    try:
        descriptor = os.open(temporary, flags, mode, dir_fd=folder)
        with os.fdopen(descriptor, "w+b") as file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                content(file)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    finally:
        _unfinished.discard((folder, temporary))
    if durable:
        os.fsync(folder)  # fsync of the file doesn't write its directory entry, so sync the folder too


def remove_unfinished_files() -> None:
    """Remove the temporary files of writes that haven't ended. Call this before `os._exit`."""
    for folder, temporary in list(_unfinished):
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)


def make_private_folder(path: Path) -> None:
    """Create a folder and its missing parents, readable only by this user, regardless of the umask. Raises OSError."""
    if path.is_dir():
        return
    make_private_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def read_limited(path: Path, max_bytes: int) -> bytes:
    """Return the contents of a regular file of at most `max_bytes` bytes. Raises OSError for any other file."""
    with open_regular(path) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {max_bytes:,} bytes", str(path))
    return content


def read_tail(path: Path, max_bytes: int) -> bytes:
    """Return the last `max_bytes` bytes of a regular file, or all bytes if the file is smaller.

    Raises OSError if it isn't a regular file.
    """
    with open_regular(path) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - max_bytes))
        return file.read(max_bytes)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading. Raises OSError for any other file, and never blocks, even on a named pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")
