"""Write the images of a folder as a stored data set."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Self

import msgspec
import numpy as np

from fashion_tui.data.decoding import DecodedImage, UnreadableImage
from fashion_tui.data.stored import INFO_FILE, Progress, StoredImages, content_hash, describe
from fashion_tui.schema.dataset import DatasetRef, SkippedFile, Split
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.text import escaped, printable

from .cache import INDEX_FILE, Conversion, IndexedFile
from .images_file import ImagesFile
from .layout import ImageFile, Layout, describe_skipped, natural_order
from .parallel import in_parallel
from .reader import ImageReader
from .split import in_random_order, split

MAX_CHUNK = 16
"""Maximum number of images that a thread reads at once."""

CHUNK_PIXELS = 1 << 18
"""Maximum number of pixels that a thread reads at once, unless one image has more."""

PROGRESS_REPORTS = 1000
"""Approximate number of times that progress is reported."""


class Converter:
    """Writes the images, labels, summary and index of a folder into the folder `target`."""

    def __init__(
        self,
        ref: DatasetRef,
        target: Path,
        earlier: Conversion | None,
        progress: Progress,
        should_stop: Callable[[], bool],
    ) -> None:
        """Images of files that haven't changed since the earlier conversion are copied instead of being decoded."""
        self._ref = ref
        self._target = target
        self._reader = ImageReader(ref, earlier)
        self._progress = progress
        self._should_stop = should_stop
        self._decoded = self._to_decode = 0
        self._skipped: list[SkippedFile] = []

    def convert(self, layout: Layout) -> None:
        """Convert the files of the folder.

        Raises UserError if there are too few images or the folder no longer exists, Cancelled if `should_stop` returns
        True, and OSError.
        """
        if layout.test is None:
            train_files, test_files = split(layout.train)
        else:
            train_files, test_files = in_random_order(layout.train), in_random_order(layout.test)
        self._to_decode = sum(map(self._reader.needs_decoding, [*train_files, *test_files]))
        with self._part("train") as train, self._part("test") as test:
            self._write(train, train_files)
            classes = sorted(set(train.class_names), key=natural_order)
            self._write(test, self._of_classes(classes, test_files))
            if problem := _describe_problem(classes, test):
                skipped = describe_skipped([*layout.skipped, *self._skipped])
                raise UserError(f"{self._ref.directory} {problem}{skipped}")
            self._finish(classes, train, test)

    def _part(self, name: Split) -> "_Part":
        return _Part(name, self._target, self._reader.size)

    def _write(self, part: "_Part", files: Sequence[ImageFile]) -> None:
        """Write the images of the training or the test set."""
        chunk_size = max(1, min(MAX_CHUNK, CHUNK_PIXELS // self._reader.size**2))
        with closing(in_parallel(self._reader.read, files, self._should_stop, chunk_size=chunk_size)) as images:
            for file, image in zip(files, images, strict=True):
                if isinstance(image, UnreadableImage):
                    self._check_folder()
                    self._skipped.append(SkippedFile(path=file.path, reason=str(image)))
                else:
                    part.append(file, image)
                self._report(file)

    def _check_folder(self) -> None:
        """Raise UserError if the folder no longer exists: its files must not be listed as unreadable then."""
        if not os.path.isdir(self._ref.directory or ""):  # noqa: PTH112 - Path.is_dir may raise
            raise UserError(f"{self._ref.directory} was moved or deleted while it was read; move it back and try again")

    def _report(self, file: ImageFile) -> None:
        if self._reader.needs_decoding(file):
            self._decoded += 1
            if self._decoded == self._to_decode or self._decoded % max(1, self._to_decode // PROGRESS_REPORTS) == 0:
                self._progress(self._decoded, self._to_decode)

    def _of_classes(self, classes: Sequence[str], files: Iterable[ImageFile]) -> list[ImageFile]:
        """Return the files of these classes, and list the other classes as skipped."""
        known, others = set(classes), Counter[str]()
        kept = []
        for file in files:
            if file.class_name in known:
                kept.append(file)
            else:
                others[file.class_name] += 1
        for name, count in others.items():
            self._skipped.append(
                SkippedFile(path=name, reason=f"{count:,} test images, but no training images of this class")
            )
        return kept

    def _finish(self, classes: Sequence[str], train: "_Part", test: "_Part") -> None:
        """Write the labels, the index and the summary."""
        if train.images.has_colours or test.images.has_colours:
            train.images.convert_to_colour()
            test.images.convert_to_colour()
        names = unique_names(classes)
        stored_train, stored_test = train.finish(classes), test.finish(classes)
        sha256 = content_hash(names, stored_train.pixels, stored_train.labels, stored_test.pixels, stored_test.labels)
        ref = msgspec.structs.replace(self._ref, sha256=sha256)
        info = describe(ref, printable(ref.short_name), names, stored_train, stored_test, flips=True)
        info = msgspec.structs.replace(info, skipped=tuple(self._skipped))
        (self._target / INDEX_FILE).write_bytes(msgspec.json.encode([*train.index, *test.index]))
        (self._target / INFO_FILE).write_bytes(msgspec.json.encode(info))


class _Part:
    """The training or the test set while it is written."""

    def __init__(self, name: Split, target: Path, size: int) -> None:
        self._name = name
        self._target = target
        self.images = ImagesFile(target / f"{name}-images.npy", size)
        self.class_names: list[str] = []
        self.index: list[IndexedFile] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.images.__exit__()

    def append(self, file: ImageFile, image: DecodedImage) -> None:
        self.index.append(
            IndexedFile(file.path, file.size, file.mtime_ns, self._name, len(self.images), is_grey=image.ndim == 2)
        )
        self.images.append(image)
        self.class_names.append(file.class_name)

    def finish(self, classes: Sequence[str]) -> StoredImages:
        """Write the labels, complete the images, and map them into memory."""
        label_of = {name: label for label, name in enumerate(classes)}
        labels = np.array([label_of[name] for name in self.class_names], np.int64)
        np.save(self._target / f"{self._name}-labels.npy", labels)
        self.images.finish()
        pixels = np.load(self._target / f"{self._name}-images.npy", mmap_mode="r", allow_pickle=False)
        return StoredImages(pixels, labels)


def unique_names(folders: Sequence[str]) -> list[str]:
    """Return printable class names. Unprintable characters are escaped, and names that are then equal are numbered."""
    names: dict[str, None] = {}
    for folder in folders:
        name, number = escaped(folder), 1
        while name in names:
            number += 1
            name = f"{escaped(folder)} ({number})"
        names[name] = None
    return list(names)


def _describe_problem(classes: Sequence[str], test: _Part) -> str | None:
    """Return why no network can be trained and tested on the images, or None."""
    if not classes:
        return "has no image that can be read"
    if len(classes) == 1:
        return f"has images of only one class, {classes[0]!r}; put images of at least two classes into one folder each"
    if not test.class_names:
        return "has no test image that can be read; add images"
    return None
