"""Keep converted folders in the cache, where they are found by the path, size and modification time of each file.

The folder of a converted data set is named after a hash of these values. If a file changes, the hash does too: the data
set is converted again, and the images of unchanged files are copied from the previous conversion.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fashion_tui.data.conversions import Conversions
from fashion_tui.data.stored import StoredDataset, cache_directory, read_stored
from fashion_tui.schema.dataset import DatasetRef, Split

from .layout import Layout

FORMAT = 1
"""Version of the conversion. Increase it when the same files would give different pixels or a different split."""

INDEX_FILE = "files.json"


class IndexedFile(msgspec.Struct, frozen=True, array_like=True):
    """A decoded file, and the position of its image in the data set."""

    path: str
    size: int
    mtime_ns: int
    split: Split
    index: int
    """Index of the image in its split."""
    is_grey: bool
    """Whether all pixels are grey. A grey image is stored with three channels if any other image has colours."""


@dataclass(frozen=True)
class Conversion:
    """A converted folder, with its files keyed by path."""

    dataset: StoredDataset
    files: Mapping[str, IndexedFile]


class FolderCache:
    """The conversions of one folder, for one image size and fit."""

    def __init__(self, ref: DatasetRef) -> None:
        key = msgspec.json.encode((FORMAT, ref.directory, ref.image_size, ref.fit))
        self.conversions = Conversions(cache_directory("folders") / hashlib.sha256(key).hexdigest()[:32])

    def path(self, layout: Layout) -> Path:
        """Return the path of the conversion of these files. The path exists only if the files have been converted."""
        return self.conversions.path((layout.train, layout.test))

    def latest(self) -> Conversion | None:
        """Return a conversion of earlier contents of the folder."""
        for path in self.conversions.directory.iterdir():
            if path.name.startswith(".") or (dataset := read_stored(path)) is None:
                continue
            with suppress(OSError, ValueError):
                files = msgspec.json.decode((path / INDEX_FILE).read_bytes(), type=list[IndexedFile])
                return Conversion(dataset, {file.path: file for file in files})
        return None
