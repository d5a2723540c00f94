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
"""Temporary files are named `.NAME.RANDOM.tmp`; a killed writer leaves its temporary file behind."""

PUBLIC_MODE = 0o666
"""Mode of files that the user asked for, before the umask removes permissions."""

Content = bytes | Callable[[BinaryIO], None]
"""The content of a file as bytes, or a function that writes it to the open file."""


def write_atomically(path: Path, content: Content, *, durable: bool = True, mode: int = 0o600) -> None:
    """Replace a file in one step, even if this process is killed.

    With `durable`, return only when the new content is on disk, so that a power failure can't bring back the old
    content or an empty file. The umask applies to `mode`. Raises OSError and keeps the old content if writing fails.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        write_atomically_at(folder, path.name, content, durable=durable, mode=mode)
    finally:
        os.close(folder)


def write_atomically_at(folder: int, name: str, content: Content, *, durable: bool = True, mode: int = 0o600) -> None:
    """Like `write_atomically`, but with the descriptor of an open folder. If `name` is a link, the link is replaced."""
    temporary = f".{name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, mode, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
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
    if durable:
        os.fsync(folder)  # syncing the file doesn't put its name on disk


def make_private_folder(path: Path) -> None:
    """Create a folder and its missing parents, readable only by this user, regardless of the umask. Raises OSError."""
    if path.is_dir():
        return
    make_private_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def read_limited(path: Path, max_bytes: int) -> bytes:
    """Return the content of a file. Raises OSError if it isn't a regular file or is larger than `max_bytes`."""
    with _open_regular(path) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {max_bytes:,} bytes", str(path))
    return content


def read_tail(path: Path, max_bytes: int) -> bytes:
    """Return the last `max_bytes` of a file. Raises OSError if it isn't a regular file."""
    with _open_regular(path) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - max_bytes))
        return file.read(max_bytes)


def _open_regular(path: Path) -> BinaryIO:
    """Open a file for reading, without waiting if it is a pipe. Raises OSError if it isn't a regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")
