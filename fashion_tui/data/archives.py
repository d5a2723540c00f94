"""Extract the files of a data set from a downloaded archive.

Only the data set's files are extracted, each under its own name and only up to its published size, so an archive
can neither write elsewhere nor fill the disk.
"""

import gzip
import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .published import Archive, DataFile

BLOCK_SIZE = 1 << 20
"""Number of bytes to extract at once."""

DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, zipfile.BadZipFile)
"""Errors raised when a damaged archive is read."""


class DamagedArchive(Exception):
    """Raised when an archive doesn't contain the published files. The message is a clause that says why."""


def extract(archive: Archive, path: Path, folder: Path, before_block: Callable[[], None] = lambda: None) -> None:
    """Extract the files of the archive at `path` into a folder, decompress them if necessary, and verify them.

    `before_block` is called once per megabyte. Raises DamagedArchive if a file is missing or differs from the published
    one, and OSError if a file can't be written.
    """
    missing = list(archive.files)
    try:
        for file, stream in _streams(archive, path):
            with _decompressed(archive, file, stream) as content:
                _write(file, content, folder, before_block)
            missing.remove(file)
    except DAMAGE as error:
        raise DamagedArchive(f"it can't be decompressed: {error}") from error
    if missing:
        raise DamagedArchive(f"it lacks {archive.path_of(missing[0])}")


def _streams(archive: Archive, path: Path) -> Iterator[tuple[DataFile, IO[bytes]]]:
    """Yield the data set's files that the archive contains, in any order."""
    files = {str(archive.path_of(file)): file for file in archive.files}
    if not archive.member:
        with path.open("rb") as stream:
            yield archive.files[0], stream
    elif archive.name.endswith(".zip"):
        with zipfile.ZipFile(path) as opened:
            for name in files.keys() & opened.namelist():
                with opened.open(name) as stream:
                    yield files[name], stream
    else:
        with tarfile.open(path, "r|gz") as tar:
            for member in tar:
                if member.name in files and (content := tar.extractfile(member)) is not None:
                    yield files[member.name], content


@contextmanager
def _decompressed(archive: Archive, file: DataFile, stream: IO[bytes]) -> Iterator[IO[bytes] | gzip.GzipFile]:
    if archive.path_of(file).suffix == ".gz":
        with gzip.GzipFile(fileobj=stream) as content:
            yield content
    else:
        yield stream


def _write(file: DataFile, content: IO[bytes] | gzip.GzipFile, folder: Path, before_block: Callable[[], None]) -> None:
    digest, size = hashlib.sha256(), 0
    with (folder / file.name).open("wb") as extracted:
        while size <= file.size and (block := content.read(min(BLOCK_SIZE, file.size + 1 - size))):
            before_block()
            if size == 0 and not block.startswith(file.header):
                raise DamagedArchive(f"its file {file.name} doesn't start with {file.header.hex(' ')}")
            digest.update(block)
            extracted.write(block)
            size += len(block)
    if size != file.size:
        least = "at least " if size > file.size else ""
        raise DamagedArchive(f"its file {file.name} has {least}{size:,} bytes instead of {file.size:,}")
    if file.sha256 not in {None, digest.hexdigest()}:
        raise DamagedArchive(f"its file {file.name} has the SHA-256 {digest.hexdigest()}, expected {file.sha256}")
