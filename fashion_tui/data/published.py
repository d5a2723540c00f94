"""Descriptions of published data sets: their files, checksums, formats and downloads."""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fashion_tui.schema.dataset import ImageShape


@dataclass(frozen=True)
class DataFile:
    """A file of a data set: a header, followed by values of one byte each."""

    name: str
    """Name of the file. If the file is compressed with gzip, an additional `.gz` follows."""
    size: int
    """Size of the decompressed file, in bytes."""
    sha256: str | None
    """SHA-256 of the decompressed file. None if only the checksum of its archive is published."""
    header: bytes = b""
    """First bytes of the decompressed file."""


@dataclass(frozen=True)
class Archive:
    """A file that can be downloaded. It contains one or more files of a data set."""

    name: str
    """Name of the file, which ends in `.tar.gz`, `.zip` or, if it is one compressed file, `.gz`."""
    size: int
    """Size in bytes."""
    sha256: str
    files: tuple[DataFile, ...]
    member: str = ""
    """Path of a file in the archive, with `{}` instead of the file's name. Empty if the archive is a single file."""

    def path_of(self, file: DataFile) -> PurePosixPath:
        """Return the path of a file in the archive. If the path ends in `.gz`, the file is compressed."""
        return PurePosixPath(self.member.format(file.name) if self.member else self.name)


@dataclass(frozen=True)
class IdxFormat:
    """The format of MNIST: a file of images `[N, H, W]` and a file of labels `[N]`, with headers."""

    transposed: bool = False
    """Whether the pixels of an image are stored column by column."""
    first_label: int = 0
    """Label of the first class."""


@dataclass(frozen=True)
class RecordFormat:
    """The format of CIFAR: files of records, without headers.

    A record consists of labels, one byte each, and the pixels `[C, H, W]` of an image.
    """

    labels: int
    """Number of labels in a record. The last one is the class; CIFAR-100 has a superclass before it."""


@dataclass(frozen=True)
class Part:
    """The files of the training set or of the test set."""

    images: int
    """Number of images."""
    files: tuple[DataFile, ...]
    """In IdxFormat, the images and the labels. In RecordFormat, any number of files of records."""


@dataclass(frozen=True)
class DatasetSource:
    """A published data set."""

    name: str
    """One of `schema.dataset.DATASETS`."""
    title: str
    """Name shown to users."""
    folder: str
    """Path of the data set's files in the data folder, as in torchvision."""
    classes: tuple[str, ...]
    image_shape: ImageShape
    flips: bool
    """Whether a mirrored image has the same label as the original."""
    format: IdxFormat | RecordFormat
    train: Part
    test: Part
    mirrors: tuple[str, ...]
    """URLs of folders with the archives, in the order in which they are tried."""
    archives: tuple[Archive, ...]
    pickled_folder: str | None = None
    """Folder of the same data set in a form that is never read, because unpickling can execute code."""

    @property
    def files(self) -> tuple[DataFile, ...]:
        """The files of the training set, then those of the test set."""
        return self.train.files + self.test.files

    @property
    def sha256(self) -> str | None:
        """Checksum of the data set. None if the checksum of one of its files isn't published."""
        checksums = [file.sha256 for file in self.files if file.sha256 is not None]
        return combined_checksum(checksums) if len(checksums) == len(self.files) else None

    def instructions(self, directory: Path) -> str:
        """Return an instruction for downloading the files without this program, into the data folder `directory`."""
        names = [archive.path_of(file).name for archive in self.archives for file in archive.files]
        url = self.mirrors[0]
        if len(self.archives) == 1:
            url += self.archives[0].name
        return f"put {', '.join(names[:-1])} and {names[-1]} from {url} into {directory / self.folder}"


def idx_file(name: str, shape: tuple[int, ...], sha256: str | None) -> DataFile:
    """Return an IDX file of uint8 values. Its header is two zeros, 8 for uint8, the number of axes, and their sizes."""
    header = bytes((0, 0, 8, len(shape))) + b"".join(size.to_bytes(4, "big") for size in shape)
    return DataFile(name, len(header) + math.prod(shape), sha256, header)


def record_file(name: str, images: int, labels: int, shape: ImageShape, sha256: str) -> DataFile:
    """Return a file of records, given the number of labels in each and the shape of an image."""
    return DataFile(name, images * (labels + math.prod(shape)), sha256)


def combined_checksum(checksums: Iterable[str]) -> str:
    """Return the checksum of a data set: the SHA-256 of a text that lists the checksums of its files, one per line."""
    return hashlib.sha256("".join(f"{checksum}\n" for checksum in checksums).encode()).hexdigest()
