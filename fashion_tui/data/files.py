"""Find, verify, map and read the files of a published data set.

`find` only checks that the files exist, so the app may call it before its first paint. `verify` and `read` read and
hash every file. All functions are thread-safe.
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
import numpy as np
import platformdirs

from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.paths import check_utf8, user_path
from fashion_tui.settings import settings_path, user_settings

from .sources import SYNTHETIC, DataFile, DatasetSource, find_source
from .stored import Pixels, StoredDataset, StoredImages, describe

DATA_VARIABLE = "FASHION_TUI_DATA"
"""Environment variable that names the data folder."""

BLOCK_SIZE = 1 << 20
"""Number of bytes to hash at once."""


class MissingData(UserError):
    """Raised when no folder was specified and the data set isn't in the cache. The user can download it."""


class WrongFolder(UserError):
    """Raised when the specified folder doesn't exist or doesn't contain the data set."""


class DamagedData(UserError):
    """Raised when a file can't be read or differs from the published one."""


@dataclass(frozen=True)
class DataLocation:
    """A folder that contains data sets in the layout of torchvision, `<dataset>/raw`."""

    directory: Path
    specified_by: str | None
    """Where the folder was specified: `--data`, DATA_VARIABLE or the settings file. None for the cache."""


def data_location(directory: Path | None = None) -> DataLocation:
    """Return the data folder: `directory`, else $FASHION_TUI_DATA, else the folder in the settings, else the cache.

    Raises UsageError if the value of the environment variable can't be used.
    """
    if directory is not None:
        return DataLocation(directory, "--data")
    if variable := os.environ.get(DATA_VARIABLE):
        return DataLocation(user_path(variable, DATA_VARIABLE), DATA_VARIABLE)
    if (folder := user_settings().data) is not None:
        return DataLocation(folder, f"data in {settings_path()}")
    return DataLocation(platformdirs.user_cache_path("fashion-tui", appauthor=False), None)


def find(name: str, directory: Path | None = None) -> DatasetRef:
    """Check that the files of a data set exist, and return a reference to it.

    The files aren't read, so `sha256` is empty, except for synthetic data. Raises UsageError for an unknown name,
    WrongFolder or MissingData if a file is missing, and UserError if the path of the folder can't be used.
    """
    source = find_source(name)
    if source is None:
        return SYNTHETIC
    location = data_location(directory)
    raw = location.directory / source.folder / "raw"
    missing = [file.name for file in source.files if locate(file, raw) is None]
    if not missing:
        directory = check_utf8(location.directory.resolve(), location.specified_by or "the data folder")
        return DatasetRef(name=name, directory=str(directory), sha256="")
    if location.specified_by is None:
        raise MissingData(
            f"{source.title} is not in the cache ({location.directory}): specify the folder that contains "
            f"{source.folder}/raw with --data DIR or {DATA_VARIABLE}, download it with `fashion-tui train`, "
            "or use --dataset synthetic"
        )
    problem = _describe_problem(location.directory, raw, missing)
    raise WrongFolder(
        f"{location.specified_by} is {location.directory}, {problem}: specify the folder that contains "
        f"{source.folder}/raw, omit {location.specified_by} to download the data set, or use --dataset synthetic"
    )


def locate(file: DataFile, raw: Path) -> Path | None:
    """Return the path of a file in the folder `raw`, or None if it doesn't exist. The file may be compressed."""
    candidates = (raw / file.name, raw / f"{file.name}.gz")
    return next((path for path in candidates if os.path.isfile(path)), None)  # noqa: PTH113 - Path.is_file may raise


def verify(ref: DatasetRef) -> DatasetRef:
    """Verify every file of a data set, and return a reference that includes the data set's checksum.

    This reads 55 MB in small blocks and takes about 0.1 s. Raises DamagedData if a file is invalid.
    """
    source = find_source(ref.name)
    if source is None:
        return SYNTHETIC
    for file in source.files:
        path = _locate_existing(file, source, ref)
        if _hash_and_size(file, path)[0] != file.sha256:
            raise _damaged(file, path)
    return msgspec.structs.replace(ref, sha256=source.sha256)


def is_intact(file: DataFile, raw: Path) -> bool:
    """Return whether the folder `raw` contains a file, compressed or not, that has the published checksum."""
    path = locate(file, raw)
    try:
        return path is not None and _hash_and_size(file, path)[0] == file.sha256
    except DamagedData:
        return False


def read(ref: DatasetRef) -> StoredDataset:
    """Read the four files into memory and verify them. Raises DamagedData if a file is invalid."""
    source = _source(ref)
    arrays = [_array(file, _read_values(file, _locate_existing(file, source, ref))) for file in source.files]
    return _dataset(source, ref, *arrays)


def map_files(ref: DatasetRef) -> StoredDataset:
    """Map the four files into memory, without verifying them. A compressed file is read instead, and verified.

    Raises DamagedData if a file can't be read.
    """
    source = _source(ref)
    return _dataset(source, ref, *(_map_values(file, _locate_existing(file, source, ref)) for file in source.files))


