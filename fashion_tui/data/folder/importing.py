"""Convert a folder of the user's images into a data set in the cache, or open the conversion if no file has changed."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from fashion_tui.data.files import DamagedData
from fashion_tui.data.stored import Progress, StoredDataset, content_hash, read_stored, replaced_folder
from fashion_tui.schema.dataset import DatasetRef, Split
from fashion_tui.schema.errors import UserError

from .cache import FolderCache
from .conversion import Converter
from .layout import Layout, read_layout


def open_imported(ref: DatasetRef) -> StoredDataset | None:
    """Map a folder's images into memory if they are in the cache and no file has changed since. Else return None.

    This reads the path, size and modification time of every file, but no contents. Raises UserError if the folder has
    no images.
    """
    return _open(FolderCache(ref), read_layout(Path(ref.directory or ""), lambda: False))


def import_folder(ref: DatasetRef, progress: Progress, should_stop: Callable[[], bool]) -> StoredDataset:
    """Read the images of a folder into the cache, and map them into memory.

    Only new and changed files are decoded; the other images are copied from the previous conversion. `progress` is
    called with the number of decoded files and the number of files to decode. Files that can't be decoded are skipped
    and listed in the summary.

    Raises UserError if the folder has too few images or the cache can't be written, and Cancelled if `should_stop`
    returns True.
    """
    layout = read_layout(Path(ref.directory or ""), should_stop)
    cache = FolderCache(ref)
    if (stored := _open(cache, layout)) is not None:
        return stored
    try:
        with cache.conversions.locked(should_stop):
            # Another process may have converted the folder while this one was waiting.
            return _open(cache, layout) or _convert(ref, layout, cache, progress, should_stop)
    except OSError as error:
        raise UserError(f"can't write to the cache {cache.conversions.directory}: {error.strerror or error}") from error


def verify_imported(dataset: StoredDataset, on_block: Callable[[int], None] = lambda _size: None) -> None:
    """Compute the SHA-256 of an imported data set again. Raises DamagedData if it has changed since the import.

    This reads all images. `on_block` is called with the size of each block, in bytes.
    """
    info, train, test = dataset.info, dataset.train, dataset.test
    sha256 = content_hash(info.classes, train.pixels, train.labels, test.pixels, test.labels, on_block=on_block)
    if sha256 != info.ref.sha256:
        raise DamagedData(
            f"the images of {info.ref.short_name} in the cache have the SHA-256 {sha256}, expected {info.ref.sha256}; "
            f"delete {FolderCache(info.ref).conversions.directory} to read the folder again"
        )


def image_paths(ref: DatasetRef) -> dict[tuple[Split, int], str]:
    """Return the path of each image relative to the folder, keyed by the image's split and index.

    Return an empty dictionary if the images with the SHA-256 of `ref` are no longer in the cache.
    """
    try:
        conversion = FolderCache(ref).latest()
    except OSError:
        return {}
    if conversion is None or conversion.dataset.info.ref.sha256 != ref.sha256:
        return {}
    return {(file.split, file.index): file.path for file in conversion.files.values()}


def _open(cache: FolderCache, layout: Layout) -> StoredDataset | None:
    stored = read_stored(cache.path(layout))
    if stored is None:
        return None
    info = msgspec.structs.replace(stored.info, skipped=layout.skipped + stored.info.skipped)
    return StoredDataset(info, stored.train, stored.test)


def _convert(
    ref: DatasetRef, layout: Layout, cache: FolderCache, progress: Progress, should_stop: Callable[[], bool]
) -> StoredDataset:
    path = cache.path(layout)
    with replaced_folder(path) as temporary:
        Converter(ref, temporary, cache.latest(), progress, should_stop).convert(layout)
    cache.conversions.remove_others(path)
    stored = _open(cache, layout)
    if stored is None:
        raise OSError(f"{path} can't be read back")
    return stored
