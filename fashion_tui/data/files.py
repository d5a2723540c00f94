"""Finds a data set's files and tells whole ones from damaged ones.

`find` only looks, so that the app may call it before its first paint; `verify` reads and hashes every file; `read` does
the same and keeps what it read. They share nothing between calls: any thread may call them.
"""

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import platformdirs

from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UsageError, UserError

from .sources import SYNTHETIC, SYNTHETIC_TRAIN, DataFile, Source, source_named

VARIABLE = "FASHION_TUI_DATA"
"""Environment variable that names the folder of the data."""


class MissingData(UserError):
    """Nobody named a folder, and the cache holds no whole set: a download mends it."""


class WrongFolder(UserError):
    """The folder that the person named doesn't exist or doesn't hold the set. Never silently passed over."""


class DamagedData(UserError):
    """A file can't be read, or isn't what was published."""


@dataclass(frozen=True)
class Place:
    """A folder that may hold `<set>/raw`, as torchvision lays it out."""

    directory: Path
    named_by: str | None
    """What made us look there, `--data` or the environment variable; None for the cache."""


def place(directory: Path | None = None) -> Place:
    """Where the files lie, or belong: in `directory`, else in $FASHION_TUI_DATA, else in the platform's cache."""
    if directory is not None:
        return Place(directory, "--data")
    if named := os.environ.get(VARIABLE):
        return Place(Path(named), VARIABLE)
    return Place(platformdirs.user_cache_path("fashion-tui", appauthor=False), None)


def find(name: str, directory: Path | None = None) -> DatasetRef:
    """The data set of that name, where its files are seen to lie; their content isn't looked at, and `sha256` is empty.

    UsageError for an unknown name; WrongFolder or MissingData, saying what to do, where a file isn't there.
    """
    source = source_named(name)
    if source is None:
        return SYNTHETIC
    looked = place(directory)
    raw = looked.directory / source.folder / "raw"
    absent = [file.name for file in source.files if locate(file, raw) is None]
    if not absent:
        return DatasetRef(name=name, directory=str(looked.directory.resolve()), sha256="")
    if looked.named_by is None:
        raise MissingData(
            f"no {source.title} in the cache ({looked.directory}): give the folder that holds {source.folder}/raw with "
            f"--data DIR or {VARIABLE}, let `fashion-tui train` download it, or use --dataset synthetic"
        )
    raise WrongFolder(
        f"{looked.named_by} is {looked.directory}, {_what_lacks(looked.directory, raw, absent)}: name the folder that "
        f"holds {source.folder}/raw, drop it to have the set downloaded, or use --dataset synthetic"
    )


def locate(file: DataFile, raw: Path) -> Path | None:
    """That file in the folder `raw`, decompressed or not; None where it isn't."""
    candidates = (raw / file.name, raw / f"{file.name}.gz")
    return next((path for path in candidates if os.path.isfile(path)), None)  # noqa: PTH113 - Path.is_file may raise


def verify(ref: DatasetRef) -> DatasetRef:
    """The ref with its sum, once every file has been read and is as published; DamagedData where one isn't.

    Reads 55 MB in small pieces: about 0.1 s, and next to no memory.
    """
    source = source_named(ref.name)
    if source is None:
        return SYNTHETIC
    for file in source.files:
        path = _located(file, source, ref)
        if _sum(path)[0] != file.sha256:
            raise _damaged(file, path)
    return msgspec.structs.replace(ref, sha256=source.sha256)


def is_whole(file: DataFile, raw: Path) -> bool:
    """Whether that file lies in the folder `raw`, decompressed or not, and is as published."""
    path = locate(file, raw)
    try:
        return path is not None and _sum(path)[0] == file.sha256
    except DamagedData:
        return False


def read(ref: DatasetRef) -> tuple[bytearray, bytearray, bytearray, bytearray]:
    """The numbers in the four files, in the order of `Source.files`, read and checked; DamagedData as in `verify`."""
    source = source_named(ref.name)
    if source is None:
        raise UsageError(f"{ref.name} has no files: it is drawn by code")
    train_images, train_labels, test_images, test_labels = (
        _read_file(file, _located(file, source, ref)) for file in source.files
    )
    return train_images, train_labels, test_images, test_labels


def train_size(ref: DatasetRef) -> int:
    """Pictures in the training set."""
    source = source_named(ref.name)
    return SYNTHETIC_TRAIN if source is None else source.train_images.shape[0]


def _what_lacks(directory: Path, raw: Path, absent: list[str]) -> str:
    """What is wrong with a folder, as the end of "DIR, …"."""
    inner = raw.relative_to(directory)
    try:
        if not directory.exists():
            return "which doesn't exist"
        if not directory.is_dir():
            return "which is no folder"
        here = directory.resolve()
        for parent in (here.parent, here.parent.parent):
            if parent / inner in (here, here / "raw"):
                return f"which is too deep (try {parent})"
        if not raw.is_dir():
            return f"which has no folder {inner}"
    except OSError as error:
        return f"which can't be read ({error.strerror})"
    return f"where {inner} lacks {', '.join(absent)} (.gz or not)"


def _located(file: DataFile, source: Source, ref: DatasetRef) -> Path:
    raw = Path(ref.directory or "") / source.folder / "raw"
    path = locate(file, raw)
    if path is None:
        raise DamagedData(
            f"{raw / file.name} is gone: name the folder that holds it with --data DIR, or use synthetic data"
        )
    return path


def _read_file(file: DataFile, path: Path) -> bytearray:
    """What follows the header of a file, decompressed and checked."""
    header = bytearray(len(file.header))
    numbers = bytearray(file.size - len(header))
    with _opened(path) as stream:
        sizes = stream.readinto(header), stream.readinto(numbers), len(stream.read(1))
    digest = hashlib.sha256(header)
    digest.update(numbers)
    if sizes != (len(header), len(numbers), 0) or digest.hexdigest() != file.sha256:
        raise _damaged(file, path)
    return numbers


def _sum(path: Path) -> tuple[str, int]:
    """SHA-256 and size of the decompressed file."""
    with _opened(path) as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return digest.hexdigest(), stream.tell()


def _damaged(file: DataFile, path: Path) -> DamagedData:
    """The error for a file whose sum is wrong, with the likeliest reason."""
    actual, size = _sum(path)
    with _opened(path) as stream:
        header = stream.read(len(file.header))
    if size == 0:
        reason = "it is empty"
    elif header[:4] != file.header[:4]:
        reason = f"it begins with {header[:4].hex(' ')} instead of {file.header[:4].hex(' ')}"
    elif size != file.size:
        reason = f"it has {size:,} bytes instead of {file.size:,}"
    else:
        reason = "its content differs"
    return DamagedData(
        f"{path} is damaged ({reason}): its SHA-256 is {actual}, it should be {file.sha256}; {_way_out(path.parent)}"
    )


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedIOBase]:
    """The decompressed content of a file; whatever hinders its reading becomes DamagedData."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedData(f"{path} is damaged (it can't be decompressed: {error}); {_way_out(path.parent)}") from error
    except OSError as error:
        raise DamagedData(f"{path} can't be read ({error.strerror or error}); {_way_out(path.parent)}") from error


def _way_out(raw: Path) -> str:
    if place().named_by is None and raw.is_relative_to(place().directory):
        return "delete it and `fashion-tui train` downloads it again; or use --data DIR or --dataset synthetic"
    return "replace it with a good copy, name another folder with --data DIR, or use --dataset synthetic"
