"""Prepare published data sets, so that any process can map their images into memory at once.

A data set is verified once. If its pixels can't be mapped in the published files, because the files are compressed or
have a different format, the images are converted into the cache. The cache also stores the summary of each data set. If
a file changes, the data set is prepared again.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UsageError, UserError

from .conversions import Conversions
from .files import DamagedData, advice, located_files, verify, verify_file
from .parsing import is_mappable, parse
from .published import DataFile, DatasetSource, Part, combined_checksum
from .sources import find_source
from .stored import (
    Cancelled,
    Pixels,
    Progress,
    StoredDataset,
    StoredImages,
    cache_directory,
    describe,
    read_info,
    read_stored,
    replaced_folder,
    save,
    save_info,
)

FORMAT = 1
"""Version of the conversion. Increase it when the same files would give different arrays or a different summary."""

Paths = Mapping[DataFile, Path]


def is_in_place(ref: DatasetRef) -> bool:
    """Return whether the images are mapped in the published files, in which case `prepare` only verifies the files.

    Raises DamagedData if a file no longer exists.
    """
    source = _source(ref)
    return _is_mapped(source, located_files(source, ref))


def open_prepared(ref: DatasetRef) -> StoredDataset | None:
    """Map the images of a data set into memory without verifying them. Return None if the data set isn't prepared.

    Raises DamagedData if a file can't be found or mapped.
    """
    source = _source(ref)
    paths = located_files(source, ref)
    return _open(source, paths, _conversions(ref).path(_states(paths)))


def prepare(ref: DatasetRef, progress: Progress, should_stop: Callable[[], bool]) -> StoredDataset:
    """Verify a data set, convert it if necessary, and map its images into memory.

    `progress` counts images. Raises DamagedData if a file is invalid, UserError if the cache can't be written, and
    Cancelled if `should_stop` returns True.
    """
    source = _source(ref)
    paths, conversions = located_files(source, ref), _conversions(ref)
    folder, on_block = conversions.path(_states(paths)), _counter(source, progress, should_stop)
    if _is_mapped(source, paths):
        checked = verify(ref, on_block)
        train, test = _mapped(source, source.train, paths), _mapped(source, source.test, paths)
        dataset = _described(source, checked, train, test)
        with suppress(OSError), conversions.locked(should_stop):  # the summary isn't needed
            with replaced_folder(folder) as temporary:
                save_info(temporary, dataset.info)
            conversions.remove_others(folder)
        return dataset
    try:
        with conversions.locked(should_stop):
            # Another process may have converted the data set while this one was waiting.
            if (stored := read_stored(folder)) is not None:
                return stored
            dataset = _described(source, *_read(source, ref, paths, on_block))
            with replaced_folder(folder) as temporary:
                save(temporary, dataset)
            conversions.remove_others(folder)
    except OSError as error:
        raise UserError(f"can't write to the cache {conversions.directory}: {error.strerror or error}") from error
    return read_stored(folder) or dataset


def read(ref: DatasetRef, progress: Progress, should_stop: Callable[[], bool]) -> StoredDataset:
    """Read the published files of a data set into memory, so that it can't change, and verify them.

    Raises the same errors as `prepare`.
    """
    source, stored = _source(ref), open_prepared(ref) or prepare(ref, progress, should_stop)
    checked, train, test = _read(source, ref, located_files(source, ref), _counter(source, progress, should_stop))
    return StoredDataset(msgspec.structs.replace(stored.info, ref=checked), train, test)


def _source(ref: DatasetRef) -> DatasetSource:
    source = find_source(ref.name)
    if source is None:
        raise UsageError(f"the data set {ref.name!r} is synthetic and has no files")
    return source


def _is_mapped(source: DatasetSource, paths: Paths) -> bool:
    """Return whether the images are mapped in the published files instead of in the cache."""
    return is_mappable(source) and all(path.name == file.name for file, path in paths.items())


def _counter(source: DatasetSource, progress: Progress, should_stop: Callable[[], bool]) -> Callable[[int], None]:
    """Return a function that takes the size of a block that was read, in bytes, and reports the progress in images.

    The function raises Cancelled if `should_stop` returns True.
    """
    images = source.train.images + source.test.images
    total, done = sum(file.size - len(file.header) for file in source.files), 0

    def count(size: int) -> None:
        nonlocal done
        if should_stop():
            raise Cancelled
        done = min(done + size, total)
        progress(images * done // total, images)

    return count


def _read(
    source: DatasetSource, ref: DatasetRef, paths: Paths, on_block: Callable[[int], None]
) -> tuple[DatasetRef, StoredImages, StoredImages]:
    """Read the files into memory and verify them. Return the reference with its checksum, and the images."""
    checksums = []

    def read_values(file: DataFile) -> Pixels:
        values = bytearray(file.size - len(file.header))
        checksums.append(verify_file(file, paths[file], on_block, values))
        return np.frombuffer(values, np.uint8)

    train, test = (_parsed(source, part, paths, map(read_values, part.files)) for part in (source.train, source.test))
    return msgspec.structs.replace(ref, sha256=combined_checksum(checksums)), train, test


def _mapped(source: DatasetSource, part: Part, paths: Paths) -> StoredImages:
    # Mode "c" maps private pages: the array is writable, as torch expects, but the file never changes.
    try:
        values = [
            np.memmap(paths[file], np.uint8, "c", len(file.header), (file.size - len(file.header),))
            for file in part.files
        ]
    except (OSError, ValueError) as error:  # ValueError: the file is too short
        folder = paths[part.files[0]].parent
        raise DamagedData(f"a file in {folder} can't be mapped into memory ({error}); {advice(folder)}") from error
    return _parsed(source, part, paths, values)


def _parsed(source: DatasetSource, part: Part, paths: Paths, values: Iterable[Pixels]) -> StoredImages:
    try:
        return parse(source, part, values)
    except ValueError as error:
        path = paths[part.files[-1]]
        raise DamagedData(f"{path} is damaged ({error}); {advice(path.parent)}") from error


def _described(source: DatasetSource, ref: DatasetRef, train: StoredImages, test: StoredImages) -> StoredDataset:
    info = describe(ref, source.title, source.classes, train, test, flips=source.flips)
    return StoredDataset(info, train, test)


def _open(source: DatasetSource, paths: Paths, folder: Path) -> StoredDataset | None:
    if not _is_mapped(source, paths):
        return read_stored(folder)
    info = read_info(folder)
    if info is None:
        return None
    return StoredDataset(info, _mapped(source, source.train, paths), _mapped(source, source.test, paths))


def _conversions(ref: DatasetRef) -> Conversions:
    """Return the conversions of a data set in a data folder."""
    directory = hashlib.sha256((ref.directory or "").encode()).hexdigest()[:12]
    return Conversions(cache_directory("datasets") / f"{ref.name}-{directory}")


def _states(paths: Paths) -> list[object]:
    """Return values that change if a file or the version of the conversion changes.

    Raises DamagedData if a file no longer exists.
    """
    states: list[object] = [FORMAT]
    for path in paths.values():
        try:
            status = path.stat()
        except OSError as error:
            raise DamagedData(f"{path} can't be read ({error.strerror}); {advice(path.parent)}") from error
        states.append((path.name, status.st_size, status.st_mtime_ns))
    return states
