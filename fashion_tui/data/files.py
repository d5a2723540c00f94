"""Find and verify the files of a published data set.

`find` only checks that the files exist, so the app may call it before its first paint. `verify` reads and hashes every
file. All functions are thread-safe.
"""

import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import platformdirs

from fashion_tui.schema.dataset import DEFAULT_DATASET, DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.paths import check_utf8, user_path
from fashion_tui.settings import settings_path, user_settings

from .published import DataFile, DatasetSource, combined_checksum
from .sources import SYNTHETIC, find_source

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
    """A folder that contains data sets in the layout of torchvision, for example in `MNIST/raw`."""

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
    folder = location.directory / source.folder
    missing = [file.name for file in source.files if locate(file, folder) is None]
    if not missing:
        directory = check_utf8(location.directory.resolve(), location.specified_by or "the data folder")
        return DatasetRef(name=name, directory=str(directory), sha256="")
    if location.specified_by is None:
        raise MissingData(
            f"{source.title} is not in the cache ({location.directory}): specify the folder that contains "
            f"{source.folder} with --data DIR or {DATA_VARIABLE}, download it with `{download_command(source)}`, "
            "or use --dataset synthetic"
        )
    problem = _describe_problem(location.directory, source, missing)
    raise WrongFolder(
        f"{location.specified_by} is {location.directory}, {problem}: specify the folder that contains "
        f"{source.folder}, omit {location.specified_by} to download the data set, or use --dataset synthetic"
    )


def locate(file: DataFile, folder: Path) -> Path | None:
    """Return the path of a file in a folder, or None if it doesn't exist. The file may be compressed."""
    candidates = (folder / file.name, folder / f"{file.name}.gz")
    return next((path for path in candidates if os.path.isfile(path)), None)  # noqa: PTH113 - Path.is_file may raise


def located_files(source: DatasetSource, ref: DatasetRef) -> dict[DataFile, Path]:
    """Return the path of each file of a data set. Raises DamagedData if a file no longer exists."""
    folder = Path(ref.directory or "") / source.folder
    paths = {}
    for file in source.files:
        path = locate(file, folder)
        if path is None:
            raise DamagedData(
                f"{folder / file.name} no longer exists; specify another folder with --data DIR, or use "
                "--dataset synthetic"
            )
        paths[file] = path
    return paths


def verify(ref: DatasetRef, on_block: Callable[[int], None] = lambda _size: None) -> DatasetRef:
    """Verify every file of a data set, and return a reference that includes the data set's checksum.

    The files are read in small blocks, at about 0.5 GB/s. `on_block` is called with the size of each block. Raises
    DamagedData if a file is invalid.
    """
    source = find_source(ref.name)
    if source is None:
        return SYNTHETIC
    checksums = [verify_file(file, path, on_block) for file, path in located_files(source, ref).items()]
    return msgspec.structs.replace(ref, sha256=combined_checksum(checksums))


def is_intact(file: DataFile, folder: Path) -> bool:
    """Return whether a folder contains a file, compressed or not, that is identical to the published one."""
    path = locate(file, folder)
    try:
        return path is not None and bool(verify_file(file, path))
    except DamagedData:
        return False


def verify_file(
    file: DataFile, path: Path, on_block: Callable[[int], None] = lambda _size: None, values: bytearray | None = None
) -> str:
    """Verify a file, and return the SHA-256 of its decompressed content.

    If the checksum isn't published, only the size and the header are compared. `on_block` is called with the size of
    each block. If `values` is given, the content without the header is written to it, so it must have the same size.
    Raises DamagedData if the file is invalid.
    """
    digest, size = hashlib.sha256(), 0
    with _open_decompressed(path) as stream:
        header = stream.read(len(file.header))
        digest.update(header)
        while block := stream.read(min(BLOCK_SIZE, _limit(file) - len(header) - size)):
            digest.update(block)
            if values is not None:
                values[size : size + len(block)] = block
            size += len(block)
            on_block(len(block))
    sha256 = digest.hexdigest()
    if problem := _problem(file, header, len(header) + size, sha256):
        expected = "" if file.sha256 is None else f": its SHA-256 is {sha256}, expected {file.sha256}"
        raise DamagedData(f"{path} is damaged ({problem}){expected}; {advice(path.parent)}")
    return sha256


def download_command(source: DatasetSource) -> str:
    """Return the command that downloads a data set to the cache."""
    return "fashion-tui train" + ("" if source.name == DEFAULT_DATASET else f" --dataset {source.name}")


def _describe_problem(directory: Path, source: DatasetSource, missing: list[str]) -> str:
    """Return a clause that says what is wrong with the data folder. Error messages have it after the folder's path."""
    inner = source.folder
    try:
        if not directory.exists():
            return "which doesn't exist"
        if not directory.is_dir():
            return "which is not a folder"
        resolved = directory.resolve()
        for parent in (resolved.parent, resolved.parent.parent):
            if parent / inner in (resolved, resolved / "raw"):
                return f"which is inside the data folder (try {parent})"
        if not (directory / inner).is_dir():
            pickled = source.pickled_folder
            is_pickled = pickled is not None and (directory / pickled).is_dir()
            hint = f", only {pickled}, which isn't read because unpickling can execute code" if is_pickled else ""
            return f"which has no folder {inner}{hint}"
    except OSError as error:
        return f"which can't be read ({error.strerror})"
    return f"whose folder {inner} lacks {', '.join(missing)} (with or without .gz)"


def _problem(file: DataFile, header: bytes, size: int, sha256: str) -> str | None:
    """Return the most likely reason why a file differs from the published one, or None if it doesn't."""
    if size == 0:
        return "it is empty"
    if header[:4] != file.header[:4]:
        return f"it starts with {header[:4].hex(' ')} instead of {file.header[:4].hex(' ')}"
    if size == _limit(file):
        return f"it has at least {size:,} bytes instead of {file.size:,}"
    if size != file.size:
        return f"it has {size:,} bytes instead of {file.size:,}"
    if header != file.header:
        return f"its header is {header.hex(' ')} instead of {file.header.hex(' ')}"
    return None if file.sha256 in {None, sha256} else "its content differs"


def _limit(file: DataFile) -> int:
    """Return the maximum number of decompressed bytes to read. An intact file has far fewer."""
    return 2 * file.size


@contextmanager
def _open_decompressed(path: Path) -> Iterator[io.BufferedIOBase]:
    """Open a file for reading, and decompress it if necessary. Read errors are raised as DamagedData."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedData(f"{path} is damaged (can't be decompressed: {error}); {advice(path.parent)}") from error
    except OSError as error:
        raise DamagedData(f"{path} can't be read ({error.strerror or error}); {advice(path.parent)}") from error


def advice(folder: Path) -> str:
    """Return advice on what to do about a damaged file in a folder."""
    location = data_location()
    if location.specified_by is None and folder.is_relative_to(location.directory):
        return "delete it to let `fashion-tui train` download it again, or use --data DIR or --dataset synthetic"
    return "replace it, specify another folder with --data DIR, or use --dataset synthetic"
