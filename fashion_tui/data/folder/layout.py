"""Find the classes and image files of a folder, without reading the files.

The layout is either `FOLDER/<class>/…`, or `FOLDER/train/<class>/…` and `FOLDER/test/<class>/…`. Images may be in
folders inside the folder of their class. Hidden files and folders are ignored.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from fashion_tui.data.decoding import EXTENSIONS
from fashion_tui.data.stored import Cancelled
from fashion_tui.schema.dataset import SkippedFile
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.paths import is_utf8
from fashion_tui.schema.text import encodable

TRAIN = "train"
TEST_NAMES = ("test", "val", "valid", "validation")
"""Names of a folder with test images. The first that exists is used."""

EXPECTED = "a folder of images for each class, as in FOLDER/cat/1.png or FOLDER/train/cat/1.png"

STOP_INTERVAL = 1000
"""Number of files after which `should_stop` is called again."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file whose extension is that of an image."""

    path: str
    """Path relative to the data set's folder."""
    class_name: str
    """Name of the folder that contains the images of its class."""
    size: int
    """Size in bytes."""
    mtime_ns: int
    """Time of the last modification, in nanoseconds."""


@dataclass(frozen=True)
class Layout:
    """The files of a data set's folder."""

    train: tuple[ImageFile, ...]
    """All files if `test` is None."""
    test: tuple[ImageFile, ...] | None
    """The files of the test part, or None if the folder has no such part."""
    skipped: tuple[SkippedFile, ...]
    """Files and folders that can't be read, or that aren't images."""


def read_layout(folder: Path, should_stop: Callable[[], bool]) -> Layout:
    """Find the files of a data set.

    Raises UserError if no class folder has an image, and Cancelled if `should_stop` returns True.
    """
    scan = _Scan(folder, should_stop)
    names = scan.folders("")
    test = next((name for name in TEST_NAMES if name in names), None)
    if TRAIN in names and (test is not None or names == [TRAIN]):
        parts = [TRAIN] if test is None else [TRAIN, test]
        for name in names:
            if name not in parts:
                scan.skip(name, f"not read: the images are in {' and '.join(parts)}")
        train = scan.classes(TRAIN, scan.folders(TRAIN))
        test_files = None if test is None else scan.classes(test, scan.folders(test))
    else:
        train, test_files = scan.classes("", names), None
    if not train:
        raise UserError(f"{folder} has no training images{describe_skipped(scan.skipped)}; expected {EXPECTED}")
    return Layout(tuple(train), None if test_files is None else tuple(test_files), tuple(scan.skipped))


def describe_skipped(skipped: list[SkippedFile]) -> str:
    """Return the first skipped file and the number of the others in parentheses, or an empty string."""
    if not skipped:
        return ""
    others = f", and {len(skipped) - 1:,} more" if len(skipped) > 1 else ""
    return f" (skipped {skipped[0].path}: {skipped[0].reason}{others})"


def natural_order(name: str) -> tuple[list[str | int], str]:
    """Return a sort key that ignores case and compares numbers by value, so that "9" is before "10"."""
    parts = re.split("([0-9]+)", name.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name


class _Scan:
    """Walks through a folder, and lists what it skips."""

    def __init__(self, folder: Path, should_stop: Callable[[], bool]) -> None:
        self._root = os.path.realpath(folder)
        self._should_stop = should_stop
        self.skipped: list[SkippedFile] = []

    def skip(self, path: str, reason: str) -> None:
        self.skipped.append(SkippedFile(path=encodable(path), reason=reason))

    def folders(self, path: str) -> list[str]:
        """Return the names of the folders in a folder, in natural order. Files beside them are skipped."""
        names: list[str] = []
        files: list[str] = []
        for entry, status in self._entries(path):
            (names if stat.S_ISDIR(status.st_mode) else files).append(entry.name)
        self._skip_files(path, files, "not in the folder of a class")
        return sorted(names, key=natural_order)

    def classes(self, path: str, names: list[str]) -> list[ImageFile]:
        """Return the images of all classes. `names` are the names of their folders, which are in the folder `path`."""
        return [file for name in names for file in self._images(path, name)]

    def _images(self, parent: str, class_name: str) -> Iterator[ImageFile]:
        """Yield the images in the folder of a class and in the folders inside it. Each folder is read only once."""
        path = _join(parent, class_name)
        pending, visited = [path], {self._root, self._real(parent)}
        is_empty, skipped = True, len(self.skipped)
        while pending:
            folder = pending.pop()
            if self._real(folder) in visited:
                self.skip(folder, "a link to a folder that was already read")
                continue
            visited.add(self._real(folder))
            others = []
            for entry, status in self._entries(folder):
                relative = _join(folder, entry.name)
                if stat.S_ISDIR(status.st_mode):
                    pending.append(relative)
                elif _extension(entry.name) not in EXTENSIONS:
                    others.append(entry.name)
                elif reason := _reason_to_skip(entry, status):
                    self.skip(relative, reason)
                else:
                    is_empty = False
                    yield ImageFile(relative, class_name, status.st_size, status.st_mtime_ns)
            self._skip_files(folder, others, "not an image")
        if is_empty and len(self.skipped) == skipped:
            self.skip(path, "no images")

    def _entries(self, path: str) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
        """Yield the files and folders in a folder, with their status. Links are followed."""
        try:
            with os.scandir(_join(self._root, path)) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            if not path:
                raise UserError(f"can't read {self._root}: {error.strerror}") from error
            self.skip(path, error.strerror or str(error))
            return
        for index, entry in enumerate(entries):
            if index % STOP_INTERVAL == 0 and self._should_stop():
                raise Cancelled
            if not entry.name.startswith(".") and (status := self._status(_join(path, entry.name), entry)) is not None:
                yield entry, status

    def _status(self, path: str, entry: os.DirEntry[str]) -> os.stat_result | None:
        """Return the status of a file or folder, or None if it is skipped."""
        try:
            if not is_utf8(entry.name):
                self.skip(path, "its name isn't UTF-8")
            elif entry.is_symlink() and not self._is_inside(os.path.realpath(entry.path)):
                self.skip(path, "a link to outside the folder")
            else:
                return entry.stat()
        except OSError as error:
            self.skip(path, error.strerror or str(error))
        return None

    def _is_inside(self, real_path: str) -> bool:
        return os.path.commonpath([self._root, real_path]) == self._root

    def _real(self, path: str) -> str:
        return os.path.realpath(_join(self._root, path))

    def _skip_files(self, folder: str, names: list[str], reason: str) -> None:
        """Record files as skipped. Files with the same extension share one entry."""
        for extension, group in groupby(sorted(names, key=_extension), _extension):
            same = list(group)
            if len(same) == 1:
                self.skip(_join(folder, same[0]), reason)
            else:
                self.skip(_join(folder, f"*.{extension}" if extension else "*"), f"{len(same):,} files: {reason}")


def _join(folder: str, name: str) -> str:
    """Join two paths, of which one may be empty."""
    return f"{folder}/{name}" if folder and name else folder or name


def _extension(name: str) -> str:
    """Return the extension of a file name in lower case, without the dot."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def _reason_to_skip(entry: os.DirEntry[str], status: os.stat_result) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if not os.access(entry.path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        return os.strerror(errno.EACCES)
    return None