def _source(ref: DatasetRef) -> DatasetSource:
    source = find_source(ref.name)
    if source is None:
        raise UsageError(f"the data set {ref.name!r} is synthetic and has no files")
    return source


def _dataset(  # noqa: PLR0913
    source: DatasetSource,
    ref: DatasetRef,
    train_images: Pixels,
    train_labels: Pixels,
    test_images: Pixels,
    test_labels: Pixels,
) -> StoredDataset:
    train, test = _images(train_images, train_labels), _images(test_images, test_labels)
    checked = msgspec.structs.replace(ref, sha256=source.sha256)
    info = describe(checked, source.title, source.classes, train, test, flips=source.flips)
    return StoredDataset(info, train, test)


def _images(pixels: Pixels, labels: Pixels) -> StoredImages:
    return StoredImages(pixels[:, np.newaxis], labels.astype(np.int64))


def _array(file: DataFile, values: bytearray) -> Pixels:
    return np.frombuffer(values, np.uint8).reshape(file.shape)


def _map_values(file: DataFile, path: Path) -> Pixels:
    if path.suffix == ".gz":
        return _array(file, _read_values(file, path))
    try:
        # Mode "c" maps private pages: the array is writable, as torch expects, but the file never changes.
        return np.memmap(path, np.uint8, "c", len(file.header), file.shape)
    except (OSError, ValueError) as error:  # ValueError: the file is too short
        raise _damaged(file, path) from error


def _describe_problem(directory: Path, raw: Path, missing: list[str]) -> str:
    """Return a clause that says what is wrong with the folder. It follows the folder's path in the error message."""
    inner = raw.relative_to(directory)
    try:
        if not directory.exists():
            return "which doesn't exist"
        if not directory.is_dir():
            return "which is not a folder"
        resolved = directory.resolve()
        for parent in (resolved.parent, resolved.parent.parent):
            if parent / inner in (resolved, resolved / "raw"):
                return f"which is inside the data folder (try {parent})"
        if not raw.is_dir():
            return f"which has no folder {inner}"
    except OSError as error:
        return f"which can't be read ({error.strerror})"
    return f"whose folder {inner} lacks {', '.join(missing)} (with or without .gz)"


def _locate_existing(file: DataFile, source: DatasetSource, ref: DatasetRef) -> Path:
    raw = Path(ref.directory or "") / source.folder / "raw"
    path = locate(file, raw)
    if path is None:
        raise DamagedData(
            f"{raw / file.name} no longer exists; specify another folder with --data DIR, or use --dataset synthetic"
        )
    return path


def _read_values(file: DataFile, path: Path) -> bytearray:
    """Verify a file and return its contents without the header."""
    header = bytearray(len(file.header))
    values = bytearray(file.size - len(header))
    with _open_decompressed(path) as stream:
        sizes = stream.readinto(header), stream.readinto(values), len(stream.read(1))
    digest = hashlib.sha256(header)
    digest.update(values)
    if sizes != (len(header), len(values), 0) or digest.hexdigest() != file.sha256:
        raise _damaged(file, path)
    return values


def _hash_and_size(file: DataFile, path: Path) -> tuple[str, int]:
    """Return the SHA-256 and the size of the decompressed file. Read at most `_limit(file)` decompressed bytes."""
    digest, size = hashlib.sha256(), 0
    with _open_decompressed(path) as stream:
        while block := stream.read(min(BLOCK_SIZE, _limit(file) - size)):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def _limit(file: DataFile) -> int:
    """Return the maximum number of decompressed bytes to read. An intact file has far fewer."""
    return 2 * file.size


def _damaged(file: DataFile, path: Path) -> DamagedData:
    """Return an error for a file with a wrong checksum. The message gives the most likely cause."""
    sha256, size = _hash_and_size(file, path)
    with _open_decompressed(path) as stream:
        header = stream.read(len(file.header))
    if size == 0:
        reason = "it is empty"
    elif header[:4] != file.header[:4]:
        reason = f"it starts with {header[:4].hex(' ')} instead of {file.header[:4].hex(' ')}"
    elif size == _limit(file):
        reason = f"it has at least {size:,} bytes instead of {file.size:,}"
    elif size != file.size:
        reason = f"it has {size:,} bytes instead of {file.size:,}"
    else:
        reason = "its content differs"
    return DamagedData(
        f"{path} is damaged ({reason}): its SHA-256 is {sha256}, expected {file.sha256}; {_advice(path.parent)}"
    )


@contextmanager
def _open_decompressed(path: Path) -> Iterator[io.BufferedIOBase]:
    """Open a file for reading, and decompress it if necessary. Read errors are raised as DamagedData."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedData(f"{path} is damaged (can't be decompressed: {error}); {_advice(path.parent)}") from error
    except OSError as error:
        raise DamagedData(f"{path} can't be read ({error.strerror or error}); {_advice(path.parent)}") from error


def _advice(raw: Path) -> str:
    """Return advice on what to do about a damaged file in the folder `raw`."""
    location = data_location()
    if location.specified_by is None and raw.is_relative_to(location.directory):
        return "delete it to let `fashion-tui train` download it again, or use --data DIR or --dataset synthetic"
    return "replace it, specify another folder with --data DIR, or use --dataset synthetic"
