"""An open directory of a run. All files of the run are opened through it."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import NoReturn, Self

from fashion_tui.files import TEMPORARY_SUFFIX, Content, write_atomically_at

SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Flags for opening any file: don't follow links, and don't wait for the other end of a pipe."""


class UnsafeFile(OSError):
    """Raised when a file isn't safe to use.

    A run's file must be a regular file of limited size, must not be a symbolic link, and must belong to the run's
    owner, to the current user, or to root. A file that is opened for writing must not have a second name (a hard link).
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(errno.EPERM, problem, name)


class Folder:
    """An open directory. Files are opened relative to its descriptor and checked. Links inside it aren't followed.

    Names are single path components. Methods raise OSError if the operating system reports an error, and UnsafeFile, a
    subclass of OSError, if a file isn't safe to use. Only `write` may be called from several threads at once.
    """

    def __init__(self, path: Path, descriptor: int, owners: frozenset[int] = frozenset()) -> None:
        """Take ownership of an open descriptor.

        `owners` are the ids of users whose files are accepted, in addition to the directory's owner, the current user
        and root.
        """
        self.path = path
        """Path by which the directory was opened, for use in messages and by other processes."""
        self._descriptor = descriptor
        self.owner = os.fstat(descriptor).st_uid
        self._owners = owners | {self.owner, os.geteuid(), 0}

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a directory by its path, which may contain links. Raises OSError."""
        return cls(path, os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def close(self) -> None:
        """Close the descriptor. Closing it again has no effect."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        """Refuse to be copied. Each copy would close the same descriptor."""
        raise TypeError("a Folder can't be copied or pickled")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_removed(self) -> bool:
        """Whether the directory was deleted, as opposed to being temporarily unreachable."""
        return os.fstat(self._descriptor).st_nlink == 0

    def reopen_if_removed(self) -> bool:
        """If the directory was deleted and recreated, open the new one. Return whether a new one was opened."""
        if not self.is_removed:
            return False
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return False
        self.close()
        Folder.__init__(self, self.path, descriptor)
        return True

    def open_file(self, name: str, flags: int, max_bytes: int) -> int:
        """Open a file, check it, and return its descriptor. All files of a run are opened here."""
        if "/" in name:
            raise ValueError(f"{name!r} is not a single path component")
        try:
            descriptor = os.open(name, flags | SAFE, 0o600, dir_fd=self._descriptor)
        except OSError as error:
            if (problem := _REFUSALS.get(error.errno or 0)) is None:
                raise
            raise UnsafeFile(name, problem) from None
        is_written = flags & os.O_ACCMODE != os.O_RDONLY
        problem = self.problem(os.fstat(descriptor), max_bytes, is_written=is_written)
        if problem is not None:
            os.close(descriptor)
            raise UnsafeFile(name, problem)
        return descriptor

    def open_to_read(self, name: str, max_bytes: int) -> FileIO:
        """Open a file for unbuffered reading. The `name` of the returned object is the file's path."""
        descriptor = self.open_file(name, os.O_RDONLY, max_bytes)
        return FileIO(str(self.path / name), "r", opener=lambda *_: descriptor)

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return the content of a file."""
        descriptor = self.open_file(name, os.O_RDONLY, max_bytes)
        try:
            content = b""
            while chunk := os.read(descriptor, min(max_bytes - len(content) + 1, 64 << 10)):
                content += chunk
                if len(content) > max_bytes:  # the file has grown since it was checked
                    raise UnsafeFile(name, _too_large(max_bytes))
            return content
        finally:
            os.close(descriptor)

    def write(self, name: str, content: Content, *, durable: bool = True) -> None:
        """Replace a file atomically; see `write_atomically`."""
        write_atomically_at(self._descriptor, name, content, durable=durable)

    def create(self, name: str) -> None:
        """Create an empty file. Raises FileExistsError if the name is taken."""
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE, 0o600, dir_fd=self._descriptor))

    def remove(self, name: str) -> None:
        """Remove the file or link with this name."""
        os.unlink(name, dir_fd=self._descriptor)

    def exists(self, name: str) -> bool:
        """Return whether a file, directory or link with this name exists."""
        try:
            os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except OSError:
            return False
        return True

    def size(self, name: str) -> int:
        """Return the size of a file in bytes, or 0 if it is missing."""
        try:
            return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_size
        except OSError:
            return 0

    def status(self, name: str) -> os.stat_result:
        """Return the `lstat` of an entry."""
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)

    def entries(self) -> list[tuple[str, os.stat_result]]:
        """Return the name and `lstat` of each entry, in no particular order."""
        result = []
        with os.scandir(self._descriptor) as entries:
            for entry in entries:
                try:
                    result.append((entry.name, entry.stat(follow_symlinks=False)))
                except FileNotFoundError:  # removed meanwhile
                    continue
        return result

    def names(self) -> list[str]:
        """Return the names of all entries, sorted."""
        return sorted(os.listdir(self._descriptor))  # noqa: PTH208 - a descriptor

    def subfolder(self, name: str, *, create: bool = False) -> "Folder":
        """Open a directory inside this one. If `create` is set, create it if it doesn't exist."""
        if create:
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=self._descriptor)
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | SAFE, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
                raise
            status = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
            raise UnsafeFile(name, self.problem(status, None) or _NOT_A_DIRECTORY) from None
        folder = Folder(self.path / name, descriptor, self._owners)
        problem = self.problem(os.fstat(descriptor), None)
        if problem is not None:
            folder.close()
            raise UnsafeFile(name, problem)
        return folder

    def problem(self, status: os.stat_result, max_bytes: int | None, *, is_written: bool = False) -> str | None:
        """Return why an entry with this `lstat` result can't be used, or None if it can be used.

        `max_bytes` is None for a directory.
        """
        problem = None
        if stat.S_ISLNK(status.st_mode):
            problem = _LINK
        elif max_bytes is None and not stat.S_ISDIR(status.st_mode):
            problem = _NOT_A_DIRECTORY
        elif max_bytes is not None and not stat.S_ISREG(status.st_mode):
            problem = _NOT_A_FILE
        elif status.st_uid not in self._owners:
            problem = f"it belongs to user {status.st_uid}"
        elif max_bytes is not None and status.st_size > max_bytes:
            problem = _too_large(max_bytes)
        elif is_written and status.st_nlink > 1:
            problem = "it has another name (a hard link)"
        return problem

    def remove_temporary_files(self) -> None:
        """Remove temporary files that killed writers left behind. No other process may be writing to the folder."""
        for name in self.temporary_files():
            with suppress(OSError):
                self.remove(name)

    def temporary_files(self) -> list[str]:
        """Return the names of temporary files, which are being written or were left behind by killed writers."""
        return [name for name in self.names() if name.startswith(".") and name.endswith(TEMPORARY_SUFFIX)]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the directory in the `with` block. Wait if another process holds the lock."""
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._descriptor)
        try:
            with suppress(OSError):  # some network file systems can't lock a directory
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Wait until the names of all files are on disk. Syncing a file syncs only its content."""
        os.fsync(self._descriptor)


_LINK = "it is a symbolic link"
_NOT_A_FILE = "it is not a regular file"
_NOT_A_DIRECTORY = "it is not a directory"

_REFUSALS = {
    errno.ELOOP: _LINK,
    errno.EMLINK: _LINK,  # FreeBSD
    errno.ENXIO: _NOT_A_FILE,  # a pipe or a socket
    errno.EISDIR: _NOT_A_FILE,
}
"""Descriptions of the problems that can occur when a file is opened with the flags in `SAFE`, keyed by error number."""


def _too_large(max_bytes: int) -> str:
    return f"it is larger than {max_bytes:,} bytes"
