"""The user's marks on the images of a data set, kept in the platform's state directory.

There is one file per data set, named after the data set's SHA-256, so that the marks apply to exactly these images. A
damaged file is reported and never overwritten.
"""

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import platformdirs

from fashion_tui.files import make_private_folder, read_limited, write_atomically
from fashion_tui.schema.audit import ImageKey, Mark, Verdict
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.text import one_line

MAX_BYTES = 64 << 20
"""Maximum size of a file, in bytes. A file with 500,000 marks is smaller."""

SHA256 = re.compile(r"[0-9a-f]{64}")


def marks_folder() -> Path:
    return platformdirs.user_state_path("fashion-tui", appauthor=False) / "marks"


def read_marks(dataset: DatasetRef) -> tuple[Mark, ...]:
    """Return the marks on a data set's images: training images first, in ascending order of the index.

    `dataset` must include the SHA-256. Raises UserError if the file can't be read.
    """
    return _sorted(_read(_file(dataset)))


def mark_images(dataset: DatasetRef, images: Iterable[ImageKey], verdict: Verdict) -> tuple[Mark, ...]:
    """Mark images, replacing earlier marks on them, and return all marks on the data set's images.

    Other processes may mark images at the same time. Raises UserError if the file can't be read or written.
    """
    now = time.time()
    new = {(split, index): Mark(split=split, index=index, verdict=verdict, time=now) for split, index in images}
    return _update(dataset, lambda marks: {**marks, **new})


def toggle_mislabelled(dataset: DatasetRef, image: ImageKey) -> tuple[Mark, ...]:
    """Mark an image as mislabelled or, if it is already, remove the mark. Return all marks on the data set's images.

    Raises UserError if the file can't be read or written.
    """
    mark = Mark(split=image[0], index=image[1], verdict="mislabelled", time=time.time())

    def toggle(marks: Marks) -> Marks:
        if image in marks and marks[image].verdict == "mislabelled":
            return {key: other for key, other in marks.items() if key != image}
        return {**marks, image: mark}

    return _update(dataset, toggle)


def remove_marks(dataset: DatasetRef, images: Iterable[ImageKey]) -> tuple[Mark, ...]:
    """Remove the marks on images, and return the remaining ones. Images without a mark are ignored.

    Raises UserError if the file can't be read or written.
    """
    removed = set(images)
    return _update(dataset, lambda marks: {key: mark for key, mark in marks.items() if key not in removed})


def mislabelled_training_images(dataset: DatasetRef) -> tuple[int, ...]:
    """Return the indices of the training images that are marked as mislabelled, in ascending order.

    Raises UserError if the file can't be read.
    """
    return tuple(mark.index for mark in read_marks(dataset) if (mark.split, mark.verdict) == ("train", "mislabelled"))


Marks = Mapping[ImageKey, Mark]


def _update(dataset: DatasetRef, change: Callable[[Marks], Marks]) -> tuple[Mark, ...]:
    """Change the marks, atomically. Another process that changes them at the same time waits."""
    file = _file(dataset)
    try:
        make_private_folder(file.parent)
        with _locked(file.parent):
            marks = _sorted(change(_read(file)))
            write_atomically(file, msgspec.json.encode(marks))
    except OSError as error:
        raise UserError(f"can't write {str(file)!r}, the marks on the images: {error.strerror or error}") from error
    return marks


def _sorted(marks: Marks) -> tuple[Mark, ...]:
    return tuple(sorted(marks.values(), key=lambda mark: (mark.split != "train", mark.index)))


def _file(dataset: DatasetRef) -> Path:
    if not SHA256.fullmatch(dataset.sha256):
        raise ValueError(f"{dataset.sha256!r} isn't the SHA-256 of a data set")
    return marks_folder() / f"{dataset.sha256}.json"


def _read(file: Path) -> Marks:
    try:
        marks = msgspec.json.decode(read_limited(file, MAX_BYTES), type=tuple[Mark, ...])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(f"can't read {str(file)!r}, the marks on the images: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{str(file)!r}, the marks on the images, is damaged: {one_line(str(error))}; fix or delete the file"
        ) from error
    return {mark.key: mark for mark in marks}


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock the folder in the `with` block. Wait if another process holds the lock."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some network file systems can't lock a directory
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
