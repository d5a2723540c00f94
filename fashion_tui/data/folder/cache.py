"""Keep converted folders in the cache, where they are found by the path, size and modification time of each file.

The folder of a converted data set is named after a hash of these values. If a file changes, the hash does too: the data
set is converted again, and the images of unchanged files are copied from the previous conversion.
"""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fashion_tui.data.stored import Cancelled, StoredDataset, cache_directory, read_stored
from fashion_tui.files import make_private_folder
from fashion_tui.schema.dataset import DatasetRef, Split

from .layout import Layout

FORMAT = 1
"""Version of the conversion. Increase it when the same files would be converted to other pixels or another split."""

INDEX_FILE = "files.json"
LOCK_FILE = "lock"
RETRY_SECONDS = 0.1


class IndexedFile(msgspec.Struct, frozen=True, array_like=True):
    """A decoded file, and where its image is."""

    path: str
    size: int
    mtime_ns: int
    split: Split
    index: int
    """Index of the image in its split."""
    is_grey: bool
    """Whether all pixels are grey. The image still has three channels if another one has colours."""


@dataclass(frozen=True)
class Conversion:
    """A converted folder, with its files keyed by path."""

    dataset: StoredDataset
    files: Mapping[str, IndexedFile]


class FolderCache:
    """The conversions of one folder, for one image size and fit. Usually there is one; a new one replaces it."""

    def __init__(self, ref: DatasetRef) -> None:
        key = msgspec.json.encode((FORMAT, ref.directory, ref.image_size, ref.fit))
        self.directory = cache_directory("folders") / hashlib.sha256(key).hexdigest()[:32]

    def path(self, layout: Layout) -> Path:
        """Return the path of the conversion of these files, which exists if they have been converted."""
        files = msgspec.json.encode((layout.train, layout.test))
        return self.directory / hashlib.sha256(files).hexdigest()[:32]

    def latest(self) -> Conversion | None:
        """Return a conversion of earlier contents of the folder."""
        for path in self.directory.iterdir():
            if path.name.startswith(".") or (dataset := read_stored(path)) is None:
                continue
            with suppress(OSError, ValueError):
                files = msgspec.json.decode((path / INDEX_FILE).read_bytes(), type=list[IndexedFile])
                return Conversion(dataset, {file.path: file for file in files})
        return None

    @contextmanager
    def locked(self, should_stop: Callable[[], bool]) -> Iterator[None]:
        """Wait until no other process converts this folder, and prevent others from doing so.

        Raises Cancelled if `should_stop` returns True, and OSError if the cache can't be written.
        """
        make_private_folder(self.directory)
        descriptor = os.open(self.directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _try_lock(descriptor):
                if should_stop():
                    raise Cancelled
                time.sleep(RETRY_SECONDS)
            yield
        finally:
            os.close(descriptor)  # this releases the lock; the system does so if the process is killed

    def remove_incomplete(self) -> None:
        """Remove what a killed process has left. The cache must be locked."""
        for path in self.directory.glob(".*"):
            shutil.rmtree(path, ignore_errors=True)

    def remove_others(self, current: Path) -> None:
        """Remove all conversions except `current`. Processes that have mapped them keep them."""
        for path in self.directory.iterdir():
            if path not in {current, self.directory / LOCK_FILE}:
                shutil.rmtree(path, ignore_errors=True)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # the file system has no locks; then, the last conversion wins
    return True
