"""Small data sets in the formats of the published ones, so that tests are fast."""

import gzip
import hashlib
import io
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fashion_tui.data.published import Archive, DataFile, DatasetSource, IdxFormat, Part
from fashion_tui.data.sources import FASHION_MNIST, SOURCES

TRAIN_IMAGES, TEST_IMAGES = 20, 6


@dataclass(frozen=True)
class SmallSet:
    source: DatasetSource
    contents: Mapping[str, bytes]
    """Decompressed content of each file, keyed by file name."""
    archives: Mapping[str, bytes]
    """Content of each published archive, keyed by name."""
    pixels: Mapping[str, list[bytes]]
    """The pixels `[C, H, W]` of each image, keyed by part."""
    labels: Mapping[str, list[int]]
    """Index of the class of each image, keyed by part."""

    def write(self, directory: Path, *, gzipped: bool = False) -> Path:
        """Write the files in torchvision's folder layout, and return their folder."""
        folder = directory / self.source.folder
        folder.mkdir(parents=True)
        for name, content in self.contents.items():
            (folder / f"{name}{'.gz' if gzipped else ''}").write_bytes(gzip.compress(content) if gzipped else content)
        return folder


Draw = Callable[[random.Random, int], bytes]
"""Returns the pixels `[C, H, W]` of an image of a class."""


def small_set(
    source: DatasetSource, train: int = TRAIN_IMAGES, test: int = TEST_IMAGES, draw: Draw | None = None
) -> SmallSet:
    """Return a data set in the format of `source` with a few images. Their pixels are random unless drawn by `draw`."""
    rng = random.Random(0)
    channels, height, width = source.image_shape
    contents: dict[str, bytes] = {}
    pixels: dict[str, list[bytes]] = {}
    labels: dict[str, list[int]] = {}
    parts = []
    for name, part, count in (("train", source.train, train), ("test", source.test, test)):
        labels[name] = [rng.randrange(len(source.classes)) for _ in range(count)]
        pixels[name] = [
            rng.randbytes(channels * height * width) if draw is None else draw(rng, label) for label in labels[name]
        ]
        if isinstance(source.format, IdxFormat):
            files = _idx_contents(source.format, height, width, pixels[name], labels[name])
        else:
            files = _record_contents(source.format.labels, len(part.files), pixels[name], labels[name])
        contents.update(zip((file.name for file in part.files), files, strict=True))
        parts.append(Part(count, tuple(_described(file, contents[file.name]) for file in part.files)))
    train_part, test_part = parts
    archives = {archive.name: _archived(archive, contents) for archive in source.archives}
    small = replace(
        source,
        train=train_part,
        test=test_part,
        mirrors=(),
        archives=tuple(
            replace(
                archive,
                size=len(archives[archive.name]),
                sha256=hashlib.sha256(archives[archive.name]).hexdigest(),
                files=tuple(
                    file for file in train_part.files + test_part.files if file.name in {f.name for f in archive.files}
                ),
            )
            for archive in source.archives
        ),
    )
    return SmallSet(small, contents, archives, pixels, labels)


def _idx_contents(idx: IdxFormat, height: int, width: int, pixels: list[bytes], labels: list[int]) -> list[bytes]:
    """Return the contents of a file of images and of a file of labels."""
    if idx.transposed:
        pixels = [bytes(image[y * width + x] for x in range(width) for y in range(height)) for image in pixels]
    count = len(pixels)
    return [
        struct.pack(">IIII", 0x0803, count, height, width) + b"".join(pixels),
        struct.pack(">II", 0x0801, count) + bytes(label + idx.first_label for label in labels),
    ]


def _record_contents(label_bytes: int, files: int, pixels: list[bytes], labels: list[int]) -> list[bytes]:
    """Return the contents of files of records, each as long as the others."""
    superclass = bytes([99] * (label_bytes - 1))
    records = [superclass + bytes([label]) + image for image, label in zip(pixels, labels, strict=True)]
    size = len(records) // files
    return [b"".join(records[start : start + size]) for start in range(0, len(records), size)]


def _described(file: DataFile, content: bytes) -> DataFile:
    """Return the description of a file. Its checksum is unknown if the published file's checksum is."""
    sha256 = None if file.sha256 is None else hashlib.sha256(content).hexdigest()
    header = {b"\x03": 16, b"\x01": 8}.get(file.header[3:4], 0)
    return DataFile(file.name, len(content), sha256, content[:header])


def _archived(archive: Archive, contents: Mapping[str, bytes]) -> bytes:
    """Return an archive in the publisher's layout, with other files that must be ignored."""
    if archive.name.endswith(".tar.gz"):
        members = {archive.member.format(file.name): contents[file.name] for file in archive.files}
        return tar_archive({archive.member.format("readme.html"): b"<html>", **members})
    if archive.name.endswith(".zip"):
        members = {archive.member.format(file.name): gzip.compress(contents[file.name]) for file in archive.files}
        return zip_archive({archive.member.format("emnist-digits-test-labels-idx1-ubyte"): b"x", **members})
    return gzip.compress(contents[archive.files[0].name], mtime=0)


def tar_archive(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zip_archive(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return buffer.getvalue()


Shrink = Callable[[DatasetSource], SmallSet]


@pytest.fixture
def shrink(monkeypatch: pytest.MonkeyPatch) -> Shrink:
    """A function that replaces a published data set with a small one."""

    def replace_source(source: DatasetSource) -> SmallSet:
        small = small_set(source)
        monkeypatch.setitem(SOURCES, source.name, small.source)
        return small

    return replace_source


@pytest.fixture
def fashion(shrink: Shrink) -> SmallSet:
    return shrink(FASHION_MNIST)


@pytest.fixture(params=list(SOURCES))
def any_set(request: pytest.FixtureRequest, shrink: Shrink) -> SmallSet:
    return shrink(SOURCES[request.param])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of an empty cache, selected through environment variables."""
    monkeypatch.delenv("FASHION_TUI_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fashion-tui"
